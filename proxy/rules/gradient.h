/* SPDX-License-Identifier: MIT */
/* A limit on concurrency that follows latency: it falls when requests take longer than they used
 * to, and rises while they do not. The rule is Gradient2 of Netflix's concurrency-limits, on the
 * mean latencies of windows of time. Pure. */
#ifndef TAILGATE_PROXY_RULES_GRADIENT_H
#define TAILGATE_PROXY_RULES_GRADIENT_H

#include <stdint.h>

#include "proxy/config/config_flow.h"

struct gradient {
    double limit;
    double long_term; /* ns, what requests have taken for long; 0 = not known yet */
};

/* What was seen in one window of time. */
struct gradient_window {
    double latency; /* ns, the mean */
    int peak;       /* the most requests under way at a time */
};

void gradient_init(struct gradient *gradient, const struct concurrency_config *config);

/* Draws the consequences of a window. Returns the limit, a whole number. */
int gradient_update(struct gradient *gradient, const struct concurrency_config *config,
                    const struct gradient_window *window);

#endif
