/* SPDX-License-Identifier: MIT */
#include "lab/compare/compare_figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/base/units.h"
#include "lib/record/cause.h"

#define MISSES_MAIN   0.04 /* of comparisons, by chance */
#define MISSES_DETAIL 0.01

#define LEAST_BLOCKS   8
#define LEAST_FREEDOM  2.0  /* about twice the stretches of time that matter */
#define LEAST_REQUESTS 1000 /* of a route */
#define LEAST_OF_CAUSE 20
#define MOST_DETAILS   8 /* routes, and causes */

/* What is usual, as a share of the figure (of throughput: of what was not answered): standard
 * deviations from one round to the next, and from one run to the next. How long a request takes
 * follows the machine's mood; how many of them a stall catches, much less. */
#define USUAL_ROUNDS_LATENCY 0.05
#define USUAL_ROUNDS_COUNT   0.02
#define USUAL_RUNS           0.6 /* of the above */

static const struct compare_row main_rows[] = {
    {"failure rate", FIGURE_FAILURES, 0, COMPARE_SHARE, false, "fails less"},
    {"p50", FIGURE_QUANTILE, 0.5, COMPARE_MS, false, "is faster at p50"},
    {"p90", FIGURE_QUANTILE, 0.9, COMPARE_MS, false, "is faster at p90"},
    {"p99", FIGURE_QUANTILE, 0.99, COMPARE_MS, false, "is faster at p99"},
    {"p99.9", FIGURE_QUANTILE, 0.999, COMPARE_MS, false, "is faster at p99.9"},
    {"throughput", FIGURE_THROUGHPUT, 0, COMPARE_RATE, true, "answers more"},
};
static const struct compare_row cause_row_of = {"share",       FIGURE_CAUSE, 0,
                                                COMPARE_SHARE, false,        "has less"};
static const struct compare_row unanswered_row = {
    "unanswered", FIGURE_UNANSWERED, 0, COMPARE_SHARE, false, "leaves fewer unanswered"};

static bool is_by_route(const struct compare_row *row)
{
    return row->kind == FIGURE_FAILURES ||
           (row->kind == FIGURE_QUANTILE && (row->share == 0.5 || row->share == 0.99));
}

/* ---- texts */

const char *compare_amount(char *out, size_t size, enum compare_unit unit, double amount)
{
    switch (unit) {
    case COMPARE_SHARE:
        snprintf(out, size, "%.2g points", amount * 100);
        break;
    case COMPARE_MS:
        return units_format_duration(out, size, duration_ns((int64_t)llround(amount * 1e6)));
    case COMPARE_RATE:
        snprintf(out, size, "%.3g/s", amount);
        break;
    }
    return out;
}

const char *compare_value(char *out, size_t size, enum compare_unit unit, double value)
{
    switch (unit) {
    case COMPARE_SHARE:
        snprintf(out, size, value > 0 && value < 0.0001 ? "%.4f%%" : "%.2f%%", value * 100);
        break;
    case COMPARE_MS:
        return units_format_duration(out, size, duration_ns((int64_t)llround(value * 1e6)));
    case COMPARE_RATE:
        snprintf(out, size, "%.1f/s", value);
        break;
    }
    return out;
}

static void withhold(struct compare_figure *figure, const char *format, ...) PRINTF_LIKE(2, 3);
static void withhold(struct compare_figure *figure, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(figure->text, sizeof(figure->text), format, args);
    va_end(args);
    figure->verdict = COMPARE_WITHHELD;
}

/* The bound of an interval as an amount in favour of who is better: never below zero, and in the
 * plain number that the sentence's unit is said of once. */
static const char *bound(char *out, size_t size, enum compare_unit unit, double value)
{
    if (unit == COMPARE_SHARE) {
        snprintf(out, size, "%.2g", value * 100);
        return out;
    }
    return compare_amount(out, size, unit, value);
}

