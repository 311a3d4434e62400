/* SPDX-License-Identifier: MIT */
/* Counts of good and bad events over the last stretch of time, exact across threads without a lock:
 * the stretch is cut into slots, each one atomic word that holds whose turn it is and both counts.
 * Pure: the caller brings the clock. */
#ifndef TAILGATE_PROXY_RULES_WINDOW_H
#define TAILGATE_PROXY_RULES_WINDOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"

enum { WINDOW_SLOTS = 10 };

struct window {
    _Atomic int64_t slot;                 /* length of one, ns */
    _Atomic uint64_t slots[WINDOW_SLOTS]; /* turn, all events, bad events */
};

struct window_sum {
    uint64_t all, bad;
};

/* Sets the length, which must be positive: counts cover between 9/10 of it and all of it. If it was
 * another, everything is forgotten. Also while others count. */
void window_init(struct window *window, duration length);

/* Counts one event. A slot that has counted some four million halves its counts: shares stay. */
void window_add(struct window *window, mono now, bool bad);

struct window_sum window_sum(const struct window *window, mono now);

/* Forgets everything. */
void window_clear(struct window *window);

#endif
