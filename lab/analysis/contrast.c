/* SPDX-License-Identifier: MIT */
#include "lab/analysis/contrast.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "lab/analysis/student.h"
#include "lib/base/memory.h"

#define SEEN_TAIL 0.1 /* "nine times in ten" */

/* So many sums are added up for a figure at most, within these bounds of draws. */
#define WORK   10e6
#define FEWEST 1000
#define MOST   20000
#define TAIL_VALUES \
    10 /* a percentile with fewer values beyond it is drawn out from one with these */

/* What is usual counts as much as this many rounds. */
#define USUAL_ROUNDS 4.0
/* Rounds that differ more than all but this share of usual ones contradict it. */
#define CONTRADICTION 0.01

/* A side's cells added up from the first slot of each round on, so that a block is a difference. */
struct running {
    const struct contrast_side *side;
    double *before; /* total + round_count rows of the side's width */
    double *sums;
};

/* One or two sides that are drawn together: the figure of `plus` less that of `minus` (or NULL). */
struct leg {
    struct running plus, minus;
    bool both;
    const struct slot_layout *layout;
    double *influences;
    double whole; /* the figure of all slots */
    size_t length;
    double freedom;
};

/* ---- sums and the figure made of them */

static void running_init(struct running *running, const struct contrast_side *side)
{
    size_t width = side->width;
    *running = (struct running){.side = side};
    running->sums = mem_alloc(width, sizeof(double));
    running->before =
        mem_alloc((side->layout.total + side->layout.round_count) * width, sizeof(double));
    double *row = running->before;
    const float *cells = side->cells;
    for (size_t i = 0; i < side->layout.round_count; i++, row += width)
        for (size_t t = 0; t < side->layout.sizes[i]; t++, row += width, cells += width)
            for (size_t n = 0; n < width; n++)
                row[width + n] = row[n] + (double)cells[n];
}

static void running_free(struct running *running)
{
    free(running->before);
    free(running->sums);
}

static double running_figure(const struct running *running)
{
    return running->side->statistic(running->side->context, running->sums);
}

static void running_clear(struct running *running)
{
    for (size_t n = 0; n < running->side->width; n++)
        running->sums[n] = 0;
}

/* Adds the slots from..to of a round; `first` is the row of its first slot. */
static void running_add(struct running *running, size_t first, size_t from, size_t to, double times)
{
    size_t width = running->side->width;
    const double *low = running->before + (first + from) * width;
    const double *high = running->before + (first + to) * width;
    for (size_t n = 0; n < width; n++)
        running->sums[n] += times * (high[n] - low[n]);
}

static void leg_add(struct leg *leg, size_t first, size_t from, size_t to, double times)
{
    running_add(&leg->plus, first, from, to, times);
    if (leg->both)
        running_add(&leg->minus, first, from, to, times);
}

static double leg_figure(const struct leg *leg)
{
    double value = running_figure(&leg->plus);
    return leg->both ? value - running_figure(&leg->minus) : value;
}

static void leg_clear(struct leg *leg)
{
    running_clear(&leg->plus);
    if (leg->both)
        running_clear(&leg->minus);
}

/* ---- what each slot does to the figure */

/* The jackknife's influence of each slot (Quenouille 1956, Tukey 1958), around a mean of 0. */
static void find_influences(struct leg *leg)
{
    const struct slot_layout *layout = leg->layout;
    leg_clear(leg);
    for (size_t i = 0, first = 0; i < layout->round_count; first += layout->sizes[i++] + 1)
        leg_add(leg, first, 0, layout->sizes[i], 1);
    leg->whole = leg_figure(leg);
    double sum = 0, *influence = leg->influences;
    for (size_t i = 0, first = 0; i < layout->round_count; first += layout->sizes[i++] + 1)
        for (size_t t = 0; t < layout->sizes[i]; t++) {
            leg_add(leg, first, t, t + 1, -1);
            *influence = leg->whole - leg_figure(leg);
            sum += *influence++;
            leg_add(leg, first, t, t + 1, 1);
        }
    for (size_t slot = 0; slot < layout->total; slot++)
        leg->influences[slot] -= sum / (double)layout->total;
}

