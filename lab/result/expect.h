/* SPDX-License-Identifier: MIT */
/* Expectations: "METRIC OPERATOR VALUE", for every variant, or after "LABEL: " for one. A metric is
 * a figure ("p99"), a status ("502"), a cause ("connect_refused": how many requests, or which share
 * of all), or "share(CAUSE)": which share of the requests that have a cause has this one. "METRIC
 * on ROUTE" is about the requests of one route, as the gateway's records call it. The value is one
 * of the metric's unit ("250ms"), or what another variant has, "LABEL", or some times that, "0.5 *
 * LABEL". Where a label reads as a value it is the value: "1 * LABEL" is that variant. */
#ifndef TAILGATE_LAB_RESULT_EXPECT_H
#define TAILGATE_LAB_RESULT_EXPECT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/result.h"

struct variant_summary;
struct expect_metric;

enum metric_unit { UNIT_TIME, UNIT_SHARE, UNIT_RATE, UNIT_COUNT };

enum expect_operator { EXPECT_LESS, EXPECT_AT_MOST, EXPECT_MORE, EXPECT_AT_LEAST, EXPECT_EQUAL };

struct expectation {
    const char *text;                   /* as written; the caller's */
    int variant;                        /* -1 = every one */
    char route[112];                    /* or empty */
    const struct expect_metric *metric; /* NULL: the count of a status or of a cause */
    int status;                         /* or 0 */
    int cause;                          /* when there is neither metric nor status */
    bool of_failures;                   /* its share of all requests with a cause */
    enum expect_operator comparison;
    double value; /* milliseconds, a share, a rate a second, or a count */
    int against;  /* the variant whose figure it is so many times of; -1 = none */
    bool share;   /* of all measured requests, instead of a count */
};

/* `text` and `labels` must outlive the expectation. The message says what was expected, without a
 * place. */
enum result expect_parse(struct expectation *expectation, const char *text,
                         const char *const *labels, size_t label_count,
                         struct error *error) MUST_USE;

/* The parts of the grammar, for those who put them together otherwise (claim.h). Each moves `*at`
 * behind what it has read. A figure is "METRIC" or "METRIC on ROUTE", up to a bracket; a limit is
 * an operator and a value in the figure's unit, to the text's end. */
enum result expect_take_figure(struct expectation *expectation, const char **at,
                               struct error *error) MUST_USE;
enum result expect_take_operator(struct expectation *expectation, const char **at,
                                 struct error *error) MUST_USE;
enum result expect_take_limit(struct expectation *expectation, const char *text,
                              struct error *error) MUST_USE;

enum metric_unit expect_unit(const struct expectation *expectation);

/* Whether the figure comes from the processes (Server-Timing, CPU time): summary_inside.h. */
bool expect_is_inside(const struct expectation *expectation);

/* How many events the figure is made of (failures, statuses, collections); NaN when it is not made
 * of such. */
double expect_events(const struct expectation *expectation, const struct variant_summary *summary);

/* "p99"; NULL when the figure is of a status or a cause. */
const char *expect_metric_name(const struct expectation *expectation);

/* 0.99 for p99; 0 when the figure is no quantile of latency. */
double expect_quantile(const struct expectation *expectation);

/* Why there is no figure ("no request was measured"), or "" when there is one. Returns `out`. */
const char *expect_lacks(const struct expectation *expectation,
                         const struct variant_summary *summary, char *out, size_t size);

/* Whether the figure is a lower bound alone (summary_is_bound), and why. Returns `out`. */
bool expect_is_bound(const struct expectation *expectation, const struct variant_summary *summary);
const char *expect_explain_bound(const struct expectation *expectation,
                                 const struct variant_summary *summary, char *out, size_t size);

/* The figure that the expectation is about, in the unit of its value; means something only where
 * nothing is lacking. */
double expect_figure(const struct expectation *expectation, const struct variant_summary *summary);

/* What it is compared with; `other` is the variant that it is against, and not looked at when there
 * is none. */
double expect_limit(const struct expectation *expectation, const struct variant_summary *other);
bool expect_holds(const struct expectation *expectation, double figure, double limit);

/* The figure for a person: "12.3ms", "0.25%", "1500/s", "17". Returns `out`. */
const char *expect_format(const struct expectation *expectation, double value, char *out,
                          size_t size);

/* What is expected of a run whose file says nothing of its clients: that they got answers. */
const struct expectation *expect_clean(void);

/* Whether it says something of them. */
bool expect_is_of_clients(const struct expectation *expectation);

#endif
