/* SPDX-License-Identifier: MIT */
/* A run as the report page draws it: figures over time, pauses, transitions and distributions. */
#ifndef TAILGATE_LAB_REPORT_REPORT_DATA_H
#define TAILGATE_LAB_REPORT_REPORT_DATA_H

#include "lab/result/summary.h"

/* The data as a tree; free it with cJSON_Delete. */
enum result report_data_read(struct cJSON **data, const struct summary *summary, struct sqlite3 *db,
                             struct error *error) MUST_USE;

#endif
