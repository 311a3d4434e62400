/* SPDX-License-Identifier: MIT */
/* What an investigation has found, in the table of a run. */
#ifndef TAILGATE_LAB_RESULT_TABLE_FINDING_H
#define TAILGATE_LAB_RESULT_TABLE_FINDING_H

#include <stdio.h>

struct cJSON;

/* Of a summary as summary_json makes it; one without an investigation prints nothing. */
void table_print_finding(FILE *out, const struct cJSON *summary);

#endif
