/* SPDX-License-Identifier: MIT */
#include "lab/whatif/whatif_objective.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/result/summary.h"
#include "lib/base/memory.h"

/* So many requests must lie above a quantile before it is told, as with the p99 that is printed. */
#define FEWEST_ABOVE 10
/* Where as large a share was not answered, the mean is not known either. */
#define MEAN_LACKS 0.01

#define PREDICTED                                                                        \
    "gateway_failures, failure_rate, mean, p50, p90, p99, p99.9, or a cause of gateway " \
    "failures"

/* ---- what can be asked for */

/* A prediction counts gateway failures by cause, and knows neither statuses nor what the way from
 * the clients to the gateway did to them. */
static bool is_predicted(const struct expectation *condition)
{
    static const char *const metrics[] = {
        "gateway_failures", "failure_rate", "mean", "p50", "p90", "p99", "p99.9"};
    const char *name = expect_metric_name(condition);
    if (!name)
        return condition->status == 0 && cause_is_gateway_failure((enum cause)condition->cause, 0);
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
        if (strcmp(metrics[i], name) == 0)
            return true;
    return false;
}

static enum result check(const struct expectation *condition, struct error *error)
{
    if (condition->route[0])
        return error_set(error, FAILED_INPUT,
                         "--objective: \"%s\": one route is not predicted by itself (expected it "
                         "without \"on %s\")",
                         condition->text, condition->route);
    if (is_predicted(condition))
        return OK;
    return error_set(error, FAILED_INPUT,
                     "--objective: \"%s\": %s is not predicted, since the gateway alone is "
                     "replayed (expected " PREDICTED ")",
                     condition->text,
                     expect_metric_name(condition) ? expect_metric_name(condition)
                     : condition->status           ? "a status"
                                                   : cause_row((enum cause)condition->cause)->name);
}

enum result whatif_objective_read(struct whatif *whatif, struct error *error)
{
    if (!whatif->options->objective)
        return OK;
    whatif->condition_texts = mem_text(whatif->options->objective);
    char *rest = whatif->condition_texts;
    enum result result = OK;
    for (char *text; result == OK && (text = strsep(&rest, ",")) != NULL;) {
        if (whatif->condition_count == WHATIF_CONDITIONS)
            return error_set(error, FAILED_INPUT, "--objective has more than %d parts",
                             WHATIF_CONDITIONS);
        struct expectation *condition = &whatif->conditions[whatif->condition_count++];
        struct error why;
        if (expect_parse(condition, text, NULL, 0, &why) != OK)
            return error_set(error, FAILED_INPUT, "--objective: \"%s\": %s", text, why.text);
        result = check(condition, error);
    }
    return result;
}

/* ---- whether it is met */

static void as_summary(const struct prediction *prediction, struct variant_summary *summary)
{
    *summary = (struct variant_summary){.requests = prediction->requests,
                                        .gateway_failures = prediction->failures,
                                        .failure_rate = prediction->failure_rate.value};
    const struct hist *latency = prediction->latency;
    const struct {
        double *place, share;
    } quantiles[] = {{&summary->p50_ms, 0.5},
                     {&summary->p90_ms, 0.9},
                     {&summary->p99_ms, 0.99},
                     {&summary->p999_ms, 0.999}};
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
        *quantiles[i].place =
            (double)hist_quantile(latency, quantiles[i].share).ns / (double)NS_PER_MS;
    summary->mean_ms = (double)hist_mean(latency).ns / (double)NS_PER_MS;
    for (size_t i = 0; i < CAUSE_COUNT; i++)
        summary->causes[i] = prediction->causes[i];
}

/* The 95 % interval in the condition's unit, with those that clients gave up; false when none is
 * predicted. */
static bool find_interval(const struct expectation *condition, const struct prediction *prediction,
                          struct prediction_range *range)
{
    const char *name = expect_metric_name(condition);
    if (name && strcmp(name, "p99") == 0) {
        *range = prediction->p99_ms;
        return true;
    }
    if (!name || (strcmp(name, "failure_rate") != 0 && strcmp(name, "gateway_failures") != 0))
        return false;
    double factor = expect_unit(condition) == UNIT_COUNT && !condition->share
                        ? (double)prediction->requests
                        : 1;
    *range = prediction->failure_rate;
    double given_up = (double)prediction->gave_up / (double)prediction->requests;
    range->value = (range->value + given_up) * factor;
    range->low = (range->low + given_up) * factor;
    range->high = (range->high + given_up) * factor;
    return true;
}

