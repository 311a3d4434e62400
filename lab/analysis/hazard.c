/* SPDX-License-Identifier: MIT */
#include "lab/analysis/hazard.h"

#include <stddef.h>

/* Classes are 16 to an octave, from 2^10 ns. */
#define STEPS      16
#define STEP_BITS  4
#define FIRST_BITS 10

static int64_t lower_edge(size_t class)
{
    if (class == 0)
        return 0;
    size_t octave = (class - 1) / STEPS, step = (class - 1) % STEPS;
    return (int64_t)(STEPS + step) << (octave + FIRST_BITS - STEP_BITS);
}

static size_t class_of(int64_t age)
{
    if (age < INT64_C(1) << FIRST_BITS)
        return 0;
    size_t bits = 63 - (size_t)__builtin_clzll((unsigned long long)age);
    size_t class = 1 + (bits - FIRST_BITS) * STEPS + (size_t)(age >> (bits - STEP_BITS)) % STEPS;
    return class < HAZARD_CLASSES ? class : HAZARD_CLASSES - 1;
}

void hazard_add(struct hazard *hazard, int64_t age, bool moved)
{
    size_t class = class_of(age);
    hazard->ended[class]++;
    hazard->moved[class] += moved;
    hazard->within[class] += age > 0 ? (double)(age - lower_edge(class)) : 0;
    hazard->count++;
}

void hazard_fit(struct hazard *hazard)
{
    double beyond = (double)hazard->count;
    hazard->cumulative[0] = 0;
    for (size_t i = 0; i < HAZARD_CLASSES; i++) {
        double width = (double)(lower_edge(i + 1) - lower_edge(i));
        beyond -= hazard->ended[i];
        double exposure = beyond * width + hazard->within[i];
        double added = exposure > 0 ? hazard->moved[i] * width / exposure : 0;
        hazard->cumulative[i + 1] = hazard->cumulative[i] + added;
    }
}

static double cumulative_at(const struct hazard *hazard, int64_t age)
{
    if (age <= 0)
        return 0;
    size_t class = class_of(age);
    if (class == HAZARD_CLASSES - 1)
        return hazard->cumulative[class];
    double lower = (double)lower_edge(class), upper = (double)lower_edge(class + 1);
    double share = ((double)age - lower) / (upper - lower);
    return hazard->cumulative[class] +
           share * (hazard->cumulative[class + 1] - hazard->cumulative[class]);
}

double hazard_between(const struct hazard *hazard, int64_t from, int64_t to)
{
    return to > from ? cumulative_at(hazard, to) - cumulative_at(hazard, from) : 0;
}

int64_t hazard_median(const struct hazard *hazard)
{
    uint64_t below = 0;
    for (size_t i = 0; i < HAZARD_CLASSES; i++) {
        below += hazard->ended[i];
        if (2 * below > hazard->count)
            return (lower_edge(i) + lower_edge(i + 1)) / 2;
    }
    return 0;
}
