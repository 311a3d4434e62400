/* SPDX-License-Identifier: MIT */
/* One configuration as the whole process sees it: what was read from the file, and what workers
 * share because of it. The first is made at the start, a further one by each reload; it is released
 * when the last worker has no request, client or connection left that began under it. For the main
 * thread, but for what says otherwise; workers read it. */
#ifndef TAILGATE_PROXY_PROCESS_GENERATION_H
#define TAILGATE_PROXY_PROCESS_GENERATION_H

#include <stdatomic.h>

#include "lib/base/list.h"
#include "proxy/config/config.h"
#include "proxy/process/faults.h"
#include "proxy/process/secure.h"
#include "proxy/process/shared.h"

struct proxy;

struct generation_upstream {
    struct shared_upstream *shared;
    struct shared_endpoint **endpoints;
    uint16_t name;            /* in records */
    uint16_t *endpoint_names; /* likewise */
};

struct generation_listener {
    struct address configured;
    struct address bound; /* a port of 0 has been resolved */
    int kept;     /* the listener of the generation before whose sockets go on; -1: it is new */
    int *sockets; /* of a new one: one per worker; -1: the worker has taken it over */
};

struct generation {
    struct proxy *proxy;
    uint64_t number; /* 1 is what the process was started with */
    struct conf_doc *doc;
    struct arena arena;
    struct proxy_config config;
    struct secure secure; /* the TLS contexts; what uses one holds it */
    struct generation_upstream *upstreams;
    struct generation_listener *listeners;
    uint16_t *route_names;      /* in records */
    struct throttle *throttles; /* rate limits, by route */
    struct limiter **limiters;  /* of requests under way, as limiters.h has them */
    struct fault_set faults;    /* what it asks for, until it is installed */
    const char **names;         /* all that records may point to */
    size_t name_count;
    atomic_int users; /* workers that have something of it */
    struct list node; /* in proxy->generations */
};

/* Reads and checks the file, and the certificates it names; nothing else has happened. */
enum result generation_read(struct generation **generation, const char *path,
                            struct error *error) MUST_USE;

/* The same configuration once more, with what its files of endpoints hold now: not what has become
 * of its own file meanwhile, nor of certificates and keys, which may be half written, or readable
 * by root alone. */
enum result generation_read_again(struct generation **generation, const struct generation *before,
                                  struct error *error) MUST_USE;

/* Opens the listening sockets that `before` (NULL: there is none) does not have. */
enum result generation_listen(struct generation *generation, struct proxy *proxy,
                              const struct generation *before, struct error *error) MUST_USE;

/* Makes what workers will share: endpoints are now what the proxy's directory knows of their names;
 * finds what other generations have of the same upstreams and endpoints, and adds it to the
 * proxy's.
 */
enum result generation_share(struct generation *generation, struct error *error) MUST_USE;

/* From now on its endpoints are those whose health counts, and not those of `before` (NULL: there
 * is none). */
void generation_activate(struct generation *generation, const struct generation *before);

/* Nulls the pointer; harmless on NULL. */
void generation_release(struct generation **generation);

/* The listener of the same address as listener `number` of `of`, or -1. Among several of one
 * address (of port 0) the first goes with the first. From any thread. */
int generation_find_listener(const struct generation *generation, const struct generation *of,
                             size_t number);

#endif
