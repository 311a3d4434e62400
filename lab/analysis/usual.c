/* SPDX-License-Identifier: MIT */
#include "lab/analysis/usual.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

#define THRESHOLD 0.3
#define LOCAL     64   /* peaks around a moment that tell what is usual then */
#define LEAST     32   /* fewer peaks tell nothing about their tail */
#define HEAVIEST  0.6  /* what looks heavier is the stalls themselves */
#define HIGH      0.95 /* the quantile that tells the tail */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void peaks_sorted(double *out, const struct gap_sample *peaks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = peaks[i].surprise - THRESHOLD;
    qsort(out, count, sizeof(*out), compare_doubles);
}

/* Of the exponential, the two quantiles have a known ratio; a heavier tail has a larger one. */
static double tail_of(const double *sorted, size_t count)
{
    double middle = sorted[count / 2], high = sorted[(size_t)((double)count * HIGH)];
    if (count < LEAST || high <= middle || middle <= 0)
        return 1;
    return fmax(HEAVIEST, fmin(1, log(-log(1 - HIGH) / log(2)) / log(high / middle)));
}

static double scale_of(const double *sorted, size_t count, double tail)
{
    return count > 0 ? sorted[count / 2] / pow(log(2), 1 / tail) : 1;
}

void usual_fit(struct usual *usual, const struct gap_sample *sample, size_t count)
{
    struct gap_sample *peaks = mem_alloc(count + 1, sizeof(*peaks));
    *usual = (struct usual){.peaks = peaks};
    for (size_t i = 0; i < count; i++)
        if (sample[i].surprise > THRESHOLD)
            peaks[usual->count++] = sample[i];
    double *sorted = mem_alloc(usual->count + 1, sizeof(*sorted));
    peaks_sorted(sorted, peaks, usual->count);
    usual->tail = tail_of(sorted, usual->count);
    usual->scale = scale_of(sorted, usual->count, usual->tail);
    free(sorted);
}

void usual_free(struct usual *usual)
{
    free((void *)(uintptr_t)usual->peaks);
    *usual = (struct usual){0};
}

static double local_scale(const struct usual *usual, int64_t at)
{
    size_t low = 0, high = usual->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (usual->peaks[middle].at > at)
            high = middle;
        else
            low = middle + 1;
    }
    size_t first = low > LOCAL / 2 ? low - LOCAL / 2 : 0;
    size_t count = usual->count - first < LOCAL ? usual->count - first : LOCAL;
    double sorted[LOCAL];
    peaks_sorted(sorted, usual->peaks + first, count);
    return count < LEAST ? 0 : scale_of(sorted, count, usual->tail);
}

double usual_rarity(const struct usual *usual, int64_t at, double surprise)
{
    double excess = surprise - THRESHOLD;
    double scale = fmax(usual->scale, local_scale(usual, at));
    return excess > 0 ? fmin(excess, pow(excess / scale, usual->tail)) : 0;
}
