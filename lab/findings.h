/* SPDX-License-Identifier: MIT */
/* What the analysis finds in the records of a run, as further tables of its database:
 *     stall (variant, round, endpoint, scope, began_ns, began_after_ns, ended_ns, open, held,
 *            given_up, together, surprise, confidence)     the members of struct stall
 *           (lab/analysis/stalls.h); "endpoint" is NULL for a stall of the gateway itself
 */
#ifndef TAILGATE_LAB_FINDINGS_H
#define TAILGATE_LAB_FINDINGS_H

#include "lib/base/result.h"

/* Analyses the database of a run and adds the tables to it. */
enum result findings_write(const char *path, struct error *error) MUST_USE;

#endif
