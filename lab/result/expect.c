/* SPDX-License-Identifier: MIT */
#include "lab/result/expect.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/result/clients.h"
#include "lab/result/summary.h"
#include "lib/base/units.h"
#include "lib/conf/conf.h"
#include "lib/record/tables.h"

struct expect_metric {
    const char *name;
    enum metric_unit unit;
    size_t offset;   /* in struct variant_summary: a double, or for counts a uint64_t */
    size_t events;   /* of a share or rate: the count that it is made of; 0: there is none */
    double quantile; /* that it is of latency; 0: it is none */
    bool inside;     /* of the processes, and not of the requests */
};

#define AT(member) offsetof(struct variant_summary, member)
#define METRIC(text, of, member, ...)                               \
    {                                                               \
        .name = text, .unit = of, .offset = AT(member), __VA_ARGS__ \
    }
static const struct expect_metric metrics[] = {
    METRIC("mean", UNIT_TIME, mean_ms),
    METRIC("p50", UNIT_TIME, p50_ms, .quantile = 0.5),
    METRIC("p90", UNIT_TIME, p90_ms, .quantile = 0.9),
    METRIC("p95", UNIT_TIME, p95_ms, .quantile = 0.95),
    METRIC("p99", UNIT_TIME, p99_ms, .quantile = 0.99),
    METRIC("p99.9", UNIT_TIME, p999_ms, .quantile = 0.999),
    METRIC("max", UNIT_TIME, max_ms),
    METRIC("failure_rate", UNIT_SHARE, failure_rate, .events = AT(gateway_failures)),
    METRIC("throughput", UNIT_RATE, throughput_rps),
    METRIC("collections_per_s", UNIT_RATE, collections_per_s, .events = AT(collections)),
    METRIC("gateway_failures", UNIT_COUNT, gateway_failures),
    METRIC("client_failures", UNIT_COUNT, client_failures),
    METRIC("client_failure_rate", UNIT_SHARE, client_failure_rate, .events = AT(client_failures)),
    METRIC("client_errors", UNIT_COUNT, client_failures), /* what it was called first */
    METRIC("requests", UNIT_COUNT, requests),
    METRIC("backend_queue", UNIT_TIME, inside.queue_ms, .inside = true),
    METRIC("backend_lock", UNIT_TIME, inside.lock_ms, .inside = true),
    METRIC("backend_work", UNIT_TIME, inside.work_ms, .inside = true),
    METRIC("backend_gc", UNIT_TIME, inside.gc_ms, .inside = true),
    METRIC("backend_cleanup", UNIT_TIME, inside.cleanup_ms, .inside = true),
    METRIC("backend_span", UNIT_TIME, inside.span_ms, .inside = true),
    METRIC("gateway_cpu", UNIT_TIME, inside.gateway_cpu_ms, .inside = true),
    METRIC("backend_cpu", UNIT_TIME, inside.backend_cpu_ms, .inside = true),
};
#undef METRIC
#undef AT

/* What is expected of every run whose file says nothing of it. */
static const struct expect_metric lost = {
    .name = "client_only_failures",
    .unit = UNIT_COUNT,
    .offset = offsetof(struct variant_summary, client_only_failures)};
static const struct expectation clean = {.text = "client failures that are not the gateway's <= 1% "
                                                 "(nothing else is said of client_failures)",
                                         .variant = -1,
                                         .metric = &lost,
                                         .comparison = EXPECT_AT_MOST,
                                         .value = CLIENTS_CLEAN,
                                         .against = -1,
                                         .share = true};

static const char *const unit_forms[] = {
    [UNIT_TIME] = "a duration such as 250ms",
    [UNIT_SHARE] = "a share such as 0.1%",
    [UNIT_RATE] = "a rate such as 1000/s, or a number",
    [UNIT_COUNT] = "a number, or a share such as 0.1%",
};

