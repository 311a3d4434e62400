/* SPDX-License-Identifier: MIT */
/* A random length of time, as the configuration writes it:
 *     "5ms"  uniform(1ms,9ms)  normal(5ms,1ms)  exponential(2ms)  lognormal(p50=2ms,p99=40ms)
 *     pareto(1ms,1.5)  {"quantiles":{"p50":"2ms","p99":"40ms"}}  {"replay":"file.csv"}
 * Samples are never negative and never above DURATION_LONGEST_NS; each random one takes exactly one
 * number from the generator. The logarithm and exponential behind them are computed with IEEE
 * basic operations only, so that one seed gives the same samples with every C library. */
#ifndef TAILGATE_LIB_BASE_DIST_H
#define TAILGATE_LIB_BASE_DIST_H

#include <stddef.h>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/base/rng.h"

enum dist_kind {
    DIST_CONSTANT,    /* a */
    DIST_UNIFORM,     /* a..b */
    DIST_NORMAL,      /* mean a, standard deviation b; what falls below zero becomes zero */
    DIST_EXPONENTIAL, /* mean a */
    DIST_LOGNORMAL,   /* exp(mu = a + sigma = b * z), in nanoseconds */
    DIST_PARETO,      /* smallest value a, shape b */
    DIST_QUANTILES,   /* points: interpolated geometrically between the shares given */
    DIST_REPLAY,      /* points: values in file order, one after the other, then from the start */
};

struct dist_point {
    double share; /* 0..1, rising; unused by DIST_REPLAY */
    duration value;
};

struct dist {
    enum dist_kind kind;
    double a, b;                     /* nanoseconds or plain numbers, as the kind says */
    const struct dist_point *points; /* owned by whoever made the distribution */
    size_t point_count;
    size_t cursor; /* DIST_REPLAY: the next point */
};

/* Parses every written form but the two JSON objects. The message says what was expected. */
enum result dist_parse(struct dist *dist, const char *text, struct error *error) MUST_USE;

/* From quantiles; `points` must stay alive, with shares rising in (0,1) and values not falling.
 * Below the first share values go down to a zero-th quantile of half the first value; above the
 * last they stay at the last. */
enum result dist_from_quantiles(struct dist *dist, const struct dist_point *points, size_t count,
                                struct error *error) MUST_USE;

enum result dist_from_replay(struct dist *dist, const struct dist_point *points, size_t count,
                             struct error *error) MUST_USE;

static inline struct dist dist_constant(duration value)
{
    return (struct dist){.kind = DIST_CONSTANT, .a = (double)value.ns};
}

/* Whether every sample is zero, so that nothing need be drawn. */
static inline bool dist_is_zero(const struct dist *dist)
{
    return dist->kind == DIST_CONSTANT && dist->a <= 0;
}

duration dist_sample(struct dist *dist, struct rng *rng);

#endif
