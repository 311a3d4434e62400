/* SPDX-License-Identifier: MIT */
/* Neighbours: processes that use up cores beside another process. */
#ifndef TAILGATE_LAB_RUN_NEIGHBOUR_H
#define TAILGATE_LAB_RUN_NEIGHBOUR_H

#include "lab/run/process.h"

struct neighbours {
    struct process *items;
    size_t count;
};

struct neighbour_order {
    const struct process *beside;
    size_t cores;
    double share;         /* of the time of each core that a neighbour wants */
    const char *log_path; /* of all of them */
};

/* Starts one for each core, on those that the process ran on last first, each bound to its own. */
enum result neighbours_start(struct neighbours *neighbours, struct supervisor *supervisor,
                             const struct neighbour_order *order, struct error *error) MUST_USE;

/* Kills them. Harmless when there are none. */
void neighbours_stop(struct neighbours *neighbours, struct supervisor *supervisor);

#endif
