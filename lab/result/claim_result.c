/* SPDX-License-Identifier: MIT */
#include "lab/result/claim_result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lab/analysis/figure.h"
#include "lab/result/subject.h"
#include "lib/base/memory.h"

#define LEAST_REQUESTS 100 /* of a mean, a rate or a count: fewer say nothing */

/* One reading of a claim: over all rounds (-1), or of one. */
struct reading {
    double figures[2];
    double value;
    char reason[176]; /* why there is none; "" */
};

static void withhold(struct reading *reading, const char *format, ...) PRINTF_LIKE(2, 3);
static void withhold(struct reading *reading, const char *format, ...)
{
    if (reading->reason[0])
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(reading->reason, sizeof(reading->reason), format, args);
    va_end(args);
}

/* ---- what the data carry */

/* The requests that it takes: of a quantile, so many that some are beyond it. */
static double enough_requests(const struct expectation *side)
{
    double quantile = expect_quantile(side);
    double enough = quantile > 0 ? FIGURE_LEAST_EVENTS / (1 - quantile) : LEAST_REQUESTS;
    return enough > LEAST_REQUESTS ? round(enough) : LEAST_REQUESTS;
}

/* A generator that is itself late is part of what it measures. */
static void check_lag(struct reading *reading, const struct expectation *side,
                      const struct variant_summary *measured, double figure)
{
    if (expect_unit(side) != UNIT_TIME || expect_is_inside(side))
        return;
    double quantile = expect_quantile(side);
    duration lag = quantile > 0 ? hist_quantile(measured->lag, quantile) : hist_mean(measured->lag);
    double ms = (double)lag.ns / (double)NS_PER_MS;
    if (ms > FIGURE_MOST_LAG * figure)
        withhold(reading, "the load generator was itself late, by %.2g ms of %.2g ms", ms, figure);
}

static void check_side(struct reading *reading, const struct expectation *side,
                       const struct variant_summary *measured, double figure)
{
    double enough = enough_requests(side);
    char lacks[sizeof(reading->reason)];
    if ((double)measured->requests < enough)
        withhold(reading, "%llu requests are too few for it: it takes %.0f",
                 (unsigned long long)measured->requests, enough);
    else if (expect_lacks(side, measured, lacks, sizeof(lacks))[0])
        withhold(reading, "%s", lacks);
    else if (expect_is_bound(side, measured))
        withhold(reading, "%s", expect_explain_bound(side, measured, lacks, sizeof(lacks)));
    else
        check_lag(reading, side, measured, figure);
}

/* Proportions of a handful of events are chance. */
static void check_events(struct reading *reading, const struct claim *claim, const double events[2])
{
    if (claim->form == CLAIM_FIGURE || isnan(events[0]))
        return;
    double all = events[0] + events[1];
    if (all == 0)
        withhold(reading, "there was none on either side");
    else if (all < FIGURE_LEAST_EVENTS)
        withhold(reading, "there were only %.0f in all: it takes %d", all, FIGURE_LEAST_EVENTS);
}

/* ---- reading */

static enum result read_side(struct reading *reading, double *events, size_t number,
                             const struct claim *claim, const struct summary *summary,
                             int64_t round, struct sqlite3 *db, struct error *error)
{
    const struct expectation *side = &claim->sides[number];
    struct subject subject = {0};
    enum result result =
        subject_read(&subject, summary, side, (size_t)side->variant, round, db, error);
    if (result == OK) {
        double figure = reading->figures[number] = expect_figure(side, subject.measured);
        events[number] = expect_events(side, subject.measured);
        check_side(reading, side, subject.measured, figure);
    }
    subject_release(&subject);
    return result;
}

static enum result read_claim(struct reading *reading, const struct claim *claim,
                              const struct summary *summary, int64_t round, struct sqlite3 *db,
                              struct error *error)
{
    *reading = (struct reading){0};
    double events[2] = {0};
    enum result result = OK;
    for (size_t i = 0; i < claim_sides(claim) && result == OK; i++)
        result = read_side(reading, events, i, claim, summary, round, db, error);
    if (result != OK)
        return result;
    check_events(reading, claim, events);
    reading->value = claim_value(claim, reading->figures);
    if (isnan(reading->value))
        withhold(reading, "there is nothing to divide by: it was 0 there");
    return OK;
}

