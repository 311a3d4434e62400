/* SPDX-License-Identifier: MIT */
/* A rate limit by the generic cell rate algorithm: one moment, the next at which the bucket owes
 * nothing, says all there is to say about a constant rate with a burst. It is an atomic, so workers
 * share a bucket without a lock. Pure: the caller brings the clock. */
#ifndef TAILGATE_PROXY_RULES_RATE_H
#define TAILGATE_PROXY_RULES_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"

/* What holds for every bucket of a limit. */
struct rate_rule {
    double interval;      /* ns between two requests at the full rate */
    double cold_interval; /* the same when it is cold; equal when nothing warms up */
    double cold_full;     /* requests after which a cold bucket is warm; 0: nothing warms up */
    duration warm_up;     /* how long that takes under load, and cooling down without any */
    double burst;         /* requests let through at once */
    double queue;         /* requests that may wait for their turn */
    duration max_wait;    /* and for how long */
};

/* A zeroed bucket has never been used: it owes nothing and is cold. */
struct rate_bucket {
    _Atomic int64_t next; /* CLOCK_MONOTONIC ns; in the past: idle since then */
    _Atomic int64_t cold; /* requests until it is warm, in 1/2^20 */
};

enum rate_result {
    RATE_ADMITTED,   /* its turn comes in `wait`, which may be zero */
    RATE_FULL,       /* the burst is used up, and as many wait as may */
    RATE_WAIT_LIMIT, /* its turn would come too late */
};

struct rate_verdict {
    enum rate_result result;
    duration wait; /* when refused: until a request would be admitted, if no other came */
};

/* `rate` in requests a second; `cold` is the rate at the start as a share of it, 1 and no `warm_up`
 * for a constant rate. `burst` is at least 1, `queue` 0 when nobody waits. */
struct rate_terms {
    double rate, cold, burst, queue;
    duration warm_up, max_wait;
};
void rate_rule_init(struct rate_rule *rule, const struct rate_terms *terms);

/* Asks for one request. A request that was admitted has taken its turn also when it does not use
 * it. */
struct rate_verdict rate_take(const struct rate_rule *rule, struct rate_bucket *bucket, mono now);

/* Carries over to an unused bucket, under a rule of its own, what requests the other has left at
 * `now`: none beyond its burst, and none for those that were let through under the other rule. */
void rate_carry(const struct rate_rule *from_rule, struct rate_bucket *from,
                const struct rate_rule *to_rule, struct rate_bucket *to, mono now);

/* Whether a bucket means the same under both. */
bool rate_rules_agree(const struct rate_rule *a, const struct rate_rule *b);

/* Whether the bucket is as good as one that was never used. */
bool rate_is_fresh(const struct rate_rule *rule, const struct rate_bucket *bucket, mono now);

#endif
