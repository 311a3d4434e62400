/* SPDX-License-Identifier: MIT */
#include "lib/base/dist.h"

#include "lib/base/portable.h"
#include "lib/base/units.h"

/* In (0, 1), neither end included, so that its logarithm and its normal quantile are finite: 52
 * bits and a half. */
static double open_unit(struct rng *rng)
{
    return ((double)(rng_next(rng) >> 12) + 0.5) * 0x1p-52;
}

/* Geometrically between two values: a tail is a matter of factors. */
static double between(double low, double high, double part)
{
    if (low <= 0)
        return low + (high - low) * part;
    return low * portable_exp(part * portable_log(high / low));
}

static double sample_quantiles(const struct dist *dist, double share)
{
    double low_share = 0;
    double low = (double)dist->points[0].value.ns / 2;
    for (size_t i = 0; i < dist->point_count; i++) {
        const struct dist_point *point = &dist->points[i];
        double value = (double)point->value.ns;
        if (share < point->share)
            return between(low, value, (share - low_share) / (point->share - low_share));
        low_share = point->share;
        low = value;
    }
    return low;
}

static double next_replayed(struct dist *dist)
{
    const struct dist_point *point = &dist->points[dist->cursor];
    dist->cursor = (dist->cursor + 1) % dist->point_count;
    return (double)point->value.ns;
}

/* One number is drawn for each random sample, whatever the kind, and none for the two that are not
 * random. */
static double sample_ns(struct dist *dist, struct rng *rng)
{
    switch (dist->kind) {
    case DIST_CONSTANT:
        return dist->a;
    case DIST_UNIFORM:
        return dist->a + (dist->b - dist->a) * rng_unit(rng);
    case DIST_NORMAL:
        return dist->a + dist->b * portable_normal_quantile(open_unit(rng));
    case DIST_EXPONENTIAL:
        return -dist->a * portable_log(open_unit(rng));
    case DIST_LOGNORMAL:
        return portable_exp(dist->a + dist->b * portable_normal_quantile(open_unit(rng)));
    case DIST_PARETO:
        return dist->a * portable_exp(-portable_log(open_unit(rng)) / dist->b);
    case DIST_QUANTILES:
        return sample_quantiles(dist, rng_unit(rng));
    case DIST_REPLAY:
        return next_replayed(dist);
    }
    return 0;
}

duration dist_sample(struct dist *dist, struct rng *rng)
{
    double ns = sample_ns(dist, rng);
    /* Written so that what is not a number becomes zero. */
    if (!(ns > 0))
        return duration_ns(0);
    if (ns >= (double)DURATION_LONGEST_NS)
        return duration_ns(DURATION_LONGEST_NS);
    return duration_ns((int64_t)(ns + 0.5));
}
