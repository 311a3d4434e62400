/* SPDX-License-Identifier: MIT */
/* A stretch of time in which something keeps happening, seen by all workers together: it begins
 * with the first event, and is over when none has come for a second. Keeps a limit that refuses a
 * thousand requests from writing a thousand transitions. */
#ifndef TAILGATE_PROXY_RULES_EPISODE_H
#define TAILGATE_PROXY_RULES_EPISODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"

static const duration EPISODE_QUIET = {NS_PER_S};

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

/* No event, but it has not ended before now. */
static inline void episode_goes_on(struct episode *episode, mono now)
{
    int64_t last = atomic_load_explicit(&episode->last, memory_order_relaxed);
    if (last != 0)
        (void)atomic_compare_exchange_strong(&episode->last, &last, now.ns);
}

/* Whether the episode is over, and ends with this; sets when it had its latest event, and how many
 * it had. */
static inline bool episode_over(struct episode *episode, mono now, mono *latest, uint64_t *events)
{
    int64_t last = atomic_load_explicit(&episode->last, memory_order_relaxed);
    if (last == 0 || now.ns - last < EPISODE_QUIET.ns ||
        !atomic_compare_exchange_strong(&episode->last, &last, 0))
        return false;
    *latest = (mono){last};
    *events = atomic_exchange(&episode->events, 0);
    return true;
}

#endif
