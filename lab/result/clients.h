/* SPDX-License-Identifier: MIT */
/* What the clients of a variant could not get. A gateway that was killed has no failures of its
 * own: its clients have them. */
#ifndef TAILGATE_LAB_RESULT_CLIENTS_H
#define TAILGATE_LAB_RESULT_CLIENTS_H

#include "lab/result/summary.h"

/* A run in which a larger share of the requests has no whole answer, for reasons that are no
 * failures of the gateway, is not clean. */
#define CLIENTS_CLEAN 0.01

struct exchange;

/* Counts a request that was not answered. */
void clients_count_failure(struct variant_summary *variant, const struct exchange *exchange);

/* Whether more of them are not the gateway's than a clean run has. */
bool clients_are_lost(const struct variant_summary *variant);

/* What is to be said of them, or "". */
const char *clients_note(const struct variant_summary *variant, char *out, size_t size);

#endif
