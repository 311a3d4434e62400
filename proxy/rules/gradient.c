/* SPDX-License-Identifier: MIT */
#include "proxy/rules/gradient.h"

#include <math.h>

/* One window lowers the limit by no more than this, before smoothing. */
#define STEEPEST 0.5

/* With requests this much faster than in the long term, load has gone, and what is remembered of it
 * is forgotten sooner. */
#define RECOVERED 2.0
#define FORGET    0.95

void gradient_init(struct gradient *gradient, const struct concurrency_config *config)
{
    *gradient = (struct gradient){.limit = (double)config->limit};
}

static void remember(struct gradient *gradient, const struct concurrency_config *config,
                     double latency)
{
    double weight = fmin((double)config->window.ns / (double)config->memory.ns, 1);
    if (gradient->long_term <= 0)
        gradient->long_term = latency;
    gradient->long_term += (latency - gradient->long_term) * weight;
    if (gradient->long_term > RECOVERED * latency)
        gradient->long_term *= FORGET;
}

int gradient_update(struct gradient *gradient, const struct concurrency_config *config,
                    const struct gradient_window *window)
{
    double limit = gradient->limit;
    remember(gradient, config, window->latency);
    /* With so few requests the limit limits nothing, and nothing is learnt about it. */
    if (window->peak * 2 < limit)
        return (int)limit;
    double slope = config->tolerance * gradient->long_term / window->latency;
    double wanted = limit * fmin(fmax(slope, STEEPEST), 1) + sqrt(limit);
    limit += (wanted - limit) * config->smoothing;
    gradient->limit = fmin(fmax(limit, (double)config->min), (double)config->max);
    return (int)gradient->limit;
}
