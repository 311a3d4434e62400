/* SPDX-License-Identifier: MIT */
/* Which expectations hold. */
#ifndef TAILGATE_LAB_RESULT_JUDGE_H
#define TAILGATE_LAB_RESULT_JUDGE_H

#include "lab/result/summary.h"

/* Sets the verdicts of a run that is complete. Where many requests got no answer and the
 * expectations say nothing of that, there is one more, which falls short. What is expected of a
 * route is read from `db`. */
enum result judge_expectations(struct summary *summary, struct sqlite3 *db,
                               struct error *error) MUST_USE;

#endif
