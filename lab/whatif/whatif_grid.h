/* SPDX-License-Identifier: MIT */
/* Which settings are looked at: one axis at a time from the present one, and the combinations of
 * timeouts with retries, which depend on each other. */
#ifndef TAILGATE_LAB_WHATIF_WHATIF_GRID_H
#define TAILGATE_LAB_WHATIF_WHATIF_GRID_H

#include "lab/analysis/replay.h"

struct grid_point {
    struct replay_setting setting;
    const char *group; /* what is varied: "response timeout" */
};

struct grid {
    struct grid_point *points;
    size_t count;
};

struct grid_limits {
    int64_t client_timeout; /* no response timeout beyond it is looked at */
    size_t busiest;         /* tries on one endpoint at once, at most: no connection limit above */
    bool idle_known;        /* how long connections were idle */
};

/* The present setting is the first. Free with grid_free. */
void grid_make(struct grid *grid, const struct replay_setting *present, const struct survival *ends,
               const struct grid_limits *limits);
void grid_add(struct grid *grid, const struct replay_setting *setting, const char *group);
void grid_free(struct grid *grid);

#endif
