/* SPDX-License-Identifier: MIT */
#include "lib/base/dist.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/portable.h"
#include "lib/base/units.h"

#define MOST_ARGUMENTS 2
#define TEXT_ROOM      64

/* The 99th percentile of the standard normal distribution. */
#define NORMAL_P99 2.3263478740408408

enum argument_type { ARGUMENT_DURATION, ARGUMENT_NUMBER };

struct argument {
    const char *label; /* "p50=", or "" */
    enum argument_type type;
};

/* A written form "name(argument,...)". `accept` turns the values in a and b into what the kind
 * keeps, or returns what is wrong with them. */
struct form {
    const char *name;
    enum dist_kind kind;
    const char *example;
    const char *arguments_are;
    size_t count;
    struct argument arguments[MOST_ARGUMENTS];
    const char *(*accept)(struct dist *dist);
};

static const char *accept_any(struct dist *dist)
{
    return NULL;
}

static const char *accept_uniform(struct dist *dist)
{
    return dist->a > dist->b ? "the smallest value is above the largest" : NULL;
}

static const char *accept_lognormal(struct dist *dist)
{
    if (dist->a <= 0)
        return "p50 must be above zero";
    if (dist->b < dist->a)
        return "p99 is below p50";
    double mu = portable_log(dist->a);
    dist->b = (portable_log(dist->b) - mu) / NORMAL_P99;
    dist->a = mu;
    return NULL;
}

static const char *accept_pareto(struct dist *dist)
{
    return dist->b <= 0 ? "the shape must be above zero" : NULL;
}

/* clang-format off */
static const struct form forms[] = {
    {"uniform", DIST_UNIFORM, "uniform(1ms,9ms)", "the smallest and the largest duration",
     2, {{"", ARGUMENT_DURATION}, {"", ARGUMENT_DURATION}}, accept_uniform},
    {"normal", DIST_NORMAL, "normal(5ms,1ms)", "the mean and the standard deviation",
     2, {{"", ARGUMENT_DURATION}, {"", ARGUMENT_DURATION}}, accept_any},
    {"exponential", DIST_EXPONENTIAL, "exponential(2ms)", "the mean",
     1, {{"", ARGUMENT_DURATION}}, accept_any},
    {"lognormal", DIST_LOGNORMAL, "lognormal(p50=2ms,p99=40ms)", "two quantiles",
     2, {{"p50=", ARGUMENT_DURATION}, {"p99=", ARGUMENT_DURATION}}, accept_lognormal},
    {"pareto", DIST_PARETO, "pareto(1ms,1.5)", "the smallest duration and the shape, a number",
     2, {{"", ARGUMENT_DURATION}, {"", ARGUMENT_NUMBER}}, accept_pareto},
};
/* clang-format on */

/* Copies text from..to without the blanks around it; false when there is no room. */
static bool copy_trimmed(char out[TEXT_ROOM], const char *from, const char *to)
{
    while (from < to && *from == ' ')
        from++;
    while (to > from && to[-1] == ' ')
        to--;
    if (to - from >= TEXT_ROOM)
        return false;
    memcpy(out, from, (size_t)(to - from));
    out[to - from] = '\0';
    return true;
}

static bool parse_argument(const struct argument *argument, const char *text, double *out)
{
    size_t label = strlen(argument->label);
    if (strncmp(text, argument->label, label) != 0)
        return false;
    if (argument->type == ARGUMENT_NUMBER)
        return units_parse_number(text + label, out);
    duration value;
    if (!units_parse_duration(text + label, &value))
        return false;
    *out = (double)value.ns;
    return true;
}

/* The arguments between the parentheses, exactly as many as the form has. */
static bool parse_arguments(const struct form *form, const char *from, const char *to,
                            struct dist *dist)
{
    double *const values[MOST_ARGUMENTS] = {&dist->a, &dist->b};
    for (size_t i = 0; i < form->count; i++) {
        bool last = i + 1 == form->count;
        const char *comma = memchr(from, ',', (size_t)(to - from));
        if (last == (comma != NULL))
            return false;
        const char *end = last ? to : comma;
        char text[TEXT_ROOM];
        if (!copy_trimmed(text, from, end) || !parse_argument(&form->arguments[i], text, values[i]))
            return false;
        from = end + 1;
    }
    return true;
}

static const struct form *find_form(const char *name, size_t length)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (strlen(forms[i].name) == length && memcmp(forms[i].name, name, length) == 0)
            return &forms[i];
    return NULL;
}

