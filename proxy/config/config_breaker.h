/* SPDX-License-Identifier: MIT */
/* The part of the configuration that is about circuit breakers. */
#ifndef TAILGATE_PROXY_CONFIG_CONFIG_BREAKER_H
#define TAILGATE_PROXY_CONFIG_CONFIG_BREAKER_H

#include "proxy/config/config_health.h"

/* Zero switches a criterion off; with none the breaker never opens. */
struct breaker_config {
    double error_ratio;
    int64_t error_count;
    double slow_ratio;
    duration slow_call; /* a response head that took longer is a slow call */
    int64_t minimum;    /* calls in the window, for the ratios to count */
    duration window;
    duration open_for;
    int64_t probes;  /* calls let through when half open */
    unsigned counts; /* enum failure_kind */
};

static inline bool breaker_is_on(const struct breaker_config *config)
{
    return config->error_ratio > 0 || config->error_count > 0 || config->slow_ratio > 0;
}

extern const struct conf_table breaker_conf_table;

#endif
