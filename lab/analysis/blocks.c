/* SPDX-License-Identifier: MIT */
#include "lab/analysis/blocks.h"

#include <math.h>
#include <stdlib.h>

#include "lib/base/memory.h"

#define SMALLEST_LAGS 5 /* so many lags without correlation end the search for its reach */

static size_t shortest_round(const struct slot_layout *layout)
{
    size_t shortest = layout->round_count ? layout->sizes[0] : 0;
    for (size_t i = 1; i < layout->round_count; i++)
        shortest = layout->sizes[i] < shortest ? layout->sizes[i] : shortest;
    return shortest;
}

static double mean_of(const double *series, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += series[i];
    return count ? sum / (double)count : 0;
}

/* At one lag, over all rounds: pairs within a round alone. */
static double covariance(const double *series, const struct slot_layout *layout, double mean,
                         size_t lag)
{
    double sum = 0;
    for (size_t i = 0; i < layout->round_count; series += layout->sizes[i++])
        for (size_t t = lag; t < layout->sizes[i]; t++)
            sum += (series[t] - mean) * (series[t - lag] - mean);
    return sum / (double)layout->total;
}

/* The largest lag that still has a correlation: those behind it are all within what chance gives.
 */
static size_t find_reach(const double *covariances, size_t most, size_t slots)
{
    double bound = 2 * sqrt(log10((double)slots) / (double)slots) * covariances[0];
    size_t quiet = 0;
    for (size_t lag = 1; lag <= most; lag++) {
        quiet = fabs(covariances[lag]) < bound ? quiet + 1 : 0;
        if (quiet == SMALLEST_LAGS)
            return lag - SMALLEST_LAGS;
    }
    return most;
}

/* The flat-top window: 1 to the middle, then down to 0. */
static double window(size_t lag, size_t width)
{
    double at = (double)lag / (double)width;
    return at <= 0.5 ? 1 : 2 * (1 - at);
}

static double best_length(const double *covariances, size_t reach, size_t slots)
{
    double slope = 0, spectrum = covariances[0];
    for (size_t lag = 1; lag <= 2 * reach; lag++) {
        double weighted = window(lag, 2 * reach) * covariances[lag];
        slope += 2 * (double)lag * weighted;
        spectrum += 2 * weighted;
    }
    double variance = 4.0 / 3.0 * spectrum * spectrum;
    return variance > 0 ? cbrt(2 * slope * slope / variance * (double)slots) : 1;
}

size_t blocks_longest(const struct slot_layout *layout)
{
    size_t round = shortest_round(layout), root = (size_t)ceil(3 * sqrt((double)round));
    size_t longest = round / 3 < root ? round / 3 : root;
    return longest > 0 ? longest : 1;
}

size_t blocks_length(const double *series, const struct slot_layout *layout)
{
    size_t third = shortest_round(layout) / 3, longest = blocks_longest(layout);
    if (third < 2)
        return 1;
    /* As far as Politis and White look, and twice as far for the window. */
    size_t most = SMALLEST_LAGS + (size_t)ceil(sqrt((double)layout->total));
    most = most < third ? most : third;
    double *covariances = mem_alloc(2 * most + 1, sizeof(*covariances));
    double mean = mean_of(series, layout->total);
    for (size_t lag = 0; lag <= 2 * most; lag++)
        covariances[lag] = covariance(series, layout, mean, lag);
    double length = 1;
    if (covariances[0] > 0)
        length =
            best_length(covariances, find_reach(covariances, most, layout->total), layout->total);
    free(covariances);
    return (size_t)fmax(1, fmin(ceil(length), (double)longest));
}

size_t blocks_count(const struct slot_layout *layout, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < layout->round_count; i++)
        count += layout->sizes[i] / length;
    return count;
}

void blocks_draw(struct rng *rng, const struct slot_layout *layout, size_t length,
                 blocks_visit *visit, void *context)
{
    size_t round = 0;
    for (size_t i = 0; i < layout->round_count; round += layout->sizes[i++]) {
        size_t size = layout->sizes[i];
        for (size_t filled = 0; filled < size; filled += length) {
            size_t left = size - filled;
            visit(context, round, size, (size_t)rng_below(rng, size),
                  left < length ? left : length);
        }
    }
}

double blocks_freedom(const double *series, const struct slot_layout *layout, size_t length)
{
    double mean = mean_of(series, layout->total), squares = 0, fourths = 0;
    size_t count = blocks_count(layout, length);
    for (size_t i = 0; i < layout->round_count; series += layout->sizes[i++])
        for (size_t from = 0; from + length <= layout->sizes[i]; from += length) {
            double sum = 0;
            for (size_t t = from; t < from + length; t++)
                sum += series[t] - mean;
            squares += sum * sum;
            fourths += sum * sum * sum * sum;
        }
    if (count < 2 || !(squares > 0))
        return 0;
    double kurtosis = (double)count * fourths / (squares * squares);
    double all = (double)count - 1;
    double by_kurtosis = kurtosis > 1 ? 2 * (double)count / (kurtosis - 1) : all;
    return fmin(all, by_kurtosis);
}
