/* SPDX-License-Identifier: MIT */
/* What stood still in a stall: one endpoint, all of them, or the gateway in front of them, which
 * then did nothing at all. A step of the search for stalls (lab/analysis/stalls.h); pure. */
#ifndef TAILGATE_LAB_ANALYSIS_STALL_SCOPE_H
#define TAILGATE_LAB_ANALYSIS_STALL_SCOPE_H

#include "lab/analysis/stalls.h"

/* Sets the scope of every stall; stalls of the gateway that are one become one, without an
 * endpoint. */
void stall_scopes_judge(struct stalls *stalls);

/* How many of the rising moments are not behind `until`. */
size_t stall_count_until(const int64_t *moments, size_t count, int64_t until);

/* How many waits did not begin behind `until`. */
size_t stall_begun_until(const struct stall_view *view, int64_t until);

#endif
