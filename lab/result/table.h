/* SPDX-License-Identifier: MIT */
/* A run's result as text: the table, the causes, the expectations, the warnings. Printed from
 * summary.json's tree, so that a run just made and one from a file look the same. */
#ifndef TAILGATE_LAB_RESULT_TABLE_H
#define TAILGATE_LAB_RESULT_TABLE_H

#include <stdio.h>

struct cJSON;

/* `folder` is the run's: where summary.json and report.html are; NULL when they are not. */
void table_print(FILE *out, const struct cJSON *summary, const char *folder);

#endif
