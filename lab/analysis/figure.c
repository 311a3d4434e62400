/* SPDX-License-Identifier: MIT */
#include "lab/analysis/figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/analysis/order.h"
#include "lib/base/clock.h"
#include "lib/base/memory.h"

#define SLOTS 600 /* of all rounds together, about */

/* A quantile's levels of latency, by rank: close around it, on the scale of log odds. The step is 6
 * % of what lies beyond, and between two levels the distribution counts as even. */
#define STEPS  96
#define REACH  3.0
#define LEVELS (STEPS + 2)

struct levels {
    double share;
    size_t count;
    double edges[LEVELS + 1]; /* ms; level i holds what is above edge i and at most edge i + 1 */
};

/* Behind one allocation, so that a figure is freed as a whole. */
struct figure_memory {
    struct levels levels;
    size_t *sizes;
    float *cells;
};

static double ms_of(int64_t ns)
{
    return (double)ns / (double)NS_PER_MS;
}

int64_t figure_slot(const struct outcomes *a, const struct outcomes *b)
{
    int64_t longest = 0;
    const struct outcomes *sides[] = {a, b};
    for (size_t side = 0; side < 2; side++) {
        int64_t total = 0;
        for (size_t i = 0; i < sides[side]->round_count; i++)
            total += sides[side]->rounds[i].duration;
        longest = total > longest ? total : longest;
    }
    return longest / SLOTS > NS_PER_MS ? longest / SLOTS : NS_PER_MS;
}

int figure_route(const struct outcomes *outcomes, const char *route)
{
    for (size_t i = 0; i < outcomes->name_count; i++)
        if (strcmp(outcomes->names[i], route) == 0)
            return (int)i;
    return -1;
}

static bool concerns(const struct outcome *outcome, const char *route, int number)
{
    return !route || outcome->route == number;
}

/* ---- ranks */

struct figure_ranking figure_rank(const struct outcomes *outcomes, const char *route)
{
    struct figure_ranking ranking = {.sorted =
                                         mem_alloc(outcomes->count + 1, sizeof(*ranking.sorted))};
    int number = route ? figure_route(outcomes, route) : -1;
    for (size_t i = 0; i < outcomes->count; i++)
        if (concerns(&outcomes->items[i], route, number))
            ranking.sorted[ranking.count++] = outcomes->items[i].latency;
    order_values(ranking.sorted, ranking.count);
    return ranking;
}

/* The smallest latency that at least `share` of all do not exceed. */
static int64_t at_rank(const struct figure_ranking *ranking, double share)
{
    double rank = ceil(share * (double)ranking->count - 1e-9);
    size_t index = rank < 1 ? 0 : (size_t)rank - 1;
    return ranking->sorted[index < ranking->count ? index : ranking->count - 1];
}

static void add_edge(struct levels *levels, int64_t latency)
{
    double edge = ms_of(latency);
    if (edge > levels->edges[levels->count])
        levels->edges[++levels->count] = edge;
}

static void set_levels(struct levels *levels, double share, const struct figure_ranking *ranking)
{
    levels->share = share;
    levels->count = 0;
    levels->edges[0] = ms_of(ranking->sorted[0]) * (1 - 1e-9) - 1e-9;
    double odds = log(share / (1 - share));
    for (int i = 0; i <= STEPS; i++) {
        double at = odds - REACH + 2 * REACH * i / STEPS;
        add_edge(levels, at_rank(ranking, 1 / (1 + exp(-at))));
    }
    add_edge(levels, ranking->sorted[ranking->count - 1]);
}

static size_t level_of(const struct levels *levels, double ms)
{
    size_t low = 0, high = levels->count - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ms > levels->edges[middle + 1])
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static double quantile_of_sums(const void *context, const double *sums)
{
    const struct levels *levels = context;
    double total = 0, below = 0;
    for (size_t i = 0; i < levels->count; i++)
        total += sums[i];
    double wanted = levels->share * total;
    for (size_t i = 0; i < levels->count; i++) {
        if (below + sums[i] >= wanted && sums[i] > 0) {
            double part = (wanted - below) / sums[i];
            part = part < 0 ? 0 : part;
            return levels->edges[i] + part * (levels->edges[i + 1] - levels->edges[i]);
        }
        below += sums[i];
    }
    return levels->edges[levels->count];
}

static double share_of_sums(const void *context, const double *sums)
{
    return sums[1] > 0 ? sums[0] / sums[1] : 0;
}

/* ---- slots */

static void lay_out(struct figure *figure, const struct outcomes *outcomes, int64_t slot)
{
    struct figure_memory *memory = figure->memory;
    memory->sizes = mem_alloc(outcomes->round_count + 1, sizeof(*memory->sizes));
    struct slot_layout *layout = &figure->side.layout;
    *layout = (struct slot_layout){.sizes = memory->sizes, .round_count = outcomes->round_count};
    for (size_t i = 0; i < outcomes->round_count; i++) {
        int64_t slots = (outcomes->rounds[i].duration + slot - 1) / slot;
        memory->sizes[i] = slots > 0 ? (size_t)slots : 1;
        layout->total += memory->sizes[i];
    }
    memory->cells = mem_alloc(layout->total * figure->side.width, sizeof(*memory->cells));
    figure->side.cells = memory->cells;
}

