/* SPDX-License-Identifier: MIT */
/* The faults that the gateway puts into its upstream connections, as the process knows them: a set
 * that is replaced as a whole, by a reload or while it runs, and what must be exact across workers.
 * The main thread makes, changes and releases sets; each worker takes over the latest in a callback
 * of its own (fault/engine.h) and draws by itself. */
#ifndef TAILGATE_PROXY_PROCESS_FAULTS_H
#define TAILGATE_PROXY_PROCESS_FAULTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/base/clock.h"
#include "proxy/config/config_fault.h"

struct generation;
struct proxy;

/* What all workers, and all faults of one name that follow one another, share. */
struct fault_common {
    char *name;
    uint16_t name_id;      /* in records */
    atomic_int uses;       /* by rules */
    bool epoch_later;      /* its times count from the start of the measured load */
    _Atomic int64_t epoch; /* a mono, from which its times count; 0 = they do not yet */
    atomic_bool on;
    atomic_uint_fast64_t matched; /* connections or requests it was asked about while it was on;
                                     counted for those alone that have a "first" */
    atomic_uint_fast64_t touched;
    atomic_int_fast64_t active; /* connections or requests it touches now */
};

/* A fault as it was configured. It does not change, and lives as long as anybody uses it. */
struct fault_rule {
    atomic_int uses;
    struct fault *fault;
    struct fault_common *common;
    mono since;      /* when it was added or last changed */
    bool configured; /* it stands in the file; others stay when the file is read again */
};

struct fault_set {
    struct fault_rule *rules[FAULTS_MAX];
    size_t count;
};

struct faults {
    pthread_mutex_t lock; /* of what follows up to `number`; held by the main thread to change it,
                             by a worker to take it over */
    struct fault_set current;
    const char **names; /* as the current set's records have them */
    size_t name_count;
    bool awaits_load;                 /* times do not count yet */
    bool told;                        /* the log has the seed */
    struct fault_common asked;        /* what requests ask for: all of it together */
    atomic_uint_fast64_t number;      /* of the current set */
    atomic_uint_fast64_t clearings;   /* how often all were removed */
    atomic_uint_fast64_t requests;    /* that were drawn for by their number */
    atomic_uint_fast64_t connections; /* that were drawn for */
};

/* Of the proxy, before anything else is done with them. `awaits_load`: a laboratory will say when
 * the measured load starts. */
void proxy_faults_init(struct faults *faults, bool awaits_load);
/* Once no worker is left. */
void proxy_faults_release(struct faults *faults);

/* The set that a generation's configuration asks for: a fault that is as it was goes on, and what
 * was added while the gateway ran stays. Nothing has changed yet. */
enum result proxy_faults_prepare(struct fault_set *set, const struct generation *generation,
                                 struct error *error) MUST_USE;

/* The set becomes the current one, and is emptied; every worker hears of it. */
enum result proxy_faults_install(struct proxy *proxy, struct fault_set *set,
                                 struct error *error) MUST_USE;

/* A set that is not to be used. */
void proxy_faults_drop(struct fault_set *set);

/* The measured load starts then: what has waited for it counts from there. */
void proxy_faults_start(struct proxy *proxy, mono epoch);

/* For a worker: the current set, to be dropped by it, and a copy of the names. */
void proxy_faults_take(struct faults *faults, struct fault_set *set, const char ***names,
                       size_t *name_count, uint64_t *number);

/* From any thread: a rule for a fault that a request has asked for; to be dropped with a set. */
struct fault_rule *proxy_faults_rule_for_one(struct faults *faults, struct fault *fault);

/* ---- while the gateway runs, for the main thread */

/* NULL: there is none of that name. */
const struct fault_rule *proxy_faults_find(const struct faults *faults, const char *name);

/* Whether its time is over: it touches nothing any more. */
bool fault_rule_is_over(const struct fault_rule *rule, mono now);

/* Adds a fault, or changes the one of its name; it is the set's then, whatever the result. */
enum result proxy_faults_put(struct proxy *proxy, struct fault *fault,
                             struct error *error) MUST_USE;

/* False: there is none of that name. */
bool proxy_faults_remove(struct proxy *proxy, const char *name);

/* Removes all, those that requests under way have asked for as well. */
void proxy_faults_clear(struct proxy *proxy);

#endif
