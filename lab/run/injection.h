/* SPDX-License-Identifier: MIT */
/* One fault done to one process: when it comes next, what has to be done about it, and how it
 * goes on. One function changes its state. */
#ifndef TAILGATE_LAB_RUN_INJECTION_H
#define TAILGATE_LAB_RUN_INJECTION_H

#include <sys/resource.h>

#include "chaos/fault/schedule.h"
#include "lab/plan/experiment_fault.h"
#include "lab/run/neighbour.h"
#include "lab/run/process.h"

#define INJECTION_STATES(X)                                                  \
    X(WAITING, "waiting")   /* for its next occurrence */                    \
    X(HOLDING, "holding")   /* the process is stopped, or lacks something */ \
    X(ENDING, "ending")     /* it was killed or told to end */               \
    X(AWAY, "away")         /* it has ended */                               \
    X(STARTING, "starting") /* it was started again */                       \
    X(OVER, "over")         /* nothing is to come */

#define INJECTION_STATE_ENUM(id, name) INJECTION_##id,
enum injection_state { INJECTION_STATES(INJECTION_STATE_ENUM) INJECTION_STATE_COUNT };
#undef INJECTION_STATE_ENUM

/* What was done once, for the records. */
struct injected {
    const char *fault, *target; /* names that outlive the round */
    const char *kind;
    uint64_t ordinal;
    duration planned_at, planned_for; /* planned_for: negative when it had no planned end */
    mono started, ended;              /* not set: it was not done, for the process was not there */
    bool gave_up;                     /* the watchdog did: the process was not started again */
    mono gave_up_at;
    uint64_t restarts; /* in its window then */
};

/* The sum of what is done to processes, in the order of its ends. */
struct injected_list {
    struct injected *items;
    size_t count;
};

struct injection {
    const struct fault_spec *fault;
    struct process *process;
    const char *target; /* its name, which outlives the round */
    struct supervisor *supervisor;
    struct injected_list *done;
    const char *folder; /* for the logs of neighbours */
    mono epoch;
    duration load; /* how long the measured load lasts */

    enum injection_state state;
    char *draws; /* what its random numbers are named */
    struct schedule schedule;
    struct occurrence next; /* the one that is coming, or on */
    mono started;
    mono due;       /* when it has to do something by itself; not set: it waits for others */
    mono *restarts; /* the watchdog's memory: a ring of config.restarts moments */
    size_t restart_count;
    struct neighbours neighbours;
    struct rlimit descriptors; /* the limit before it was taken away */
};

void injection_init(struct injection *injection, uint64_t seed);

/* Its times count from then, which may be to come. */
void injection_start(struct injection *injection, mono epoch);

/* Does what is due. Fails when a process cannot be started. */
enum result injection_turn(struct injection *injection, mono now, struct error *error) MUST_USE;

/* Ends what it does: the process goes on, or, when it was being started again, is killed. */
void injection_end(struct injection *injection);

void injection_release(struct injection *injection);

#endif
