/* SPDX-License-Identifier: MIT */
/* The matrix of an experiment with several gateways: a row for each way in which requests ended. */
#ifndef TAILGATE_LAB_RESULT_TABLE_MATRIX_H
#define TAILGATE_LAB_RESULT_TABLE_MATRIX_H

#include <stdio.h>

struct cJSON;

/* `summary` as in summary.json. Nothing when no variant has a "gateway". */
void table_print_matrix(FILE *out, const struct cJSON *summary);

/* The same as a table of Markdown. */
void table_print_matrix_markdown(FILE *out, const struct cJSON *summary);

#endif
