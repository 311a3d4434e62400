/* SPDX-License-Identifier: MIT */
#include "proxy/rules/gradient.h"

#include <math.h>

#include "lib/base/hash.h"

/* One window lowers the limit by no more than this, before smoothing. */
#define STEEPEST 0.5

/* With requests this much faster than in the long term, load has gone, and what is remembered of it
 * is forgotten sooner. */
#define RECOVERED 2.0
#define FORGET    0.95

/* A window with fewer requests says nothing: it goes on. */
enum { MIN_SAMPLES = 10 };

/* So many windows with the limit as low as it gets: the service seems to have become slower for
 * good. A probe is due early, and costs little; but one that finds nothing new is not repeated. */
enum { TOO_LOW = 5 };
#define NEWS 1.1

void gradient_init(struct gradient *gradient, const struct concurrency_config *config)
{
    *gradient = (struct gradient){.limit = (double)config->limit};
    gradient->probing = config->baseline == BASELINE_PROBE;
}

void gradient_configure(struct gradient *gradient, const struct concurrency_config *before,
                        const struct concurrency_config *config)
{
    double limit = gradient->limit;
    if (!before || !before->adaptive || before->baseline != config->baseline)
        gradient_init(gradient, config);
    if (before && before->adaptive)
        gradient->limit = fmin(fmax(limit, (double)config->min), (double)config->max);
}

/* ---- the average of a long time */

static void remember(struct gradient *gradient, const struct concurrency_config *config,
                     const struct gradient_window *window)
{
    int64_t lasted = window->lasted.ns > 0 ? window->lasted.ns : config->window.ns;
    double weight = fmin((double)lasted / (double)config->memory.ns, 1);
    if (gradient->baseline <= 0)
        gradient->baseline = window->latency;
    gradient->baseline += (window->latency - gradient->baseline) * weight;
    if (gradient->baseline > RECOVERED * window->latency)
        gradient->baseline *= FORGET;
}

/* ---- probes */

/* Between 1 - jitter and 1 + jitter times as long as is configured, so that the probes of several
 * gateways do not stay together. */
static void end_probe(struct gradient *gradient, const struct concurrency_config *config,
                      const struct gradient_window *window)
{
    double unit = (double)(hash_mix((uint64_t)window->now.ns + gradient->probes) >> 11) * 0x1p-53;
    double every = (double)config->probe.every.ns * (1 + config->probe.jitter * (2 * unit - 1));
    bool early = gradient->lowest >= TOO_LOW, done = window->samples >= config->probe.requests;
    gradient->in_vain = early && window->latency < NEWS * gradient->baseline;
    if (done) /* one that was given up says nothing */
        gradient->baseline = window->latency;
    gradient->probe_due = mono_add(window->now, (duration){(int64_t)every});
    gradient->probing = false;
    gradient->lowest = 0;
    gradient->probes++;
}

static bool is_probe_due(const struct gradient *gradient, mono now)
{
    return (gradient->lowest >= TOO_LOW && !gradient->in_vain) ||
           !mono_before(now, gradient->probe_due);
}

/* ---- the limit */

static void follow(struct gradient *gradient, const struct concurrency_config *config,
                   const struct gradient_window *window)
{
    double limit = gradient->limit;
    /* With so few requests the limit limits nothing, and nothing is learnt about it. */
    if (window->peak * 2 < limit)
        return;
    double slope = config->tolerance * gradient->baseline / window->latency;
    double wanted = limit * fmin(fmax(slope, STEEPEST), 1) + sqrt(limit);
    limit += (wanted - limit) * config->smoothing;
    limit = fmin(fmax(limit, (double)config->min), (double)config->max);
    /* With the steepest slope it comes to rest at 4, where the square root is as much as it takes.
     */
    bool low =
        (int)limit <= config->min || (slope < STEEPEST && (int)limit == (int)gradient->limit);
    gradient->lowest = slope < 1 && low ? gradient->lowest + 1 : 0;
    gradient->limit = limit;
}

int gradient_update(struct gradient *gradient, const struct concurrency_config *config,
                    const struct gradient_window *window)
{
    if (gradient->probing) {
        end_probe(gradient, config, window);
        return (int)gradient->limit;
    }
    if (config->baseline == BASELINE_AVERAGE || gradient->baseline <= 0)
        remember(gradient, config, window); /* and where every probe was given up so far */
    follow(gradient, config, window);
    if (config->baseline == BASELINE_PROBE)
        gradient->probing = is_probe_due(gradient, window->now);
    return (int)gradient->limit;
}

struct gradient_plan gradient_plan(const struct gradient *gradient,
                                   const struct concurrency_config *config)
{
    struct gradient_plan plan = {
        .limit = (int)gradient->limit, .samples = MIN_SAMPLES, .at_least = config->window};
    if (!gradient->probing)
        return plan;
    if (plan.limit > config->probe.limit)
        plan.limit = (int)config->probe.limit;
    plan.samples = (int)config->probe.requests;
    plan.at_least = (duration){0};
    plan.at_most = config->probe.longest;
    plan.probe = true;
    return plan;
}
