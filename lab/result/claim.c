/* SPDX-License-Identifier: MIT */
#include "lab/result/claim.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/units.h"
#include "lib/conf/conf.h"

/* ---- in the experiment */

static const struct conf_key claim_keys[] = {
    {.name = "text",
     .type = CONF_STRING,
     .offset = offsetof(struct claim_spec, text),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .meaning = "What is claimed, in a sentence."},
    {.name = "section",
     .type = CONF_STRING,
     .offset = offsetof(struct claim_spec, section),
     .meaning = "Where it is claimed: a chapter or page."},
    {.name = "claimed",
     .type = CONF_STRING,
     .offset = offsetof(struct claim_spec, claimed),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .meaning = "The claim's own figure, as it is written there; it is shown and not computed "
                "with."},
    {.name = "measure",
     .type = CONF_STRING,
     .offset = offsetof(struct claim_spec, measure),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .meaning = "What is measured of it: a metric of \"expect\" with a variant's label in brackets "
                "(\"p99[deferred]\", \"p99 on /orders[deferred]\"), or two of them as a difference "
                "(\"A - B\"), a ratio (\"A / B\") or a change (\"A / B - 1\")."},
    {.name = "holds",
     .type = CONF_STRING,
     .offset = offsetof(struct claim_spec, holds),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .meaning = "When what is measured bears the claim out: \"> 50%\", \"< 5ms\"."},
    {.name = "note",
     .type = CONF_STRING,
     .offset = offsetof(struct claim_spec, note),
     .meaning = "What a reader of the figure has to know."},
};

const struct conf_table claim_conf_table = {
    .name = "claim",
    .meaning =
        "Something that others claim, and what the run measures of it. The result is the "
        "table of what was claimed, what was measured (in the middle round, and from which to "
        "which over all), and whether it holds; a claim that does not hold is no failure.",
    .size = sizeof(struct claim_spec),
    .keys = claim_keys,
    .key_count = ARRAY_LEN(claim_keys),
    .item_offset = offsetof(struct claim_spec, item),
};

/* ---- what is measured */

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* "[deferred]": a label may itself hold brackets, so known ones are tried. */
static enum result take_variant(struct expectation *side, const char **at,
                                const char *const *labels, size_t count, struct error *error)
{
    side->variant = 0;
    if (**at != '[' && count == 1)
        return OK;
    for (size_t i = 0; i < count && **at == '['; i++) {
        size_t length = strlen(labels[i]);
        if (strncmp(*at + 1, labels[i], length) != 0 || (*at)[1 + length] != ']')
            continue;
        side->variant = (int)i;
        *at = skip_blanks(*at + length + 2);
        return OK;
    }
    return error_set(error, FAILED_INPUT,
                     "\"%s\" does not begin with a variant's label in brackets (expected one such "
                     "as \"[%s]\")",
                     *at, count > 0 ? labels[0] : "baseline");
}

static enum result take_side(struct expectation *side, const char **at, const char *const *labels,
                             size_t count, struct error *error)
{
    enum result result = expect_take_figure(side, at, error);
    return result == OK ? take_variant(side, at, labels, count, error) : result;
}

static bool is_minus_one(const char *at)
{
    if (*at != '-')
        return false;
    at = skip_blanks(at + 1);
    return *at == '1' && !*skip_blanks(at + 1);
}

static enum result parse_measure(struct claim *claim, const char *const *labels, size_t count,
                                 struct error *error)
{
    const char *at = skip_blanks(claim->spec->measure);
    enum result result = take_side(&claim->sides[0], &at, labels, count, error);
    if (result != OK || !*at)
        return result;
    bool divided = *at == '/';
    if (!divided && *at != '-')
        return error_set(error, FAILED_INPUT,
                         "\"%s\" does not go on (expected / or - and another figure)", at);
    at = skip_blanks(at + 1);
    result = take_side(&claim->sides[1], &at, labels, count, error);
    if (result != OK)
        return result;
    claim->form = !divided ? CLAIM_DIFFERENCE : is_minus_one(at) ? CLAIM_CHANGE : CLAIM_RATIO;
    if (*at && claim->form != CLAIM_CHANGE)
        return error_set(error, FAILED_INPUT,
                         "\"%s\" is too much (expected \"A\", \"A - B\", \"A / B\" or "
                         "\"A / B - 1\")",
                         at);
    if (expect_unit(&claim->sides[0]) != expect_unit(&claim->sides[1]))
        return error_set(error, FAILED_INPUT,
                         "the two figures are not of one kind (expected times, shares, rates or "
                         "counts on both sides)");
    return OK;
}

