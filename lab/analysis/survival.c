/* SPDX-License-Identifier: MIT */
#include "lab/analysis/survival.h"

#include <stdlib.h>

#include "lib/base/memory.h"

/* At one time, ends come before what was lost sight of: it was still there. */
static int by_time(const void *a, const void *b)
{
    const struct lifetime *one = a, *other = b;
    if (one->time != other->time)
        return one->time < other->time ? -1 : 1;
    return (int)other->ended - (int)one->ended;
}

void survival_fit(struct survival *survival, struct lifetime *lives, size_t count)
{
    *survival = (struct survival){.times = mem_alloc(count + 1, sizeof(*survival->times)),
                                  .alive = mem_alloc(count + 1, sizeof(*survival->alive))};
    if (count > 0)
        qsort(lives, count, sizeof(*lives), by_time);
    double alive = 1;
    for (size_t i = 0; i < count;) {
        size_t watched = count - i, ended = 0;
        int64_t time = lives[i].time;
        for (; i < count && lives[i].time == time; i++)
            ended += lives[i].ended;
        if (ended == 0)
            continue;
        alive *= 1 - (double)ended / (double)watched;
        survival->times[survival->count] = time;
        survival->alive[survival->count++] = alive;
    }
}

void survival_free(struct survival *survival)
{
    free(survival->times);
    free(survival->alive);
    *survival = (struct survival){0};
}

/* How many of the times are not above `time`. */
static size_t count_until(const struct survival *survival, int64_t time)
{
    size_t low = 0, high = survival->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (survival->times[middle] <= time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

double survival_beyond(const struct survival *survival, int64_t time)
{
    size_t until = count_until(survival, time);
    return until == 0 ? 1 : survival->alive[until - 1];
}

/* The first time at which at most the share `left` is alive. */
static int64_t first_below(const struct survival *survival, double left)
{
    size_t low = 0, high = survival->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (survival->alive[middle] > left)
            low = middle + 1;
        else
            high = middle;
    }
    return low < survival->count ? survival->times[low] : INT64_MAX;
}

int64_t survival_draw(const struct survival *survival, int64_t beyond, double unit)
{
    double alive = survival_beyond(survival, beyond);
    if (!(alive > 0))
        return INT64_MAX;
    int64_t time = first_below(survival, alive * (1 - unit));
    if (time > beyond)
        return time;
    size_t next = count_until(survival, beyond);
    return next < survival->count ? survival->times[next] : INT64_MAX;
}

int64_t survival_quantile(const struct survival *survival, double share)
{
    return first_below(survival, 1 - share);
}
