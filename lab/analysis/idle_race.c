/* SPDX-License-Identifier: MIT */
#include "lab/analysis/idle_race.h"

#include <math.h>
#include <stdlib.h>

#define DOUBT 0.05
#define MS    INT64_C(1000000)

double share_at_most_when_none(size_t count)
{
    return count > 0 ? 1 - pow(DOUBT, 1.0 / (double)count) : 1;
}

static int by_age(const void *a, const void *b)
{
    const struct reuse *one = a, *other = b;
    return (one->idle > other->idle) - (one->idle < other->idle);
}

/* Nobody sets a timeout to the nanosecond. */
static int64_t rounded_down(int64_t age)
{
    int64_t step = age >= 10 * MS ? MS : MS / 10;
    return age / step * step;
}

static void gather(struct idle_race *race, const struct reuse *reuses, size_t count)
{
    race->reuses = count;
    for (size_t i = 0; i < count; i++) {
        if (!reuses[i].lost) {
            race->last_kept = reuses[i].idle;
            continue;
        }
        if (race->lost++ == 0)
            race->first_lost = reuses[i].idle;
        race->last_lost = reuses[i].idle;
    }
}

static size_t count_up_to(const struct reuse *reuses, size_t count, int64_t age)
{
    size_t n = 0;
    while (n < count && reuses[n].idle <= age)
        n++;
    return n;
}

static enum idle_race_verdict find_safe_age(struct idle_race *race, const struct reuse *reuses,
                                            size_t count, int64_t slack)
{
    if (race->lost == 0)
        return IDLE_RACE_NO_LOSS;
    if (race->lost < IDLE_RACE_LEAST_LOST)
        return IDLE_RACE_FEW_LOST;
    double range = (double)(race->last_lost - race->first_lost);
    race->margin = (int64_t)(range * (pow(DOUBT, -1.0 / (double)(race->lost - 1)) - 1));
    int64_t safe = rounded_down(race->first_lost - race->margin - slack);
    if (safe <= 0 || race->last_lost - race->first_lost > race->first_lost)
        return IDLE_RACE_EVERYWHERE;
    race->safe = safe;
    race->below = count_up_to(reuses, count, safe);
    race->below_most = share_at_most_when_none(race->below);
    size_t near = race->below - count_up_to(reuses, count, safe / 2);
    return near < IDLE_RACE_LEAST_NEAR ? IDLE_RACE_UNTRIED : IDLE_RACE_SAFE;
}

void idle_race_judge(struct idle_race *race, struct reuse *reuses, size_t count, int64_t slack)
{
    *race = (struct idle_race){0};
    if (count > 0)
        qsort(reuses, count, sizeof(*reuses), by_age);
    gather(race, reuses, count);
    race->verdict = find_safe_age(race, reuses, count, slack);
}

/* ---- the histogram */

/* The smallest 1, 2 or 5 times a power of ten of which so many reach `end`. */
static int64_t round_width(int64_t end)
{
    static const int64_t steps[] = {1, 2, 5};
    for (int64_t power = 1000;; power *= 10)
        for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
            if (steps[i] * power * (IDLE_RACE_CLASSES - 1) >= end)
                return steps[i] * power;
}

size_t idle_race_classify(struct idle_race_class classes[IDLE_RACE_CLASSES],
                          const struct reuse *reuses, size_t count)
{
    int64_t last_lost = 0;
    for (size_t i = 0; i < count; i++)
        if (reuses[i].lost)
            last_lost = reuses[i].idle;
    if (count == 0)
        return 0;
    int64_t longest = reuses[count - 1].idle;
    int64_t end =
        last_lost > 0 && last_lost + last_lost / 2 < longest ? last_lost + last_lost / 2 : longest;
    int64_t width = round_width(end);
    size_t used = (size_t)(end / width) + 1;
    for (size_t i = 0; i < used; i++)
        classes[i] = (struct idle_race_class){(int64_t)i * width, (int64_t)(i + 1) * width, 0, 0};
    for (size_t i = 0; i < count; i++) {
        size_t class = (size_t)(reuses[i].idle / width);
        class = class < used ? class : used - 1;
        classes[class].reuses++;
        classes[class].lost += reuses[i].lost;
    }
    classes[used - 1].to = longest > classes[used - 1].to ? longest : classes[used - 1].to;
    return used;
}
