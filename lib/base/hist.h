/* SPDX-License-Identifier: MIT */
/* A log-linear latency histogram: 1 us to 1 h with 3 significant digits (each bucket is at most
 * 1/1024 of its value wide), mergeable, no allocation when recording. Values outside the range are
 * counted in the first or last bucket; the exact minimum, maximum and sum are kept beside it.
 * The layout is the one made popular by HdrHistogram (G. Tene). */
#ifndef TAILGATE_LIB_BASE_HIST_H
#define TAILGATE_LIB_BASE_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"

struct hist;

struct hist *hist_new(void);
void hist_free(struct hist **hist);
void hist_clear(struct hist *hist);

/* A negative value counts as zero. */
void hist_record(struct hist *hist, duration value);
void hist_merge(struct hist *into, const struct hist *from);

uint64_t hist_count(const struct hist *hist);
duration hist_min(const struct hist *hist);
duration hist_max(const struct hist *hist);
duration hist_mean(const struct hist *hist);

/* The smallest recorded value (to 3 digits) that at least `share` of all values do not exceed;
 * share is in 0..1. Zero when nothing was recorded. Never above hist_max. */
duration hist_quantile(const struct hist *hist, double share);

/* Walks the buckets that are not empty, in rising order: sets `upper` to the highest value that
 * falls into the bucket and `count`, and returns false at the end. `cursor` starts at 0. */
bool hist_next(const struct hist *hist, size_t *cursor, duration *upper, uint64_t *count);

#endif
