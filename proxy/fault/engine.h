/* SPDX-License-Identifier: MIT */
/* The faults as one worker runs them: when each is on, and whom it touches. What a worker draws is
 * a function of the seed, the fault's name and what stands for the request or connection, so that
 * workers agree without asking each other; what must be exact across them is in
 * process/faults.h. */
#ifndef TAILGATE_PROXY_FAULT_ENGINE_H
#define TAILGATE_PROXY_FAULT_ENGINE_H

#include "chaos/conn/faulty.h"
#include "chaos/fault/live.h"
#include "lib/base/log_pace.h"
#include "proxy/process/faults.h"

struct pool;
struct realm;
struct route_config;
struct upstream;
struct worker;

/* A fault that a worker runs. It has a bit of its own, by which requests remember that they match
 * it. */
struct culprit {
    struct engine *engine;
    struct fault_rule *rule;
    struct live_fault *live; /* its fault is the rule's */
    unsigned bit;            /* or another number, for one request */
    const char *path;        /* what the paths of its requests begin with; NULL: anything */
    size_t path_length;
    mono since;           /* it has the bit since then */
    struct list touches;  /* struct touch */
    bool orphaned;        /* goes with the last of them */
    struct list of_asked; /* among those of single requests */
    struct alarm over;    /* of those: it is not for longer */
};

struct engine {
    struct worker *worker;
    uint64_t number;                      /* of the set that it runs */
    uint64_t clearings;                   /* that it has seen */
    struct culprit *culprits[FAULTS_MAX]; /* by bit; NULL: the bit is free */
    bool ready;                           /* `alarms` are: there was a fault once */
    struct alarms alarms;
    struct alarm next; /* the next one that begins or ends */
    struct faulty_shared shared;
    struct list uplinks;      /* all of the worker's */
    struct list asked;        /* culprits that single requests have asked for */
    struct log_pace refusals; /* of faults that requests ask for */
    const char **names;       /* that records may point to since the set was taken over */
    size_t name_count;
};

/* Of a worker whose loop stands. */
struct engine *engine_new(struct worker *worker);
/* Once no connection is left. */
void engine_free(struct engine **engine);

/* Takes over the current set of faults, if that is another one. */
void engine_look(struct engine *engine);

/* Works out which faults may ever match what goes through a realm: `faults` of its passages and
 * upstreams. */
void engine_plan(const struct engine *engine, struct realm *realm);

/* One that is on at once, for a request that has asked for it; takes over the fault. `id` is not
 * one of the bits. It lets go of all that it touches after `most`, or when all faults are removed.
 * NULL, and the fault is freed: this worker injects none. */
struct culprit *culprit_for_one(struct engine *engine, struct fault *fault, unsigned id,
                                duration most);
/* Its owner needs it no more: it goes as soon as it touches nothing, which may be later where a
 * late answer is listened for. */
void culprit_leave(struct culprit **culprit);
/* It does not touch something any more, and may be gone. */
void culprit_look(struct culprit *culprit);

static inline const struct fault_config *culprit_config(const struct culprit *culprit)
{
    return live_config(culprit->live);
}

static inline const struct fault_row *culprit_row(const struct culprit *culprit)
{
    return fault_row((enum fault_kind)culprit_config(culprit)->kind);
}

/* Whether it is drawn for each connection, and works on its bytes. */
bool culprit_is_for_connections(const struct culprit *culprit);

/* Whether the connections of a pool are what it is for. */
bool culprit_matches_pool(const struct culprit *culprit, const struct pool *pool);

/* Whether something new that it matches is among the first, where those alone are touched. Counts
 * it as asked about. */
bool culprit_counts_in(struct culprit *culprit);

/* Whether it touches that, of that key. True: it counts as touched, until culprit_release. */
bool culprit_claim(struct culprit *culprit, uint64_t key, mono now);
void culprit_release(struct culprit *culprit);

/* The random lengths of what it does to something of that key. */
void culprit_draw(const struct culprit *culprit, uint64_t key, enum fault_stream stream,
                  struct rng *rng);

#endif
