/* SPDX-License-Identifier: MIT */
/* A stretch of time in which something keeps happening, seen by all workers together: it begins
 * with the first event, and is over when none has come for a second, as the first look after that
 * finds. Keeps a limit that refuses a thousand requests from writing a thousand transitions. */
#ifndef TAILGATE_PROXY_RULES_EPISODE_H
#define TAILGATE_PROXY_RULES_EPISODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"

struct episode {
    _Atomic int64_t last;    /* the latest event; 0: there is no episode */
    _Atomic uint64_t events; /* of this episode */
};

/* Another event. True: an episode begins with it. */
static inline bool episode_event(struct episode *episode, mono now)
{
    atomic_fetch_add(&episode->events, 1);
    return atomic_exchange(&episode->last, now.ns) == 0;
}

/* Whether the episode has just been found to be over, to one caller alone; sets how many events it
 * had. */
static inline bool episode_over(struct episode *episode, mono now, uint64_t *events)
{
    int64_t last = atomic_load_explicit(&episode->last, memory_order_relaxed);
    if (last == 0 || now.ns - last < NS_PER_S)
        return false;
    if (!atomic_compare_exchange_strong(&episode->last, &last, 0))
        return false;
    *events = atomic_exchange(&episode->events, 0);
    return true;
}

#endif
