/* SPDX-License-Identifier: MIT */
/* What the lab does to the processes of a round: every fault that is done to one, on time. */
#ifndef TAILGATE_LAB_RUN_INJECT_H
#define TAILGATE_LAB_RUN_INJECT_H

#include "lab/plan/plan.h"
#include "lab/run/injection.h"

struct injector {
    struct injection *items;
    size_t count;
    struct injected_list done;
};

struct injector_order {
    const struct plan *plan;
    size_t variant;
    int64_t round;
    struct supervisor *supervisor;
    const char *folder; /* of the round */
};

/* Nothing is done yet. */
void injector_init(struct injector *injector);

/* Adds what is to be done to a process; `name`, its own, outlives the round. */
void injector_add(struct injector *injector, const struct injector_order *order,
                  struct process *process, const char *name);

void injector_start(struct injector *injector, mono epoch);

/* When injector_turn has something to do next, or `otherwise` when that is sooner. */
mono injector_next(const struct injector *injector, mono otherwise);

/* Does what is due, and what the ends and beginnings of processes ask for. */
enum result injector_turn(struct injector *injector, struct error *error) MUST_USE;

/* Ends everything it does, so that the processes can be stopped. Harmless when repeated. */
void injector_end(struct injector *injector);

void injector_release(struct injector *injector);

#endif
