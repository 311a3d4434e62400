/* SPDX-License-Identifier: MIT */
/* Claims that others have made, and what a run measures of them: text, figure, and whether it holds
 * here. A claim that does not hold is a finding and no failure.
 *
 * What is measured is one figure of the grammar of expect.h with its variant in brackets, or two of
 * them:
 *   p99[deferred]                        the figure
 *   p99[deferred] - p99[inline]          a difference
 *   p99[deferred] / p99[inline]          how many times as much
 *   p99[deferred] / p99[inline] - 1      by what share more
 * The brackets may be left out where nothing varies. It holds when it is "> 50%", "< 5ms" and so
 * on: a value of the figure's unit, or a number or share for the last two. */
#ifndef TAILGATE_LAB_RESULT_CLAIM_H
#define TAILGATE_LAB_RESULT_CLAIM_H

#include "lab/result/expect.h"

struct conf_table;

/* As the experiment has it. */
struct claim_spec {
    const char *text;
    const char *section; /* of what makes the claim; NULL = none */
    const char *claimed; /* its figure, in its own words */
    const char *measure;
    const char *holds;
    const char *note; /* what a reader of the figure has to know, or NULL */
    const struct cJSON *item;
};

extern const struct conf_table claim_conf_table;

enum claim_form { CLAIM_FIGURE, CLAIM_DIFFERENCE, CLAIM_RATIO, CLAIM_CHANGE };

struct claim {
    const struct claim_spec *spec;
    enum claim_form form;
    struct expectation sides[2]; /* figures; the first has the comparison */
    double limit;                /* that the measured value is compared with */
};

/* Which text of a claim a message is about. */
enum claim_part { CLAIM_PART_MEASURE, CLAIM_PART_HOLDS };

/* `spec` and `labels` must outlive the claim. On failure `part` says which text is wrong. */
enum result claim_parse(struct claim *claim, const struct claim_spec *spec,
                        const char *const *labels, size_t label_count, enum claim_part *part,
                        struct error *error) MUST_USE;

/* One side or two. */
size_t claim_sides(const struct claim *claim);

/* The value for the figures of its sides; NaN when there is nothing to divide by. */
double claim_value(const struct claim *claim, const double figures[2]);

bool claim_holds(const struct claim *claim, double value);

/* "412ms", "+2.3ms", "2.31 times", "+131 %". Returns `out`. */
const char *claim_format(const struct claim *claim, double value, char *out, size_t size);

#endif