/* Says of a condition that is met by the value alone why it may not be; false when it is for
 * sure. */
static bool find_doubt(const struct expectation *condition, const struct prediction *prediction,
                       char *out, size_t size)
{
    struct prediction_range range;
    char text[64];
    if (!find_interval(condition, prediction, &range)) {
        snprintf(out, size, "may not: no interval is known of \"%s\"", condition->text);
        return true;
    }
    bool low = expect_holds(condition, range.low, condition->value);
    bool high = expect_holds(condition, range.high, condition->value);
    if (low && high)
        return false;
    snprintf(out, size, "may not: %s %s", high ? "down to" : "up to",
             expect_format(condition, high ? range.low : range.high, text, sizeof(text)));
    return true;
}

static bool is_of_mean(const struct expectation *condition)
{
    const char *name = expect_metric_name(condition);
    return name && strcmp(name, "mean") == 0;
}

static bool is_withheld(const struct expectation *condition, const struct prediction *prediction,
                        char *out, size_t size)
{
    double quantile = expect_quantile(condition);
    if (is_of_mean(condition) &&
        (double)prediction->unanswered >= MEAN_LACKS * (double)prediction->requests) {
        snprintf(out, size,
                 "cannot be told: mean: %zu requests were given up, and how long they would have "
                 "taken is not known",
                 prediction->unanswered);
        return true;
    }
    if (quantile <= 0)
        return false;
    size_t expected = (size_t)llround(FEWEST_ABOVE / (1 - quantile));
    const char *lacks = prediction_lacks(prediction, quantile);
    if (prediction->requests < expected)
        snprintf(out, size, "cannot be told: %s needs %zu requests", expect_metric_name(condition),
                 expected);
    else if (lacks)
        snprintf(out, size, "cannot be told: %s: %s", expect_metric_name(condition), lacks);
    return prediction->requests < expected || lacks;
}

/* Whether it holds for the figures as they are predicted, and also where they are worse: where who
 * was given up counts as failed, and where the p99 is off as it is for the run's own setting. */
static bool is_met(const struct whatif *whatif, const struct expectation *condition,
                   const struct prediction *prediction, char *why, size_t size)
{
    struct variant_summary *summary = mem_alloc(1, sizeof(*summary));
    char text[64];
    as_summary(prediction, summary);
    bool met = expect_holds(condition, expect_figure(condition, summary), condition->value);
    summary->gateway_failures += prediction->gave_up;
    summary->failure_rate += (double)prediction->gave_up / (double)prediction->requests;
    summary->p99_ms += whatif->p99_miss;
    double worse = expect_figure(condition, summary);
    if (met && !expect_holds(condition, worse, condition->value)) {
        const char *with = expect_quantile(condition) > 0 ? "what the replay misses"
                                                          : "those that clients gave up";
        snprintf(why, size, "does not: %s with %s",
                 expect_format(condition, worse, text, sizeof(text)), with);
        met = false;
    }
    free(summary);
    return met;
}

/* Nothing is known of the point, and so nothing of the objective either. */
static void judge_withheld(struct whatif_point *point)
{
    point->verdict = WHATIF_UNTOLD;
    snprintf(point->caveat, sizeof(point->caveat), "cannot be told: %s", point->withheld);
}

void whatif_objective_judge(const struct whatif *whatif, struct whatif_point *point)
{
    if (whatif->condition_count == 0)
        return;
    if (point->withheld[0]) {
        judge_withheld(point);
        return;
    }
    char withheld[sizeof(point->caveat)] = "", doubt[sizeof(point->caveat)] = "";
    point->verdict = WHATIF_MEETS;
    for (size_t i = 0; i < whatif->condition_count; i++) {
        const struct expectation *condition = &whatif->conditions[i];
        if (is_withheld(condition, &point->prediction, withheld, sizeof(withheld)))
            continue;
        if (!is_met(whatif, condition, &point->prediction, point->caveat, sizeof(point->caveat))) {
            point->verdict = WHATIF_FAILS;
            break;
        }
        if (!doubt[0])
            (void)find_doubt(condition, &point->prediction, doubt, sizeof(doubt));
    }
    if (point->verdict == WHATIF_MEETS && withheld[0])
        point->verdict = WHATIF_UNTOLD;
    if (point->verdict != WHATIF_FAILS)
        snprintf(point->caveat, sizeof(point->caveat), "%s", withheld[0] ? withheld : doubt);
}
