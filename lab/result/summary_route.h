/* SPDX-License-Identifier: MIT */
/* The figures of those requests of a variant that one route of the gateway took. */
#ifndef TAILGATE_LAB_RESULT_SUMMARY_ROUTE_H
#define TAILGATE_LAB_RESULT_SUMMARY_ROUTE_H

#include "lab/result/summary.h"

/* Fills what requests have by themselves: counts, latencies, statuses, failures and causes, of one
 * round or of all (-1). Free `latency` and `lag`. */
void summary_route_count(struct variant_summary *summary, const struct exchanges *exchanges,
                         size_t variant, int64_t round, const char *route);

#endif
