/* SPDX-License-Identifier: MIT */
/* Three parties count requests independently: the generator's tally, its records, and the gateway's
 * records. Whatever does not agree, to the request, is said. */
#ifndef TAILGATE_LAB_RESULT_AGREEMENT_H
#define TAILGATE_LAB_RESULT_AGREEMENT_H

#include <stdint.h>

#include "lab/read/exchanges.h"

struct cJSON;
struct sqlite3;

/* Appends a text for each difference to the list `differences`, and sets how many measured requests
 * the tally counts. */
enum result agreement_check(const struct exchanges *exchanges, struct sqlite3 *db,
                            struct cJSON *differences, uint64_t *tallied,
                            struct error *error) MUST_USE;

#endif
