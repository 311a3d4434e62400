/* SPDX-License-Identifier: MIT */
/* Whether an endpoint is fit to be used, exact across workers without a lock. Two judges may put it
 * down: its own requests (ejection, for a while) and the health checks (until they succeed again).
 * Pure apart from the atomics: the caller brings the clock, and writes down what changed. */
#ifndef TAILGATE_PROXY_RULES_HEALTH_H
#define TAILGATE_PROXY_RULES_HEALTH_H

#include "proxy/config/config_health.h"
#include "proxy/rules/window.h"

/* HEALTH_GONE is no judge: the endpoint is not in the latest configuration, and does not count. */
enum health_judge { HEALTH_EJECTED = 1, HEALTH_CHECK_FAILED = 2, HEALTH_GONE = 4 };

/* Of one endpoint. Zeroed, it is fit. */
struct health {
    _Atomic unsigned down; /* enum health_judge: who says so; 0 = fit */
    atomic_int in_a_row;   /* failures */
    struct window window;
    _Atomic int64_t last_length;   /* of its last ejection, ns; 0 = none yet */
    _Atomic int64_t ejected_until; /* ns; 0 = not ejected */
    _Atomic int64_t restored_at;   /* ns; 0 = never */
};

/* Of an upstream. */
struct health_group {
    atomic_int endpoints;
    atomic_int least; /* with fewer that are fit all are used */
    atomic_int down;  /* endpoints that are not fit */
    atomic_int ejected;
    atomic_bool panic_known; /* it was written down that all are used */
};

/* Endpoints that are fit. */
static inline int health_group_fit(const struct health_group *group)
{
    return atomic_load_explicit(&group->endpoints, memory_order_relaxed) -
           atomic_load_explicit(&group->down, memory_order_relaxed);
}

/* Whether so few are fit that all are used. */
static inline bool health_group_panics(const struct health_group *group)
{
    return health_group_fit(group) < atomic_load_explicit(&group->least, memory_order_relaxed);
}

/* After a change: whether it has to be written down that panic has begun or ended, which `*panic`
 * says. True for one caller alone. */
bool health_group_turned(struct health_group *group, bool *panic);

/* ---- the start and reloads, in one thread while others use them */

/* A zeroed one is ready with this. What is known of the endpoint stays, but for counts over a
 * window of another length; a judge that is off now has no say any more. */
void health_configure(struct health *health, struct health_group *group,
                      const struct health_config *config, mono now);
void health_group_configure(struct health_group *group, size_t endpoints, double panic_threshold);

/* The endpoint counts among its upstream's, or not any more (`group` may be NULL when it never
 * did). Harmless when it is so already. */
void health_join(struct health *health, struct health_group *group);
void health_leave(struct health *health, struct health_group *group);

/* Nobody will end the endpoint's ejection any more: it is the last to be heard of it. */
void health_forget(struct health *health, struct health_group *group);

/* ---- judging */

static inline bool health_is_fit(const struct health *health)
{
    return (atomic_load_explicit(&health->down, memory_order_relaxed) & ~HEALTH_GONE) == 0;
}

/* Whether its own requests alone have put it down, and no health check says so too. */
static inline bool health_is_merely_ejected(const struct health *health)
{
    return (atomic_load_explicit(&health->down, memory_order_relaxed) & ~HEALTH_GONE) ==
           HEALTH_EJECTED;
}

/* Counts what a request to the endpoint came to. Returns 0, or the number of failures (in a row, or
 * in the window when `*of` is set to the requests in it) that ask for its ejection. */
uint64_t health_note(struct health *health, const struct passive_config *config, bool failed,
                     mono now, uint64_t *of);

/* Ejects the endpoint unless it is ejected already or as many as allowed are. Sets for how long. */
bool health_eject(struct health *health, struct health_group *group,
                  const struct passive_config *config, mono now, duration *length);

/* Ends an ejection whose time has come. False when there is none, or it was ended by another. */
bool health_restore(struct health *health, struct health_group *group, mono now);

/* What the health checks found. False when that is what was known. */
bool health_check_says(struct health *health, struct health_group *group, bool fit, mono now);

/* The share of its requests that an endpoint takes while it starts slowly: 0.1 to 1. */
double health_warmth(const struct health *health, duration slow_start, mono now);

#endif