static void say_better(struct compare_figure *figure)
{
    const struct compare_row *row = figure->row;
    char amount[40], from[40], to[40];
    double low = fmin(fabs(figure->low), fabs(figure->high));
    double high = fmax(fabs(figure->low), fabs(figure->high));
    compare_amount(amount, sizeof(amount), row->unit, fabs(figure->b - figure->a));
    const char *join = row->kind == FIGURE_CAUSE ? " of " : " on ";
    snprintf(figure->text, sizeof(figure->text), "%c %s%s%s: %s (%s to %s)",
             figure->verdict == COMPARE_A ? 'A' : 'B', row->better, figure->of ? join : "",
             figure->of ? figure->of : "", amount, bound(from, sizeof(from), row->unit, low),
             bound(to, sizeof(to), row->unit, high));
}

static void say_same(struct compare_figure *figure)
{
    char amount[40];
    if (figure->would_see == 0 && figure->a == figure->b)
        snprintf(figure->text, sizeof(figure->text), "the same");
    else
        snprintf(figure->text, sizeof(figure->text),
                 "no difference can be seen (one of %s would have been, nine times in ten)",
                 compare_amount(amount, sizeof(amount), figure->row->unit, figure->would_see));
}

/* ---- measuring */

/* What may not be said, from the counts alone. */
static void check_counts(struct compare_figure *figure, const struct figure *a,
                         const struct figure *b)
{
    const struct compare_row *row = figure->row;
    size_t events = a->events + b->events;
    size_t fewer = a->requests < b->requests ? a->requests : b->requests;
    double beyond = (1 - row->share) * (double)fewer;
    if (a->requests == 0 || b->requests == 0) {
        withhold(figure, "withheld: nothing was measured of %s", a->requests ? "B" : "A");
    } else if (row->kind == FIGURE_QUANTILE) {
        double most = 1 - row->share;
        if (beyond < FIGURE_LEAST_EVENTS)
            withhold(figure,
                     "withheld: %.0f of %zu requests are slower than that; it takes %d (a longer "
                     "run has more)",
                     beyond, fewer, FIGURE_LEAST_EVENTS);
        else if ((double)a->unanswered >= most * (double)a->requests ||
                 (double)b->unanswered >= most * (double)b->requests)
            withhold(figure, "withheld: more requests than that were given up, and how long they "
                             "would have taken is not known");
    } else if (row->kind != FIGURE_THROUGHPUT && events < FIGURE_LEAST_EVENTS) {
        if (events == 0)
            withhold(figure, "withheld: none on either side");
        else
            withhold(figure, "withheld: only %zu in all; it takes %d", events, FIGURE_LEAST_EVENTS);
    }
}

static void check_lag(struct compare_figure *figure, const struct compare_basis *basis)
{
    if (figure->row->kind != FIGURE_QUANTILE || figure->verdict == COMPARE_WITHHELD)
        return;
    int64_t a = outcomes_lag(basis->a, figure->row->share);
    int64_t b = outcomes_lag(basis->b, figure->row->share);
    char lag[32];
    if ((double)a > FIGURE_MOST_LAG * figure->a * (double)NS_PER_MS ||
        (double)b > FIGURE_MOST_LAG * figure->b * (double)NS_PER_MS)
        withhold(figure,
                 "withheld: the load generator was itself late, by %s at its %s (a lower rate, or "
                 "a machine with less to do)",
                 units_format_duration(lag, sizeof(lag), duration_ns(a > b ? a : b)),
                 figure->row->name);
}

static void check_blocks(struct compare_figure *figure)
{
    const struct contrast *contrast = &figure->contrast;
    if (contrast->deviations[0] == contrast->deviations[contrast->count - 1])
        return; /* the two are the same in every slot */
    if (contrast->blocks < LEAST_BLOCKS)
        withhold(figure,
                 "withheld: what happens hangs together over %.1f s, and %zu such stretches are "
                 "too few; it takes %d (run longer, or more rounds)",
                 figure->block_s, contrast->blocks, LEAST_BLOCKS);
    else if (contrast->freedom < LEAST_FREEDOM)
        withhold(figure, "withheld: what differs lies in one or two short stretches of time (run "
                         "longer, or more rounds)");
    else if (contrast->endless && contrast->outer_freedom < LEAST_FREEDOM)
        withhold(figure, "withheld: what happens hangs together over a whole round (longer rounds, "
                         "or more)");
}

