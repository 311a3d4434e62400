/* SPDX-License-Identifier: MIT */
/* In what the experiments of two runs differ, as their files and variants say. */
#ifndef TAILGATE_LAB_COMPARE_EXPERIMENT_DIFF_H
#define TAILGATE_LAB_COMPARE_EXPERIMENT_DIFF_H

#include "lab/read/recorded_run.h"

struct cJSON;

/* Adds {"where": JSON Pointer, "a": text, "b": text} to the list for each value that is not the
 * same; an absent one is "-". What only says what is run how often and expected of it is passed
 * over. A file that cannot be read (another version's) counts as different as a whole. */
void experiment_diff(struct cJSON *list, const struct recorded_run *a, int a_variant,
                     const struct recorded_run *b, int b_variant);

#endif
