/* SPDX-License-Identifier: MIT */
/* The part of the configuration that says which endpoints are fit to be used. */
#ifndef TAILGATE_PROXY_CONFIG_CONFIG_HEALTH_H
#define TAILGATE_PROXY_CONFIG_CONFIG_HEALTH_H

#include "lib/base/clock.h"
#include "lib/conf/conf.h"

/* What may count as a failure of an endpoint: bit, name in the configuration. */
#define FAILURE_KINDS(X)                                                       \
    X(CONNECT, "connect") /* the connection could not be established */        \
    X(TIMEOUT, "timeout") /* no response, or no more of it, in time */         \
    X(CLOSED, "closed")   /* closed or reset before the end of the response */ \
    X(INVALID, "invalid") /* what came was no response */                      \
    X(5XX, "5xx")         /* a response with a status from 500 on */

#define FAILURE_BIT(id, name) FAILURE_BIT_##id,
enum failure_bit { FAILURE_KINDS(FAILURE_BIT) FAILURE_BIT_COUNT };
#define FAILURE_KIND(id, name) FAILURE_##id = 1 << FAILURE_BIT_##id,
enum failure_kind { FAILURE_KINDS(FAILURE_KIND) };
#undef FAILURE_BIT
#undef FAILURE_KIND

/* For the `choices` of a key, in the order of the bits. */
extern const char *const failure_kind_names[FAILURE_BIT_COUNT + 1];

/* Outlier ejection: judged by the requests themselves. Zero switches a criterion off. */
struct passive_config {
    int64_t consecutive;  /* failures in a row */
    double failure_share; /* of the requests in the window */
    int64_t minimum;      /* requests in the window, for the share to count */
    duration window;
    duration latency; /* a response head that took longer is a failure too */
    unsigned counts;  /* enum failure_kind */
    duration eject_for;
    duration eject_longest;
    double max_ejected; /* share of the endpoints */
};

enum probe_kind { PROBE_HTTP, PROBE_TCP };

/* Health as asked for. An interval of zero: nothing is asked. */
struct active_config {
    int kind; /* enum probe_kind */
    const char *path;
    const char *host;          /* NULL: the endpoint's address */
    struct conf_list statuses; /* int64_t; empty: 200 to 399 */
    duration interval;
    double jitter; /* the interval is that much shorter or longer at most */
    duration timeout;
    int64_t rise; /* good answers in a row until the endpoint is used again */
    int64_t fall; /* bad ones until it is not */
};

struct health_config {
    struct passive_config passive;
    struct active_config active;
    double panic_threshold; /* share of fit endpoints below which all are used */
    duration slow_start;    /* how long a restored endpoint takes to its full share */
};

static inline bool passive_is_on(const struct passive_config *config)
{
    return config->consecutive > 0 || config->failure_share > 0;
}

extern const struct conf_table health_conf_table;

#endif
