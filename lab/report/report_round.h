/* SPDX-License-Identifier: MIT */
/* One round of one variant over time, for the report page. */
#ifndef TAILGATE_LAB_REPORT_REPORT_ROUND_H
#define TAILGATE_LAB_REPORT_REPORT_ROUND_H

#include "lab/result/summary.h"

struct cJSON;
struct sqlite3;

/* How wide a bucket is for a load of that length: 100 ms, or more where there would be too many. */
duration report_bucket(duration measured);

/* Appends the round to the list `rounds`: requests, latencies and failures by the bucket of their
 * intended moment; pauses and transitions within the measured time. */
enum result report_round_add(struct cJSON *rounds, const struct summary *summary, size_t variant,
                             int64_t round, struct sqlite3 *db, struct error *error) MUST_USE;

#endif
