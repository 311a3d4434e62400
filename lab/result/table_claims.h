/* SPDX-License-Identifier: MIT */
/* What was claimed, what was measured, and whether it holds: in the table of a run. */
#ifndef TAILGATE_LAB_RESULT_TABLE_CLAIMS_H
#define TAILGATE_LAB_RESULT_TABLE_CLAIMS_H

#include <stdio.h>

struct cJSON;

/* Of a summary as summary_json makes it; one without claims prints nothing. */
void table_print_claims(FILE *out, const struct cJSON *summary);

#endif