static double offered_rate(const struct outcomes *outcomes)
{
    double seconds = 0;
    for (size_t i = 0; i < outcomes->round_count; i++)
        seconds += (double)outcomes->rounds[i].duration / (double)NS_PER_S;
    return seconds > 0 ? (double)outcomes->count / seconds : 0;
}

/* Who is asked more answers more, and is no better for it. */
static void check_rates(struct compare_figure *figure, const struct compare_basis *basis)
{
    if (figure->row->kind == FIGURE_THROUGHPUT && basis->other_rates)
        withhold(figure,
                 "withheld: the loads offer different rates, A %.3g/s and B %.3g/s, and what was "
                 "not asked for cannot be answered (load.rate)",
                 offered_rate(basis->a), offered_rate(basis->b));
}

/* What the USUAL_ shares are of. */
static double size_of(const struct compare_figure *figure, double offered)
{
    if (figure->row->kind != FIGURE_THROUGHPUT)
        return hypot(figure->a, figure->b);
    return hypot(fmax(0, offered - figure->a), fmax(0, offered - figure->b));
}

static void measure(struct compare_figure *figure, const struct compare_basis *basis,
                    const struct figure_ranking *a_ranking, const struct figure_ranking *b_ranking)
{
    const struct compare_row *row = figure->row;
    struct figure_spec spec = {.kind = row->kind, .share = row->share, .cause = figure->cause};
    if (row->kind != FIGURE_CAUSE)
        spec.route = figure->of;
    int64_t slot = figure_slot(basis->a, basis->b);
    struct figure a, b;
    figure_take(&a, &spec, basis->a, a_ranking, slot);
    figure_take(&b, &spec, basis->b, b_ranking, slot);
    figure->a = a.value;
    figure->b = b.value;
    check_counts(figure, &a, &b);
    check_lag(figure, basis);
    check_rates(figure, basis);
    if (figure->verdict != COMPARE_WITHHELD) {
        char purpose[300];
        snprintf(purpose, sizeof(purpose), "compare %s %s", row->name,
                 figure->of ? figure->of : "");
        double usual = size_of(figure, offered_rate(basis->a)) *
                       (row->kind == FIGURE_QUANTILE ? USUAL_ROUNDS_LATENCY : USUAL_ROUNDS_COUNT);
        const struct contrast_settings settings = {
            .seed = basis->seed,
            .purpose = purpose,
            .paired = basis->paired,
            .usual_rounds = usual,
            .usual_runs = basis->two_runs ? USUAL_RUNS * usual : 0,
        };
        figure->contrast = contrast_measure(&a.side, &b.side, &settings);
        figure->block_s = (double)figure->contrast.length * (double)slot / (double)NS_PER_S;
        check_blocks(figure);
    }
    figure_free(&a);
    figure_free(&b);
}

/* ---- which figures there are */

static struct compare_figure *add(struct compare_figures *figures, const struct compare_row *row,
                                  const char *of)
{
    figures->items = mem_grow(figures->items, figures->count + 1, sizeof(*figures->items));
    struct compare_figure *figure = &figures->items[figures->count++];
    *figure = (struct compare_figure){.row = row, .of = of ? mem_text(of) : NULL};
    return figure;
}

/* All requests (`route` NULL), or those of one route. */
static void add_rows(struct compare_figures *figures, const struct compare_basis *basis,
                     const char *route)
{
    struct figure_ranking a = figure_rank(basis->a, route), b = figure_rank(basis->b, route);
    for (size_t i = 0; i < ARRAY_LEN(main_rows); i++) {
        if (route && !is_by_route(&main_rows[i]))
            continue;
        struct compare_figure *figure = add(figures, &main_rows[i], route);
        figure->main = route == NULL;
        measure(figure, basis, &a, &b);
    }
    free(a.sorted);
    free(b.sorted);
}

/* How many requests of `b` the route with the name that `a` numbers `number` has. */
static size_t count_route(const struct outcomes *outcomes, const char *route)
{
    int number = figure_route(outcomes, route);
    size_t count = 0;
    for (size_t i = 0; i < outcomes->count; i++)
        count += outcomes->items[i].route == number;
    return count;
}

