/* SPDX-License-Identifier: MIT */
#include "lib/base/hist.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

/* From each power of two to the next there are 2^10 buckets of equal width; below 2^11 ns a bucket
 * is one nanosecond wide. The table starts at the bucket of LOWEST. */
#define DIGIT_BITS 10
#define LOWEST     NS_PER_US
#define HIGHEST    (3600 * NS_PER_S)
/* The shift of HIGHEST, which lies between 2^41 and 2^42. */
#define HIGHEST_SHIFT (41 - DIGIT_BITS)
#define BUCKETS       ((size_t)((HIGHEST_SHIFT << DIGIT_BITS) + (HIGHEST >> HIGHEST_SHIFT) - LOWEST + 1))

__extension__ typedef __int128 wide;

struct hist {
    uint64_t count;
    int64_t min, max;
    wide sum;
    uint64_t buckets[BUCKETS];
};

static size_t bucket_of(int64_t ns)
{
    if (ns <= LOWEST)
        return 0;
    if (ns >= HIGHEST)
        return BUCKETS - 1;
    int highest_bit = 63 - __builtin_clzll((unsigned long long)ns);
    int shift = highest_bit > DIGIT_BITS ? highest_bit - DIGIT_BITS : 0;
    return ((size_t)shift << DIGIT_BITS) + (size_t)(ns >> shift) - (size_t)LOWEST;
}

/* The highest value in the bucket. */
static int64_t bucket_upper(size_t bucket)
{
    size_t position = bucket + (size_t)LOWEST;
    size_t shift = position >> DIGIT_BITS;
    shift = shift > 0 ? shift - 1 : 0;
    return (int64_t)(((position - (shift << DIGIT_BITS) + 1) << shift) - 1);
}

struct hist *hist_new(void)
{
    return mem_alloc(1, sizeof(struct hist));
}

void hist_free(struct hist **hist)
{
    free(*hist);
    *hist = NULL;
}

void hist_clear(struct hist *hist)
{
    memset(hist, 0, sizeof(*hist));
}

static void widen(struct hist *hist, int64_t min, int64_t max)
{
    if (hist->count == 0 || min < hist->min)
        hist->min = min;
    if (hist->count == 0 || max > hist->max)
        hist->max = max;
}

void hist_record(struct hist *hist, duration value)
{
    int64_t ns = value.ns > 0 ? value.ns : 0;
    widen(hist, ns, ns);
    hist->count++;
    hist->sum += ns;
    hist->buckets[bucket_of(ns)]++;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    if (from->count == 0)
        return;
    widen(into, from->min, from->max);
    into->count += from->count;
    into->sum += from->sum;
    for (size_t i = bucket_of(from->min); i <= bucket_of(from->max); i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t hist_count(const struct hist *hist)
{
    return hist->count;
}

duration hist_min(const struct hist *hist)
{
    return duration_ns(hist->min);
}

duration hist_max(const struct hist *hist)
{
    return duration_ns(hist->max);
}

duration hist_mean(const struct hist *hist)
{
    if (hist->count == 0)
        return duration_ns(0);
    return duration_ns((int64_t)((hist->sum + hist->count / 2) / hist->count));
}

/* How many values must not exceed the quantile: at least one. The product is taken a hair smaller,
 * because a share such as 0.07 is a hair larger than it was written and 0.07 * 100 is not 8. */
static uint64_t quantile_rank(uint64_t count, double share)
{
    if (!(share > 0))
        return 1;
    if (share >= 1)
        return count;
    double rank = ceil(share * (double)count * (1 - 4 * DBL_EPSILON));
    return rank < 1 ? 1 : (uint64_t)rank;
}

duration hist_quantile(const struct hist *hist, double share)
{
    if (hist->count == 0)
        return duration_ns(0);
    uint64_t rank = quantile_rank(hist->count, share);
    if (rank == hist->count)
        return hist_max(hist); /* also when it lies above the range */
    uint64_t seen = 0;
    size_t last = bucket_of(hist->max);
    size_t bucket = bucket_of(hist->min);
    while (bucket < last && (seen += hist->buckets[bucket]) < rank)
        bucket++;
    int64_t upper = bucket_upper(bucket);
    return duration_ns(upper < hist->max ? upper : hist->max);
}

bool hist_next(const struct hist *hist, size_t *cursor, duration *upper, uint64_t *count)
{
    for (size_t bucket = *cursor; bucket < BUCKETS; bucket++) {
        if (hist->buckets[bucket] == 0)
            continue;
        *cursor = bucket + 1;
        *upper = duration_ns(bucket_upper(bucket));
        *count = hist->buckets[bucket];
        return true;
    }
    *cursor = BUCKETS;
    return false;
}
