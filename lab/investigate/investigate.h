/* SPDX-License-Identifier: MIT */
/* Answers the question that an experiment's "investigate" asks of its run. */
#ifndef TAILGATE_LAB_INVESTIGATE_INVESTIGATE_H
#define TAILGATE_LAB_INVESTIGATE_INVESTIGATE_H

#include "lib/base/result.h"

struct cJSON;
struct sqlite3;
struct summary;

/* `summary` has its variants' figures. `*finding` (see finding.h) is NULL when nothing was asked;
 * free it with cJSON_Delete, whatever the result. */
enum result investigate(struct cJSON **finding, const struct summary *summary, struct sqlite3 *db,
                        struct error *error) MUST_USE;

#endif
