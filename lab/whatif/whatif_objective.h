/* SPDX-License-Identifier: MIT */
/* The objective: which figures can be one at all, and whether a prediction meets it, for sure, or
 * cannot be told to. A figure that is withheld meets nothing, and a request that its client gave up
 * is a success of no setting. */
#ifndef TAILGATE_LAB_WHATIF_WHATIF_OBJECTIVE_H
#define TAILGATE_LAB_WHATIF_WHATIF_OBJECTIVE_H

#include "lab/whatif/whatif_result.h"

/* Reads the conditions of the options. FAILED_INPUT when one is about what a replay of the gateway
 * does not predict. */
enum result whatif_objective_read(struct whatif *whatif, struct error *error) MUST_USE;

/* Judges a point whose prediction is there, or withheld: then it cannot be told. */
void whatif_objective_judge(const struct whatif *whatif, struct whatif_point *point);

#endif
