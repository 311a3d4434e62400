/* SPDX-License-Identifier: MIT */
/* What was blamed, summed up for summary.json, the table and the page. */
#ifndef TAILGATE_LAB_RESULT_BLAME_SUMMARY_H
#define TAILGATE_LAB_RESULT_BLAME_SUMMARY_H

#include <stdint.h>

#include "lab/analysis/blame.h"
#include "lib/base/result.h"

struct cJSON;
struct sqlite3;

/* Of a variant: "failed", "client" and "slow" (enum blame_part), lists of
 * {class, name, count, example} by falling count;
 * "total", how many each list has counted; "stalls", how many were seen by their scope; "notes".
 * Free it with cJSON_Delete, whatever the result. */
enum result blame_summary_read(struct cJSON **blame, struct sqlite3 *db, int64_t variant,
                               struct error *error) MUST_USE;

/* How many of a variant's requests of a part have been blamed on something, `unattributed`
 * included. */
uint64_t blame_summary_count(const struct cJSON *blame, enum blame_part part);

#endif
