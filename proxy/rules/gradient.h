/* SPDX-License-Identifier: MIT */
/* A limit on concurrency that follows latency: it falls when requests take longer than they should,
 * and rises while they do not. The rule is Gradient2 of Netflix's concurrency-limits, on the mean
 * latencies of windows of time. How long requests should take is the average of a long time, or
 * what a probe finds, as Envoy's adaptive concurrency has it: a window in which so few requests are
 * let through that none waits for another. Pure. */
#ifndef TAILGATE_PROXY_RULES_GRADIENT_H
#define TAILGATE_PROXY_RULES_GRADIENT_H

#include <stdint.h>

#include "proxy/config/config_flow.h"

struct gradient {
    double limit;
    double baseline; /* ns, how long requests should take; 0 = not known yet */
    bool probing;    /* the current window is a probe */
    mono probe_due;  /* unset: as soon as may be */
    uint64_t probes; /* so far */
    int lowest;      /* windows in a row with the limit as low as it gets */
    bool in_vain;    /* an early probe has found what the one before did */
};

/* What was seen in one window of time. */
struct gradient_window {
    double latency;  /* ns, the mean */
    int peak;        /* the most requests under way at a time */
    int samples;     /* requests, of which the latency is */
    duration lasted; /* 0: as long as is configured */
    mono now;        /* its end */
};

/* What the next window is like. */
struct gradient_plan {
    int limit;         /* requests that may be under way */
    int samples;       /* it lasts until it has so many */
    duration at_least; /* and for so long */
    duration at_most;  /* but no longer than that; 0 = as long as it takes */
    bool probe; /* what counts is who was let through when no more than the limit were under way */
};

void gradient_init(struct gradient *gradient, const struct concurrency_config *config);

/* Another configuration holds from now on: what was learnt is kept as far as it fits. */
void gradient_configure(struct gradient *gradient, const struct concurrency_config *before,
                        const struct concurrency_config *config);

/* Draws the consequences of a window. Returns the limit, a whole number: not that of a probe. */
int gradient_update(struct gradient *gradient, const struct concurrency_config *config,
                    const struct gradient_window *window);

struct gradient_plan gradient_plan(const struct gradient *gradient,
                                   const struct concurrency_config *config);

#endif