static void leg_init(struct leg *leg, const struct contrast_side *plus,
                     const struct contrast_side *minus)
{
    *leg = (struct leg){.both = minus != NULL, .layout = &plus->layout};
    running_init(&leg->plus, plus);
    if (minus)
        running_init(&leg->minus, minus);
    leg->influences = mem_alloc(plus->layout.total, sizeof(double));
    find_influences(leg);
    leg->length = blocks_length(leg->influences, leg->layout);
    leg->freedom = blocks_freedom(leg->influences, leg->layout, leg->length);
}

static void leg_free(struct leg *leg)
{
    running_free(&leg->plus);
    if (leg->both)
        running_free(&leg->minus);
    free(leg->influences);
}

/* ---- drawing */

/* In the running sums each round has one row more than it has slots. */
struct drawing {
    struct leg *leg;
    size_t round, rounds_before;
};

static void add_block(void *context, size_t round, size_t size, size_t at, size_t count)
{
    struct drawing *drawing = context;
    if (round != drawing->round) {
        drawing->round = round;
        drawing->rounds_before++;
    }
    size_t first = round + drawing->rounds_before;
    size_t end = at + count < size ? at + count : size;
    leg_add(drawing->leg, first, at, end, 1);
    if (at + count > size)
        leg_add(drawing->leg, first, 0, at + count - size, 1);
}

static double draw(struct leg *leg, struct rng *rng)
{
    struct drawing drawing = {.leg = leg};
    leg_clear(leg);
    blocks_draw(rng, leg->layout, leg->length, add_block, &drawing);
    return leg_figure(leg) - leg->whole;
}

static double draws_affordable(const struct leg *legs, size_t count)
{
    double cost = 0;
    for (size_t i = 0; i < count; i++)
        cost += (double)(legs[i].layout->total / legs[i].length + legs[i].layout->round_count) *
                (double)(legs[i].plus.side->width + (legs[i].both ? legs[i].minus.side->width : 0));
    return fmax(FEWEST, fmin(MOST, WORK / cost));
}

static int by_value(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

static void draw_all(struct contrast *contrast, struct leg *legs, size_t count, struct rng *rng)
{
    contrast->count = (size_t)draws_affordable(legs, count);
    contrast->deviations = mem_alloc(contrast->count, sizeof(double));
    for (size_t i = 0; i < contrast->count; i++) {
        contrast->deviations[i] = draw(&legs[0], rng);
        if (count > 1)
            contrast->deviations[i] -= draw(&legs[1], rng);
    }
    qsort(contrast->deviations, contrast->count, sizeof(double), by_value);
}

/* ---- rounds and runs */

static double variance_of(const double *values, size_t count)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < count; i++) { /* Welford's recurrence */
        double step = values[i] - mean;
        mean += step / (double)(i + 1);
        squares += step * (values[i] - mean);
    }
    return count > 1 ? squares / (double)(count - 1) : 0;
}

/* The variance of the figure as whole rounds show it: each is one block. */
static double variance_of_rounds(const struct leg *leg)
{
    const double *influence = leg->influences;
    double squares = 0, rounds = (double)leg->layout->round_count;
    for (size_t i = 0; i < leg->layout->round_count; i++) {
        double sum = 0;
        for (size_t t = 0; t < leg->layout->sizes[i]; t++)
            sum += *influence++;
        squares += sum * sum;
    }
    return squares * rounds / (rounds - 1);
}

/* `within` is the variance that the blocks explain. */
static void add_rounds(struct contrast *contrast, const struct leg *legs, size_t count,
                       double within, double usual_rounds)
{
    double seen = 0, rounds = 0;
    for (size_t i = 0; i < count; i++) {
        double own = (double)legs[i].layout->round_count;
        rounds = i == 0 || own < rounds ? own : rounds;
        seen += own > 1 ? variance_of_rounds(&legs[i]) : 0;
    }
    double usual = usual_rounds * usual_rounds / rounds, freedom = rounds - 1;
    double beyond = fmax(0, seen - within);
    contrast->outer = usual;
    if (rounds < 2) {
        contrast->outer_freedom = contrast->endless ? 0 : USUAL_ROUNDS;
        return;
    }
    /* The variance of two rounds is a normal one's square; of more, it scatters less. */
    double bound = normal_quantile(CONTRADICTION / 2);
    if (contrast->endless || seen > bound * bound * (within + usual)) {
        contrast->outer = beyond;
        contrast->outer_freedom = freedom;
        return;
    }
    contrast->outer = (USUAL_ROUNDS * usual + freedom * beyond) / (USUAL_ROUNDS + freedom);
    contrast->outer_freedom = USUAL_ROUNDS + freedom;
}