static enum result unknown_form(const char *text, struct error *error)
{
    char examples[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        used += (size_t)snprintf(examples + used, sizeof(examples) - used, "%s\"%s\"",
                                 i ? ", " : "", forms[i].example);
    return error_set(
        error, FAILED_INPUT,
        "\"%.*s\" is not a distribution: expected a duration such as \"5ms\" or one of "
        "%s",
        TEXT_ROOM, text, examples);
}

static bool has_only_zero(const struct dist *dist)
{
    switch (dist->kind) {
    case DIST_UNIFORM:
        return dist->b <= 0;
    case DIST_NORMAL:
        return dist->a <= 0 && dist->b <= 0;
    case DIST_CONSTANT:
    case DIST_EXPONENTIAL:
    case DIST_PARETO:
        return dist->a <= 0;
    case DIST_LOGNORMAL:
        return false;
    case DIST_QUANTILES:
    case DIST_REPLAY:
        break;
    }
    for (size_t i = 0; i < dist->point_count; i++)
        if (dist->points[i].value.ns > 0)
            return false;
    return true;
}

/* A distribution of nothing but zeros becomes the constant, so that dist_is_zero tells. */
static struct dist settled(struct dist dist)
{
    return has_only_zero(&dist) ? dist_constant(duration_ns(0)) : dist;
}

enum result dist_parse(struct dist *dist, const char *text, struct error *error)
{
    duration constant;
    if (units_parse_duration(text, &constant)) {
        *dist = dist_constant(constant);
        return OK;
    }
    const char *open = strchr(text, '(');
    if (!open)
        return error_set(error, FAILED_INPUT,
                         "\"%.*s\" is not a length of time: expected a duration such as \"5ms\" or "
                         "a distribution such as \"%s\"",
                         TEXT_ROOM, text, forms[0].example);
    const struct form *form = find_form(text, (size_t)(open - text));
    if (!form)
        return unknown_form(text, error);

    struct dist made = {.kind = form->kind};
    const char *close = text + strlen(text) - 1;
    if (*close != ')' || !parse_arguments(form, open + 1, close, &made))
        return error_set(error, FAILED_INPUT, "\"%.*s\": expected %s, such as \"%s\"", TEXT_ROOM,
                         text, form->arguments_are, form->example);
    const char *wrong = form->accept(&made);
    if (wrong)
        return error_set(error, FAILED_INPUT, "\"%.*s\": %s; expected something such as \"%s\"",
                         TEXT_ROOM, text, wrong, form->example);
    *dist = settled(made);
    return OK;
}

static enum result check_points(const struct dist_point *points, size_t count, const char *what,
                                struct error *error)
{
    if (count == 0)
        return error_set(error, FAILED_INPUT, "expected at least one %s", what);
    for (size_t i = 0; i < count; i++)
        if (points[i].value.ns < 0 || points[i].value.ns > DURATION_LONGEST_NS)
            return error_set(error, FAILED_INPUT,
                             "%s %zu is outside the range: expected a duration from 0 to 10 years",
                             what, i + 1);
    return OK;
}

/* `before` is the point before this one, or NULL. */
static enum result check_quantile(const struct dist_point *point, const struct dist_point *before,
                                  struct error *error)
{
    double percent = point->share * 100;
    if (!(point->share > 0 && point->share < 1))
        return error_set(error, FAILED_INPUT,
                         "p%.10g is not a quantile: expected one above p0 and below p100", percent);
    if (before && point->share <= before->share)
        return error_set(error, FAILED_INPUT,
                         "p%.10g comes after p%.10g: expected rising quantiles, each once", percent,
                         before->share * 100);
    if (before && point->value.ns < before->value.ns)
        return error_set(error, FAILED_INPUT,
                         "the value of p%.10g is below that of p%.10g: expected values that do not "
                         "fall",
                         percent, before->share * 100);
    return OK;
}

enum result dist_from_quantiles(struct dist *dist, const struct dist_point *points, size_t count,
                                struct error *error)
{
    enum result result = check_points(points, count, "quantile", error);
    for (size_t i = 0; i < count && result == OK; i++)
        result = check_quantile(&points[i], i > 0 ? &points[i - 1] : NULL, error);
    if (result == OK)
        *dist =
            settled((struct dist){.kind = DIST_QUANTILES, .points = points, .point_count = count});
    return result;
}

enum result dist_from_replay(struct dist *dist, const struct dist_point *points, size_t count,
                             struct error *error)
{
    enum result result = check_points(points, count, "value to replay", error);
    if (result == OK)
        *dist = settled((struct dist){.kind = DIST_REPLAY, .points = points, .point_count = count});
    return result;
}
