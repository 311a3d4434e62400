/* SPDX-License-Identifier: MIT */
/* The names of endpoints and what they stand for at the moment. A name is looked up when the first
 * configuration has it, again when its answer's time to live is over, and as long as a
 * configuration has it. When a lookup fails, what was known stays. For the main thread, which never
 * waits here. */
#ifndef TAILGATE_PROXY_PROCESS_DIRECTORY_H
#define TAILGATE_PROXY_PROCESS_DIRECTORY_H

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "proxy/config/config.h"
#include "proxy/process/lookup.h"

struct directory;

struct dns_name {
    struct list node;
    struct directory *directory;
    char *host;
    bool service;
    struct targets targets; /* of the last answer; none: there was none yet */
    struct lookup *lookup;  /* NULL: none is under way */
    struct timer again;
    size_t cut;   /* addresses left out of the last answer */
    bool wanted;  /* by the latest configuration, or by that which is to follow */
    bool fresh;   /* only by that */
    bool awaited; /* its first lookup has not ended */
    bool failing; /* the last lookup failed */
    bool noted;   /* `failing`, as it was written down */
};

struct directory_calls {
    /* Whoever waits may go on. */
    void (*settled)(void *arg);
    /* A name of the latest configuration was answered. */
    void (*answered)(void *arg, bool changed);
    /* Lookups of a name begin or cease to fail. */
    void (*turned)(void *arg);
};

struct directory {
    struct loop *loop;
    const struct log *log;
    const struct directory_calls *calls;
    void *arg;
    struct list names;                     /* struct dns_name */
    const struct resolver_config *current; /* NULL: there was no configuration yet */
    const struct resolver_config *next;    /* NULL: none is to follow */
    struct resolver *resolver;             /* of the current one; NULL: it needs none */
    struct resolver *asking;               /* of that which is to follow, perhaps the same */
    bool waiting;                          /* `settled` has not been called */
    size_t awaited;                        /* names */
    struct timer deadline;
    struct soon settle;
    uint64_t lookups, cut;              /* addresses */
    uint64_t results[DNS_RESULT_COUNT]; /* lookups by how they ended */
};

void directory_init(struct directory *directory, struct loop *loop, const struct log *log,
                    const struct directory_calls *calls, void *arg);
/* Harmless on a zeroed one. */
void directory_release(struct directory *directory);

/* A configuration is to follow: looks up those of its names that are new. Either directory_commit
 * or directory_abort comes next; it was aborted already when this fails. */
enum result directory_prepare(struct directory *directory, const struct proxy_config *next,
                              struct error *error) MUST_USE;

/* Whether new names have to be waited for: `settled` will be called, at the latest when
 * `resolver.wait` has passed. */
static inline bool directory_waits(const struct directory *directory)
{
    return directory->waiting;
}

/* Puts addresses in place of the names in every upstream's endpoints, none where none is known. */
void directory_expand(const struct directory *directory, struct proxy_config *config,
                      struct arena *arena);

/* The configuration that was prepared is the latest. */
void directory_commit(struct directory *directory);

/* It does not become that. */
void directory_abort(struct directory *directory);

/* NULL: it is not there. */
struct dns_name *directory_find(const struct directory *directory,
                                const struct endpoint_config *endpoint);

#endif
