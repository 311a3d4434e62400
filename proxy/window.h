/* SPDX-License-Identifier: MIT */
/* Counts of good and bad events over the last stretch of time, exact across threads without a lock:
 * the stretch is cut into slots, each one atomic word that holds whose turn it is and both counts.
 * Pure: the caller brings the clock. */
#ifndef TAILGATE_PROXY_WINDOW_H
#define TAILGATE_PROXY_WINDOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"

enum { WINDOW_SLOTS = 10 };

struct window {
    duration slot;                        /* length of one */
    _Atomic uint64_t slots[WINDOW_SLOTS]; /* turn, all events, bad events */
};

struct window_sum {
    uint64_t all, bad;
};

/* Counts cover between 9/10 of `length` and all of it. `length` must be positive. */
void window_init(struct window *window, duration length);

/* Counts one event. A slot that has counted some four million halves its counts: shares stay. */
void window_add(struct window *window, mono now, bool bad);

struct window_sum window_sum(const struct window *window, mono now);

/* Forgets everything. */
void window_clear(struct window *window);

#endif