static bool counts(const struct outcome *outcome, const struct figure_spec *spec)
{
    switch (spec->kind) {
    case FIGURE_FAILURES:
        return outcome->failed;
    case FIGURE_CAUSE:
        return outcome->cause == spec->cause && (spec->cause != 0 || outcome->failed);
    case FIGURE_UNANSWERED:
        return outcome->unanswered;
    case FIGURE_THROUGHPUT:
        return outcome->good;
    case FIGURE_QUANTILE:
        break;
    }
    return false;
}

static void add_outcome(struct figure *figure, const struct figure_spec *spec,
                        const struct outcome *outcome, float *cells)
{
    const struct figure_memory *memory = figure->memory;
    figure->requests++;
    figure->unanswered += outcome->unanswered;
    if (spec->kind == FIGURE_QUANTILE) {
        double ms = ms_of(outcome->latency);
        figure->events += ms > figure->value;
        cells[level_of(&memory->levels, ms)]++;
        return;
    }
    bool event = counts(outcome, spec);
    figure->events += event;
    cells[0] += event;
    if (spec->kind != FIGURE_THROUGHPUT)
        cells[1]++;
}

/* A throughput's slots count seconds, requests or not; the last of a round may be shorter. */
static void add_seconds(struct figure *figure, const struct outcomes *outcomes, int64_t slot)
{
    float *cells = ((struct figure_memory *)figure->memory)->cells;
    for (size_t i = 0; i < outcomes->round_count; i++) {
        int64_t left = outcomes->rounds[i].duration;
        for (size_t n = 0; n < figure->side.layout.sizes[i]; n++, cells += 2, left -= slot)
            cells[1] = (float)((double)(left < slot ? left : slot) / (double)NS_PER_S);
    }
}

static void fill(struct figure *figure, const struct figure_spec *spec,
                 const struct outcomes *outcomes, int64_t slot)
{
    int number = spec->route ? figure_route(outcomes, spec->route) : -1;
    float *cells = ((struct figure_memory *)figure->memory)->cells;
    for (size_t i = 0; i < outcomes->round_count; i++) {
        const struct outcome_round *round = &outcomes->rounds[i];
        size_t slots = figure->side.layout.sizes[i];
        for (size_t n = round->from; n < round->from + round->count; n++) {
            const struct outcome *outcome = &outcomes->items[n];
            if (!concerns(outcome, spec->route, number))
                continue;
            size_t at = outcome->at < 0 ? 0 : (size_t)(outcome->at / slot);
            at = at < slots ? at : slots - 1;
            add_outcome(figure, spec, outcome, cells + at * figure->side.width);
        }
        cells += slots * figure->side.width;
    }
}

static double rate_of(const struct figure *figure, const struct outcomes *outcomes,
                      const struct figure_spec *spec)
{
    if (spec->kind != FIGURE_THROUGHPUT)
        return figure->requests ? (double)figure->events / (double)figure->requests : 0;
    double seconds = 0;
    for (size_t i = 0; i < outcomes->round_count; i++)
        seconds += (double)outcomes->rounds[i].duration / (double)NS_PER_S;
    return seconds > 0 ? (double)figure->events / seconds : 0;
}

void figure_take(struct figure *figure, const struct figure_spec *spec,
                 const struct outcomes *outcomes, const struct figure_ranking *ranking,
                 int64_t slot)
{
    struct figure_memory *memory = mem_alloc(1, sizeof(*memory));
    *figure = (struct figure){.memory = memory};
    figure->side =
        (struct contrast_side){.width = 2, .statistic = share_of_sums, .context = &memory->levels};
    bool quantile = spec->kind == FIGURE_QUANTILE;
    if (quantile && ranking->count > 0) {
        set_levels(&memory->levels, spec->share, ranking);
        figure->value = ms_of(at_rank(ranking, spec->share));
        figure->side.width = memory->levels.count;
        figure->side.statistic = quantile_of_sums;
    }
    lay_out(figure, outcomes, slot);
    if (!quantile || ranking->count > 0)
        fill(figure, spec, outcomes, slot);
    if (spec->kind == FIGURE_THROUGHPUT)
        add_seconds(figure, outcomes, slot);
    if (!quantile)
        figure->value = rate_of(figure, outcomes, spec);
}

void figure_free(struct figure *figure)
{
    struct figure_memory *memory = figure->memory;
    if (memory) {
        free(memory->sizes);
        free(memory->cells);
    }
    free(memory);
    figure->memory = NULL;
}
