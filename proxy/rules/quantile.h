/* SPDX-License-Identifier: MIT */
/* Quantiles of what was seen lately: a coarse histogram (a sixteenth of a power of two wide) over a
 * window of time that moves on in four slices. Pure: the caller brings the clock. */
#ifndef TAILGATE_PROXY_RULES_QUANTILE_H
#define TAILGATE_PROXY_RULES_QUANTILE_H

#include <stdint.h>

#include "lib/base/clock.h"

enum { QUANTILE_SLICES = 4, QUANTILE_BUCKETS = 36 * 16 };

struct quantile_slice {
    uint64_t turn; /* which slice of time it holds, counted from the clock's zero */
    uint32_t count;
    uint32_t buckets[QUANTILE_BUCKETS];
};

struct quantile_window {
    duration slice;
    struct quantile_slice slices[QUANTILE_SLICES];
};

/* `length` must be positive; between 3/4 of it and all of it is remembered. */
void quantile_window_init(struct quantile_window *window, duration length);

void quantile_window_add(struct quantile_window *window, mono now, duration value);

/* The value that `share` (0..1) of those seen did not exceed, at most 1/16 too high. Negative when
 * fewer than `minimum` were seen. */
duration quantile_window_get(const struct quantile_window *window, mono now, double share,
                             uint64_t minimum);

#endif
