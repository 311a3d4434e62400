/* SPDX-License-Identifier: MIT */
/* What stood still in a stall: one endpoint, all of them, or the gateway in front of them, which
 * then did nothing at all. A step of the search for stalls (lab/analysis/stalls.h); pure. */
#ifndef TAILGATE_LAB_ANALYSIS_STALL_SCOPE_H
#define TAILGATE_LAB_ANALYSIS_STALL_SCOPE_H

#include "lab/analysis/stalls.h"

/* What happened on one endpoint, by time. */
struct stall_view {
    const struct stall_wait *waits;
    size_t count;
    const int64_t *ends; /* of all waits */
    size_t end_count;
    const int64_t *moves; /* the ends at which something came */
    size_t move_count;
};

/* Sets the scope of every stall; stalls of the gateway that are one become one, without an
 * endpoint. `views` has one for each of the stalls' endpoints. */
void stall_scopes_judge(struct stalls *stalls, const struct stall_view *views);

/* How many of the rising moments are not behind `until`. */
size_t stall_count_until(const int64_t *moments, size_t count, int64_t until);

#endif
