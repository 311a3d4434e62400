/* SPDX-License-Identifier: MIT */
#include "proxy/rules/quantile.h"

#include <math.h>

/* Below the first bucket's end nothing is told apart: 2^10 ns, about a microsecond. */
enum { FIRST_SHIFT = 10, PARTS = 16, PART_BITS = 4 };

void quantile_window_init(struct quantile_window *window, duration length)
{
    *window = (struct quantile_window){.slice = {length.ns / QUANTILE_SLICES}};
    if (window->slice.ns == 0)
        window->slice.ns = 1;
}

static int bucket_of(duration value)
{
    if (value.ns < 1 << FIRST_SHIFT)
        return 0;
    int power = 63 - __builtin_clzll((unsigned long long)value.ns);
    int part = (int)(value.ns >> (power - PART_BITS)) & (PARTS - 1);
    int bucket = (power - FIRST_SHIFT) * PARTS + part;
    return bucket < QUANTILE_BUCKETS ? bucket : QUANTILE_BUCKETS - 1;
}

static duration bucket_end(int bucket)
{
    int power = FIRST_SHIFT + bucket / PARTS;
    int64_t part = bucket % PARTS;
    return (duration){(PARTS + part + 1) << (power - PART_BITS)};
}

static uint64_t turn_at(const struct quantile_window *window, mono now)
{
    return (uint64_t)(now.ns / window->slice.ns) + 1;
}

void quantile_window_add(struct quantile_window *window, mono now, duration value)
{
    uint64_t turn = turn_at(window, now);
    struct quantile_slice *slice = &window->slices[turn % QUANTILE_SLICES];
    if (slice->turn != turn)
        *slice = (struct quantile_slice){.turn = turn};
    slice->buckets[bucket_of(value)]++;
    slice->count++;
}

duration quantile_window_get(const struct quantile_window *window, mono now, double share,
                             uint64_t minimum)
{
    const struct quantile_slice *live[QUANTILE_SLICES];
    uint64_t turn = turn_at(window, now), total = 0, seen = 0;
    int count = 0, bucket = 0;
    for (int i = 0; i < QUANTILE_SLICES; i++) {
        if (window->slices[i].turn + QUANTILE_SLICES <= turn || window->slices[i].count == 0)
            continue;
        live[count++] = &window->slices[i];
        total += window->slices[i].count;
    }
    if (total == 0 || total < minimum)
        return (duration){-1};
    double wanted = fmax(ceil(share * (double)total), 1);
    for (; bucket < QUANTILE_BUCKETS; bucket++) {
        for (int i = 0; i < count; i++)
            seen += live[i]->buckets[bucket];
        if ((double)seen >= wanted)
            break;
    }
    return bucket_end(bucket < QUANTILE_BUCKETS ? bucket : QUANTILE_BUCKETS - 1);
}