/* ---- both together */

/* Satterthwaite (1946): the degrees of freedom of a sum of variances. */
static double combined_freedom(double one, double one_freedom, double other, double other_freedom)
{
    double below = 0;
    if (one > 0 && one_freedom > 0)
        below += one * one / one_freedom;
    if (other > 0 && other_freedom > 0)
        below += other * other / other_freedom;
    return below > 0 ? (one + other) * (one + other) / below : 0;
}

static double spread_of(const struct leg *leg)
{
    return variance_of(leg->influences, leg->layout->total) * (double)leg->layout->total;
}

static void measure_legs(struct contrast *contrast, struct leg *legs, size_t count,
                         const struct contrast_settings *settings, struct rng *rng)
{
    contrast->length = legs[0].length;
    contrast->blocks = blocks_count(legs[0].layout, legs[0].length);
    contrast->freedom = legs[0].freedom;
    for (size_t i = 0; i < count; i++)
        contrast->endless |= legs[i].length >= blocks_longest(legs[i].layout);
    if (count > 1) {
        size_t blocks = blocks_count(legs[1].layout, legs[1].length);
        contrast->blocks = blocks < contrast->blocks ? blocks : contrast->blocks;
        contrast->length = legs[1].length > contrast->length ? legs[1].length : contrast->length;
        contrast->freedom = combined_freedom(spread_of(&legs[0]), legs[0].freedom,
                                             spread_of(&legs[1]), legs[1].freedom);
    }
    draw_all(contrast, legs, count, rng);
    double within = variance_of(contrast->deviations, contrast->count);
    add_rounds(contrast, legs, count, within, settings->usual_rounds);
    double runs = settings->usual_runs * settings->usual_runs; /* taken as known */
    contrast->outer_freedom = combined_freedom(contrast->outer, contrast->outer_freedom, runs, 1e9);
    contrast->outer += runs;
    contrast->error = sqrt(within + contrast->outer);
}

struct contrast contrast_measure(const struct contrast_side *a, const struct contrast_side *b,
                                 const struct contrast_settings *settings)
{
    assert(!settings->paired || a->layout.total == b->layout.total);
    struct rng rng;
    rng_init_stream(&rng, settings->seed, settings->purpose, 0);
    struct contrast contrast = {0};
    struct leg legs[2];
    size_t count = settings->paired ? 1 : 2;
    leg_init(&legs[0], b, settings->paired ? a : NULL);
    if (count > 1)
        leg_init(&legs[1], a, NULL);
    measure_legs(&contrast, legs, count, settings, &rng);
    for (size_t i = 0; i < count; i++)
        leg_free(&legs[i]);
    return contrast;
}

void contrast_free(struct contrast *contrast)
{
    free(contrast->deviations);
    contrast->deviations = NULL;
}

/* ---- intervals */

/* The percentile of the draws, widened for the few blocks that matter. */
static double inner_reach(const struct contrast *contrast, double tail, int direction)
{
    size_t count = contrast->count;
    double furthest = fmax(fabs(contrast->deviations[0]), fabs(contrast->deviations[count - 1]));
    if (furthest == 0)
        return 0; /* the two are the same in every slot */
    if (contrast->freedom <= 0)
        return INFINITY;
    double freedom = contrast->freedom;
    double wide = student_quantile(tail, freedom) * sqrt((freedom + 1) / freedom);
    double share = fmax(normal_tail(wide), TAIL_VALUES / (double)count);
    size_t index = (size_t)(share * (double)count);
    double value = contrast->deviations[direction < 0 ? index : count - 1 - index];
    return fmax(0, direction * value) * wide / normal_quantile(share);
}

double contrast_reach(const struct contrast *contrast, double tail, int direction)
{
    double inner = inner_reach(contrast, tail, direction), outer = 0;
    if (contrast->outer > 0)
        outer = contrast->outer_freedom > 0
                    ? student_quantile(tail, contrast->outer_freedom) * sqrt(contrast->outer)
                    : INFINITY;
    return hypot(inner, outer);
}

double contrast_would_see(const struct contrast *contrast, double tail)
{
    double reach = fmax(contrast_reach(contrast, tail, -1), contrast_reach(contrast, tail, 1));
    return reach + normal_quantile(SEEN_TAIL) * contrast->error;
}
