/* SPDX-License-Identifier: MIT */
/* The part of the configuration that is about how many requests are let through. */
#ifndef TAILGATE_PROXY_CONFIG_CONFIG_FLOW_H
#define TAILGATE_PROXY_CONFIG_CONFIG_FLOW_H

#include "lib/base/clock.h"
#include "lib/conf/conf.h"

enum rate_mode { RATE_REJECT, RATE_QUEUE, RATE_WARM_UP };
enum rate_per { RATE_PER_ROUTE, RATE_PER_CLIENT, RATE_PER_HEADER };

struct rate_limit_config {
    double rate; /* requests a second; 0 = no limit */
    int64_t burst;
    int mode;         /* enum rate_mode */
    int64_t status;   /* of a refusal */
    int per;          /* enum rate_per */
    const char *name; /* of the header field, in lower case */
    int64_t keys;
    duration max_wait; /* RATE_QUEUE, as `queue` */
    int64_t queue;
    duration warm_up; /* RATE_WARM_UP, as `cold` */
    double cold;
};

/* How long requests should take, to an adaptive limit. */
enum baseline { BASELINE_AVERAGE, BASELINE_PROBE };

struct concurrency_probe {
    duration every, longest;
    int64_t requests, limit;
    double jitter;
};

struct concurrency_config {
    int64_t limit; /* at the start, when it is adaptive; 0 = none */
    bool adaptive;
    int64_t min, max; /* adaptive, as what follows */
    double tolerance, smoothing;
    duration window;
    int baseline;                   /* enum baseline */
    duration memory;                /* BASELINE_AVERAGE */
    struct concurrency_probe probe; /* BASELINE_PROBE */
    int64_t queue;
    duration max_wait;
};

/* Tries of one request that may be under way beside the current one. */
enum { HEDGE_MAX = 4 };

struct hedge_config {
    duration delay;  /* 0: by the quantile */
    double quantile; /* 0: by the delay */
    int64_t minimum;
    duration window;
    int64_t max;
    double budget;
    uint64_t body;
};

static inline bool hedge_is_on(const struct hedge_config *config)
{
    return config->max > 0 && (config->delay.ns > 0 || config->quantile > 0);
}

/* A route's keys stand in place of its upstream's, so that they need not be whole for themselves.
 */
extern const struct conf_table hedge_conf_table, route_hedge_conf_table;

/* What a route's item (NULL: it says nothing) gives stands in place of its upstream's, which are in
 * `into`: a delay in place of a quantile as well, and the other way round. `*given`: it gives
 * something. An error when both together make no sense. */
enum result hedge_complete(struct conf_read *read, const struct cJSON *item,
                           const struct hedge_config *given_here, struct hedge_config *into,
                           bool *given) MUST_USE;
extern const struct conf_table concurrency_conf_table;
extern const struct conf_table rate_limit_conf_table;

#endif