static void add_routes(struct compare_figures *figures, const struct compare_basis *basis)
{
    const struct outcomes *a = basis->a;
    size_t *counts = mem_alloc(a->name_count + 1, sizeof(*counts));
    size_t routes = 0, taken = 0;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].route != OUTCOME_NO_ROUTE)
            routes += counts[a->items[i].route]++ == 0;
    for (size_t i = 0; i < a->name_count && routes > 1; i++) {
        if (counts[i] == 0)
            continue;
        if (counts[i] < LEAST_REQUESTS || taken == MOST_DETAILS ||
            count_route(basis->b, a->names[i]) < LEAST_REQUESTS) {
            figures->left_out++;
            continue;
        }
        add_rows(figures, basis, a->names[i]);
        taken++;
    }
    free(counts);
}

static void count_causes(const struct outcomes *outcomes, size_t counts[CAUSE_COUNT],
                         size_t *unanswered)
{
    for (size_t i = 0; i < outcomes->count; i++) {
        const struct outcome *outcome = &outcomes->items[i];
        if (outcome->failed || outcome->cause != CAUSE_NONE)
            counts[outcome->cause]++;
        *unanswered += outcome->unanswered;
    }
}

static void add_causes(struct compare_figures *figures, const struct compare_basis *basis)
{
    size_t counts[CAUSE_COUNT] = {0}, unanswered = 0;
    count_causes(basis->a, counts, &unanswered);
    count_causes(basis->b, counts, &unanswered);
    for (int taken = 0; taken < MOST_DETAILS; taken++) {
        int most = 0;
        for (int i = 0; i < CAUSE_COUNT; i++)
            most = counts[i] > counts[most] ? i : most;
        if (counts[most] < LEAST_OF_CAUSE)
            break;
        counts[most] = 0;
        struct compare_figure *figure =
            add(figures, &cause_row_of, cause_row((enum cause)most)->name);
        figure->cause = most;
        measure(figure, basis, NULL, NULL);
    }
    for (int i = 0; i < CAUSE_COUNT; i++)
        figures->left_out += counts[i] > 0;
    if (unanswered >= LEAST_OF_CAUSE)
        measure(add(figures, &unanswered_row, NULL), basis, NULL, NULL);
}

void compare_figures_measure(struct compare_figures *figures, const struct compare_basis *basis)
{
    *figures = (struct compare_figures){0};
    add_rows(figures, basis, NULL);
    add_routes(figures, basis);
    add_causes(figures, basis);
}

void compare_figures_free(struct compare_figures *figures)
{
    for (size_t i = 0; i < figures->count; i++) {
        contrast_free(&figures->items[i].contrast);
        free(figures->items[i].of);
    }
    free(figures->items);
    *figures = (struct compare_figures){0};
}

/* ---- verdicts */

void compare_figures_count(const struct compare_figures *figures, size_t *main, size_t *detail)
{
    for (size_t i = 0; i < figures->count; i++)
        if (figures->items[i].verdict != COMPARE_WITHHELD)
            ++*(figures->items[i].main ? main : detail);
}

static void judge(struct compare_figure *figure, double tail)
{
    double difference = figure->b - figure->a;
    figure->low = difference - contrast_reach(&figure->contrast, tail, -1);
    figure->high = difference + contrast_reach(&figure->contrast, tail, 1);
    figure->would_see = contrast_would_see(&figure->contrast, tail);
    if (figure->low <= 0 && figure->high >= 0) {
        say_same(figure);
        return;
    }
    figure->verdict = (difference > 0) == figure->row->more_is_better ? COMPARE_B : COMPARE_A;
    say_better(figure);
}

void compare_figures_judge(struct compare_figures *figures, size_t main, size_t detail)
{
    for (size_t i = 0; i < figures->count; i++) {
        struct compare_figure *figure = &figures->items[i];
        if (figure->verdict != COMPARE_WITHHELD)
            judge(figure, figure->main ? MISSES_MAIN / 2 / (double)main
                                       : MISSES_DETAIL / 2 / (double)detail);
    }
}

void compare_figures_judge_same(struct compare_figures *figures)
{
    for (size_t i = 0; i < figures->count; i++)
        if (figures->items[i].verdict != COMPARE_WITHHELD)
            say_same(&figures->items[i]);
}