/* "> 50%", "< 1.2", "> -10%": a number that may be negative. */
static enum result parse_proportion(struct claim *claim, struct error *error)
{
    const char *at = skip_blanks(claim->spec->holds);
    enum result result = expect_take_operator(&claim->sides[0], &at, error);
    if (result != OK)
        return result;
    double sign = *at == '-' ? -1 : 1;
    at += *at == '-' || *at == '+';
    if (!units_parse_share(at, &claim->limit) && !units_parse_number(at, &claim->limit))
        return error_set(error, FAILED_INPUT,
                         "\"%s\" cannot be compared with (expected a number or a share such as "
                         "50%%)",
                         at);
    claim->limit *= sign;
    return OK;
}

static enum result parse_holds(struct claim *claim, struct error *error)
{
    if (claim->form == CLAIM_RATIO || claim->form == CLAIM_CHANGE)
        return parse_proportion(claim, error);
    enum result result = expect_take_limit(&claim->sides[0], claim->spec->holds, error);
    claim->limit = claim->sides[0].value;
    claim->sides[1].share = claim->sides[0].share;
    return result;
}

enum result claim_parse(struct claim *claim, const struct claim_spec *spec,
                        const char *const *labels, size_t label_count, enum claim_part *part,
                        struct error *error)
{
    *claim = (struct claim){.spec = spec};
    claim->sides[0].against = claim->sides[1].against = -1;
    *part = CLAIM_PART_MEASURE;
    enum result result = parse_measure(claim, labels, label_count, error);
    if (result != OK)
        return result;
    *part = CLAIM_PART_HOLDS;
    return parse_holds(claim, error);
}

/* ---- what it comes to */

size_t claim_sides(const struct claim *claim)
{
    return claim->form == CLAIM_FIGURE ? 1 : 2;
}

double claim_value(const struct claim *claim, const double figures[2])
{
    if (claim->form == CLAIM_FIGURE)
        return figures[0];
    if (claim->form == CLAIM_DIFFERENCE)
        return figures[0] - figures[1];
    if (!(figures[1] > 0))
        return NAN;
    return figures[0] / figures[1] - (claim->form == CLAIM_CHANGE);
}

bool claim_holds(const struct claim *claim, double value)
{
    return expect_holds(&claim->sides[0], value, claim->limit);
}

static const char *format_difference(const struct claim *claim, double value, char *out,
                                     size_t size)
{
    const struct expectation *side = &claim->sides[0];
    char amount[40];
    const char *sign = value < 0 ? "-" : "+";
    if (expect_unit(side) == UNIT_SHARE || side->share)
        snprintf(out, size, "%s%.2g points", sign, fabs(value) * 100);
    else
        snprintf(out, size, "%s%s", sign, expect_format(side, fabs(value), amount, sizeof(amount)));
    return out;
}

const char *claim_format(const struct claim *claim, double value, char *out, size_t size)
{
    switch (claim->form) {
    case CLAIM_FIGURE:
        return expect_format(&claim->sides[0], value, out, size);
    case CLAIM_DIFFERENCE:
        return format_difference(claim, value, out, size);
    case CLAIM_RATIO:
        snprintf(out, size, value < 10 ? "%.2f times" : "%.0f times", value);
        break;
    case CLAIM_CHANGE:
        snprintf(out, size, "%+.1f %%", value * 100);
        break;
    }
    return out;
}