/* The longest first, so that "<=" is not read as "<". */
static const struct operator_row {
    const char *text;
    enum expect_operator comparison;
} operators[] = {
    {"<=", EXPECT_AT_MOST}, {">=", EXPECT_AT_LEAST}, {"==", EXPECT_EQUAL},
    {"<", EXPECT_LESS},     {">", EXPECT_MORE},
};

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* "inline: p99 < 5ms": a label may itself hold colons and commas, so known ones are tried. */
static enum result take_label(struct expectation *expectation, const char **at,
                              const char *const *labels, size_t count, struct error *error)
{
    expectation->variant = -1;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(labels[i]);
        if (strncmp(*at, labels[i], length) == 0 && (*at)[length] == ':') {
            expectation->variant = (int)i;
            *at = skip_blanks(*at + length + 1);
            return OK;
        }
    }
    const char *colon = memrchr(*at, ':', strcspn(*at, "<>="));
    if (!colon)
        return OK;
    char label[128];
    snprintf(label, sizeof(label), "%.*s", (int)(colon - *at), *at);
    const char *nearest = conf_nearest(label, labels, count);
    return error_set(error, FAILED_INPUT,
                     "no variant has the label \"%s\" (nearest known one: "
                     "\"%s\")",
                     label,
                     nearest     ? nearest
                     : count > 0 ? labels[0]
                                 : "none");
}

static enum result unknown_metric(const char *name, bool causes_alone, struct error *error)
{
    const char *names[ARRAY_LEN(metrics) + CAUSE_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(metrics) && !causes_alone; i++)
        names[count++] = metrics[i].name;
    for (int cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++)
        names[count++] = cause_row((enum cause)cause)->name;
    const char *nearest = conf_nearest(name, names, count);
    return error_set(error, FAILED_INPUT,
                     "there is no %s \"%s\" (expected %s; nearest known one: %s)",
                     causes_alone ? "cause" : "metric", name,
                     causes_alone ? "share(CAUSE)" : "a metric, a status or a cause",
                     nearest        ? nearest
                     : causes_alone ? "connect_refused"
                                    : "gateway_failures");
}

/* "share(connect_refused)": the name between the brackets, in place; false when it is none. */
static bool take_brackets(char *name)
{
    static const char opening[] = "share(";
    size_t length = strlen(name), before = strlen(opening);
    if (strncmp(name, opening, before) != 0 || name[length - 1] != ')')
        return false;
    memmove(name, name + before, length - before);
    name[length - before - 1] = '\0';
    return true;
}

static enum result take_metric(struct expectation *expectation, const char **at,
                               struct error *error)
{
    char name[64];
    size_t length = strcspn(*at, " \t<>=[");
    snprintf(name, sizeof(name), "%.*s", (int)length, *at);
    *at = skip_blanks(*at + length);
    expectation->of_failures = take_brackets(name);
    for (size_t i = 0; i < ARRAY_LEN(metrics) && !expectation->of_failures; i++)
        if (strcmp(metrics[i].name, name) == 0)
            expectation->metric = &metrics[i];
    if (expectation->metric)
        return OK;
    if (!expectation->of_failures && strlen(name) == 3 && name[0] >= '1' && name[0] <= '5' &&
        isdigit(name[1]) && isdigit(name[2])) {
        expectation->status = atoi(name);
        return OK;
    }
    expectation->cause = cause_by_name(name);
    if (expectation->cause != CAUSE_COUNT && expectation->cause != CAUSE_NONE)
        return OK;
    return unknown_metric(name, expectation->of_failures, error);
}

/* "on /orders". The load's pace is nothing that a route has. */
static enum result take_route(struct expectation *expectation, const char **at, struct error *error)
{
    if (strncmp(*at, "on ", 3) != 0)
        return OK;
    const char *route = skip_blanks(*at + 3);
    size_t length = strcspn(route, " \t<>=[");
    if (length == 0 || length >= sizeof(expectation->route))
        return error_set(error, FAILED_INPUT,
                         "\"%s\" does not name a route (expected \"METRIC on ROUTE < VALUE\")",
                         route);
    if (expectation->metric &&
        (expectation->metric->unit == UNIT_RATE || expectation->metric->inside))
        return error_set(error, FAILED_INPUT,
                         "%s is not counted by route (expected it without \"on %.*s\")",
                         expectation->metric->name, (int)length, route);
    memcpy(expectation->route, route, length);
    *at = skip_blanks(route + length);
    return OK;
}

enum result expect_take_operator(struct expectation *expectation, const char **at,
                                 struct error *error)
{
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        size_t length = strlen(operators[i].text);
        if (strncmp(*at, operators[i].text, length) == 0) {
            expectation->comparison = operators[i].comparison;
            *at = skip_blanks(*at + length);
            return OK;
        }
    }
    return error_set(error, FAILED_INPUT,
                     "\"%s\" does not begin with a comparison (expected one "
                     "of < <= > >= ==)",
                     *at);
}

