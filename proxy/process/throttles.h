/* SPDX-License-Identifier: MIT */
/* Rate limits as the process knows them: what a route's clients have used up of theirs goes on when
 * a reload brings a configuration that has the same route, under whatever rate. The main thread
 * makes, finds and releases them; workers take from them. */
#ifndef TAILGATE_PROXY_PROCESS_THROTTLES_H
#define TAILGATE_PROXY_PROCESS_THROTTLES_H

#include "proxy/rules/episode.h"
#include "proxy/rules/rate_table.h"

struct generation;
struct proxy_config;

/* What was used up, shared by all workers, and by generations of which the rule is the same. */
struct throttle_state {
    struct rate_bucket all; /* when it is per route */
    struct rate_table keys; /* otherwise */
    struct episode refusing;
    int uses; /* by generations */
};

/* A route's limit. */
struct throttle {
    struct rate_rule rule;
    struct throttle_state *state; /* NULL: the route has no limit */
};

/* One per route. */
struct throttle *throttles_new(const struct generation *generation);

/* The generation's use of them ends. */
void throttles_drop(struct generation *generation);

#endif
