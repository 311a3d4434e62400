/* SPDX-License-Identifier: MIT */
/* What each gateway made of the same faults: how its failures looked to clients, why, in whose
 * words, whether it tried again, and what its log does not have. In summary.json a variant's
 * "gateway": { "name", "case", "tries", "tried_again": { "GET": n }, "answered_after_retry": n,
 *       "backends": { "orders-0": { "served": n, "abandoned": n } },
 *       "failures": [ { "seen", "cause", "says", "count", "tried_again", "unlogged" } ],
 *       "log": { "format", "lines", "requests", "untraced", "messages", "others", "not_understood",
 *                "example", "file", "missing" } }
 * "log" only where a gateway that is another program has one. */
#ifndef TAILGATE_LAB_RESULT_MATRIX_H
#define TAILGATE_LAB_RESULT_MATRIX_H

#include <stdint.h>

#include "lab/plan/plan.h"

struct cJSON;
struct sqlite3;

/* Makes `*json` (free with cJSON_Delete), also on failure; NULL when all gateways are this program
 * and none is a value of "/gateway". */
enum result matrix_read(struct cJSON **json, const struct plan *plan, size_t variant,
                        struct sqlite3 *db, struct error *error) MUST_USE;

#endif