/* What makes all figures of a run untrustworthy. */
static void check_run(struct reading *reading, const struct summary *summary)
{
    if (summary->problem)
        withhold(reading, "the run was cut short");
    else if (summary->records_dropped > 0)
        withhold(reading, "%llu records of the run are missing",
                 (unsigned long long)summary->records_dropped);
}

/* ---- over rounds */

/* What the single rounds say. */
struct rounds {
    struct reading *items;
    size_t count; /* 0 when one of them says too little */
    size_t holding;
};

static enum result read_rounds(struct rounds *rounds, struct claim_result *result,
                               const struct summary *summary, struct sqlite3 *db,
                               struct error *error)
{
    size_t all = (size_t)summary->plan->rounds;
    rounds->items = mem_alloc(all, sizeof(*rounds->items));
    for (size_t i = 0; i < all; i++) {
        struct reading *reading = &rounds->items[i];
        enum result status = read_claim(reading, result->claim, summary, (int64_t)i, db, error);
        if (status != OK)
            return status;
        if (reading->reason[0]) {
            snprintf(result->reason, sizeof(result->reason), "no range: of one round, %s",
                     reading->reason);
            return OK;
        }
        rounds->holding += claim_holds(result->claim, reading->value);
    }
    rounds->count = all;
    return OK;
}

static int by_value(const void *a, const void *b)
{
    double one = ((const struct reading *)a)->value, other = ((const struct reading *)b)->value;
    return (one > other) - (one < other);
}

/* The middle round says what is measured: one in which the machine was busy with something else
 * would dominate the tail of all rounds together. */
static void take_rounds(struct claim_result *result, struct rounds *rounds)
{
    qsort(rounds->items, rounds->count, sizeof(*rounds->items), by_value);
    const struct reading *below = &rounds->items[(rounds->count - 1) / 2];
    const struct reading *above = &rounds->items[rounds->count / 2];
    result->rounds = rounds->count;
    result->low = rounds->items[0].value;
    result->high = rounds->items[rounds->count - 1].value;
    result->value = (below->value + above->value) / 2;
    for (int i = 0; i < 2; i++)
        result->figures[i] = (below->figures[i] + above->figures[i]) / 2;
}

static enum claim_verdict verdict_of(const struct claim_result *result, const struct rounds *rounds)
{
    if (rounds->holding > 0 && rounds->holding < rounds->count)
        return CLAIM_ROUNDS_DIFFER;
    return claim_holds(result->claim, result->value) ? CLAIM_HOLDS : CLAIM_DOES_NOT_HOLD;
}

static enum result read_result(struct claim_result *result, const struct summary *summary,
                               struct sqlite3 *db, struct error *error)
{
    struct reading whole;
    enum result status = read_claim(&whole, result->claim, summary, -1, db, error);
    if (status != OK)
        return status;
    check_run(&whole, summary);
    if (whole.reason[0]) {
        snprintf(result->reason, sizeof(result->reason), "%s", whole.reason);
        return OK;
    }
    struct rounds rounds = {0};
    if (summary->plan->rounds == 1)
        snprintf(result->reason, sizeof(result->reason), "no range: there is one round");
    else
        status = read_rounds(&rounds, result, summary, db, error);
    result->value = whole.value;
    result->figures[0] = whole.figures[0];
    result->figures[1] = whole.figures[1];
    if (rounds.count > 0)
        take_rounds(result, &rounds);
    result->verdict = verdict_of(result, &rounds);
    if (rounds.count == 0)
        result->over = summary->plan->rounds == 1 ? " in the one round that there is"
                                                  : " over all rounds together";
    free(rounds.items);
    return status;
}

enum result claim_results_read(struct claim_result **results, const struct summary *summary,
                               struct sqlite3 *db, struct error *error)
{
    const struct plan *plan = summary->plan;
    *results = mem_alloc(plan->claim_count + 1, sizeof(**results));
    enum result status = OK;
    for (size_t i = 0; i < plan->claim_count && status == OK; i++) {
        (*results)[i].claim = &plan->claims[i];
        status = read_result(&(*results)[i], summary, db, error);
    }
    return status;
}