enum metric_unit expect_unit(const struct expectation *expectation)
{
    if (expectation->of_failures)
        return UNIT_SHARE;
    return expectation->metric ? expectation->metric->unit : UNIT_COUNT;
}

static bool parse_time(const char *text, double *ms)
{
    duration time;
    if (!units_parse_duration(text, &time))
        return false;
    *ms = (double)time.ns / (double)NS_PER_MS;
    return true;
}

/* "deferred", or "0.5 * deferred": a variant's figure in place of a value. */
static bool take_variant(struct expectation *expectation, const char *text,
                         const char *const *labels, size_t count)
{
    char factor[64] = "1";
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(text), label = strlen(labels[i]);
        if (length < label || strcmp(text + length - label, labels[i]) != 0)
            continue;
        size_t before = length - label;
        if (before > 0) {
            const char *star = memrchr(text, '*', before);
            if (!star || before >= sizeof(factor) || skip_blanks(star + 1) != text + before)
                continue;
            snprintf(factor, sizeof(factor), "%.*s", (int)strcspn(text, " \t*"), text);
            if (skip_blanks(text + strlen(factor)) != star)
                continue;
        }
        if (!units_parse_number(factor, &expectation->value))
            continue;
        expectation->against = (int)i;
        expectation->share = expect_unit(expectation) == UNIT_SHARE;
        return true;
    }
    return false;
}

static enum result take_value(struct expectation *expectation, const char *text,
                              struct error *error)
{
    enum metric_unit unit = expect_unit(expectation);
    double *value = &expectation->value;
    bool right = false;
    if (unit == UNIT_TIME)
        right = parse_time(text, value);
    if (unit == UNIT_SHARE || unit == UNIT_COUNT)
        right = expectation->share = units_parse_share(text, value);
    if (unit == UNIT_RATE)
        right = units_parse_rate(text, value);
    if (!right && (unit == UNIT_RATE || unit == UNIT_COUNT))
        right = units_parse_number(text, value);
    if (right)
        return OK;
    return error_set(error, FAILED_INPUT,
                     "\"%s\" cannot be compared with (expected %s, or a variant's label)", text,
                     unit_forms[unit]);
}

enum result expect_take_figure(struct expectation *expectation, const char **at,
                               struct error *error)
{
    enum result result = take_metric(expectation, at, error);
    return result == OK ? take_route(expectation, at, error) : result;
}

enum result expect_take_limit(struct expectation *expectation, const char *text,
                              struct error *error)
{
    const char *at = skip_blanks(text);
    enum result result = expect_take_operator(expectation, &at, error);
    return result == OK ? take_value(expectation, at, error) : result;
}

enum result expect_parse(struct expectation *expectation, const char *text,
                         const char *const *labels, size_t label_count, struct error *error)
{
    *expectation = (struct expectation){.text = text, .against = -1};
    const char *at = skip_blanks(text);
    enum result result = take_label(expectation, &at, labels, label_count, error);
    if (result == OK)
        result = expect_take_figure(expectation, &at, error);
    if (result == OK)
        result = expect_take_operator(expectation, &at, error);
    if (result != OK)
        return result;
    char value[256];
    size_t length = strlen(at);
    while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t'))
        length--;
    snprintf(value, sizeof(value), "%.*s", (int)length, at);
    result = take_value(expectation, value, error);
    /* Labels may look like values ("100ms"): then it is the value, and "1 * 100ms" the variant. */
    return result != OK && take_variant(expectation, value, labels, label_count) ? OK : result;
}

static double as_asked(const struct expectation *expectation, uint64_t count, uint64_t of)
{
    if (!expectation->share)
        return (double)count;
    return of == 0 ? 0 : (double)count / (double)of;
}

static uint64_t failures_of(const struct variant_summary *summary)
{
    uint64_t all = 0;
    for (int i = 0; i < CAUSE_COUNT; i++)
        all += summary->causes[i];
    return all;
}

/* NaN where nothing failed: a share of nothing is not 0 %. */
static double share_of_failures(const struct variant_summary *summary, int cause)
{
    uint64_t all = failures_of(summary);
    return all == 0 ? NAN : (double)summary->causes[cause] / (double)all;
}

