/* SPDX-License-Identifier: MIT */
/* What is behind the failures and the slowest requests, in the table of a run. */
#ifndef TAILGATE_LAB_RESULT_TABLE_BLAME_H
#define TAILGATE_LAB_RESULT_TABLE_BLAME_H

#include <stdbool.h>
#include <stdio.h>

struct cJSON;

/* Of a summary as summary_json makes it; an older one without blame prints nothing. */
void table_print_blame(FILE *out, const struct cJSON *summary);
void table_print_blame_markdown(FILE *out, const struct cJSON *summary);

#endif
