/* SPDX-License-Identifier: MIT */
/* Permits for requests under way, as many as a limit says that is fixed or follows latency
 * (gradient.h): who has one, and what the latencies of a window of time say about how many there
 * should be. All workers share them without a lock. Pure: the caller brings the clock. */
#ifndef TAILGATE_PROXY_RULES_PERMITS_H
#define TAILGATE_PROXY_RULES_PERMITS_H

#include <stdatomic.h>

#include "proxy/rules/gradient.h"

struct permits {
    atomic_int limit, in_flight;
    /* The current window. */
    _Atomic int64_t counted_from; /* who got a permit before does not count; INT64_MAX: nobody */
    _Atomic int64_t begun;
    _Atomic int64_t longest;     /* ns from its first event on; 0: it lasts as long as it takes */
    _Atomic int64_t first_event; /* a request that ended, or got no permit; 0: none yet */
    _Atomic int64_t latency_sum; /* ns */
    atomic_int samples, peak;
    atomic_int needed; /* samples at which it may end */
    /* Touched only by who has taken the flag. */
    atomic_flag updating;
    const struct concurrency_config *config;
    struct gradient gradient;
    int recorded; /* the limit that was told last */
    mono recorded_at;
};

/* What has come of a window and is worth to be written down; zero when it is not. */
struct permits_news {
    int limit;
    double baseline; /* ns, what a probe has found */
};

/* Zeroed permits are fit for use once this has said how many there are. Also when another
 * configuration comes while they are in use: who has one keeps it, and what was learnt stays as far
 * as it fits. The configuration must stay until there is another. For one thread. */
void permits_configure(struct permits *permits, const struct concurrency_config *config, mono now);

/* False: there is none left. */
bool permits_take(struct permits *permits);

/* Gives one back; `config` is what the request goes by. */
void permits_give(struct permits *permits, const struct concurrency_config *config, mono now);

/* Adaptive: a request that got its permit at `permitted` took so long. */
struct permits_news permits_learn(struct permits *permits, const struct concurrency_config *config,
                                  mono permitted, duration latency, mono now);

/* Adaptive, for who has got none: a window that has lasted too long ends. */
struct permits_news permits_look(struct permits *permits, const struct concurrency_config *config,
                                 mono now);

#endif
