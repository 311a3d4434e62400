/* SPDX-License-Identifier: MIT */
/* What was counted in the variants of a run, by name: the faults that were injected and the causes
 * of failures. What is the same in each variant is said once, and of a long list the largest counts
 * are. */
#ifndef TAILGATE_LAB_RESULT_TABLE_COUNTS_H
#define TAILGATE_LAB_RESULT_TABLE_COUNTS_H

#include <stdio.h>

struct cJSON;

void table_print_faults(FILE *out, const struct cJSON *summary);
void table_print_causes(FILE *out, const struct cJSON *summary);

#endif
