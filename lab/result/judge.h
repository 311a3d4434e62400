/* SPDX-License-Identifier: MIT */
/* Which expectations hold. */
#ifndef TAILGATE_LAB_RESULT_JUDGE_H
#define TAILGATE_LAB_RESULT_JUDGE_H

#include "lab/result/summary.h"

/* Sets the verdicts of a run that is complete. */
void judge_expectations(struct summary *summary);

#endif