double expect_figure(const struct expectation *expectation, const struct variant_summary *summary)
{
    const struct expect_metric *metric = expectation->metric;
    if (expectation->of_failures)
        return share_of_failures(summary, expectation->cause);
    if (!metric)
        return as_asked(expectation,
                        expectation->status ? summary->statuses[expectation->status]
                                            : summary->causes[expectation->cause],
                        summary->requests);
    const char *member = (const char *)summary + metric->offset;
    if (metric->unit == UNIT_COUNT)
        return as_asked(expectation, *(const uint64_t *)(const void *)member, summary->requests);
    return *(const double *)(const void *)member;
}

static double quantile_of(const struct expectation *expectation)
{
    return expectation->metric ? expectation->metric->quantile : 0;
}

const char *expect_lacks(const struct expectation *expectation,
                         const struct variant_summary *summary, char *out, size_t size)
{
    double quantile = quantile_of(expectation);
    out[0] = '\0';
    if (summary->requests == 0)
        snprintf(out, size, "no request was measured");
    else if (expectation->of_failures && failures_of(summary) == 0)
        snprintf(out, size, "no request failed");
    else if (isnan(expect_figure(expectation, summary)))
        snprintf(out, size, "no process has said it");
    else if (!summary_has_quantile((double)summary->requests, quantile))
        snprintf(out, size, "%llu requests are too few for %s: it takes %.0f (measure longer)",
                 (unsigned long long)summary->requests, expectation->metric->name,
                 ceil(1 / (1 - quantile) - 1e-6));
    return out;
}

bool expect_is_bound(const struct expectation *expectation, const struct variant_summary *summary)
{
    return summary_is_bound(summary, quantile_of(expectation));
}

const char *expect_explain_bound(const struct expectation *expectation,
                                 const struct variant_summary *summary, char *out, size_t size)
{
    char least[32];
    bool timed_out = summary->client_errors[CLIENT_ERROR_TIMEOUT] > 0;
    expect_format(expectation, expect_figure(expectation, summary), least, sizeof(least));
    snprintf(out, size,
             "%llu of %llu requests got no whole answer, so that it is %s at least and no more is "
             "known%s",
             (unsigned long long)summary->client_failures, (unsigned long long)summary->requests,
             least, timed_out ? " (a longer load.timeout tells)" : "");
    return out;
}

bool expect_is_inside(const struct expectation *expectation)
{
    return expectation->metric && expectation->metric->inside;
}

double expect_events(const struct expectation *expectation, const struct variant_summary *summary)
{
    const struct expect_metric *metric = expectation->metric;
    if (!metric)
        return (double)(expectation->status ? summary->statuses[expectation->status]
                                            : summary->causes[expectation->cause]);
    size_t offset = metric->unit == UNIT_COUNT ? metric->offset : metric->events;
    if (offset == 0)
        return NAN;
    return (double)*(const uint64_t *)(const void *)((const char *)summary + offset);
}

const char *expect_metric_name(const struct expectation *expectation)
{
    return expectation->metric ? expectation->metric->name : NULL;
}

double expect_quantile(const struct expectation *expectation)
{
    return quantile_of(expectation);
}

double expect_limit(const struct expectation *expectation, const struct variant_summary *other)
{
    if (expectation->against < 0)
        return expectation->value;
    return expectation->value * expect_figure(expectation, other);
}

bool expect_holds(const struct expectation *expectation, double figure, double limit)
{
    switch (expectation->comparison) {
    case EXPECT_LESS:
        return figure < limit;
    case EXPECT_AT_MOST:
        return figure <= limit;
    case EXPECT_MORE:
        return figure > limit;
    case EXPECT_AT_LEAST:
        return figure >= limit;
    case EXPECT_EQUAL:
        return figure == limit;
    }
    return false;
}

const char *expect_format(const struct expectation *expectation, double value, char *out,
                          size_t size)
{
    enum metric_unit unit = expect_unit(expectation);
    if (unit == UNIT_TIME)
        return units_format_duration(out, size, duration_ns((int64_t)(value * 1e6)));
    if (expectation->share)
        snprintf(out, size, "%.3g%%", value * 100);
    else
        snprintf(out, size, unit == UNIT_RATE ? "%.1f/s" : "%.0f", value);
    return out;
}

const struct expectation *expect_clean(void)
{
    return &clean;
}

bool expect_is_of_clients(const struct expectation *expectation)
{
    return expectation->metric &&
           (expectation->metric->offset == offsetof(struct variant_summary, client_failures) ||
            expectation->metric->offset == offsetof(struct variant_summary, client_failure_rate));
}
