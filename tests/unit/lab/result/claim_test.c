/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "lab/result/claim.h"
#include "lab/result/summary.h"

static const char *const labels[] = {"deferred", "[a] - 1", "inline"};

static struct claim parsed(const char *measure, const char *holds)
{
    static struct claim_spec spec;
    struct claim claim;
    enum claim_part part;
    struct error error;
    spec = (struct claim_spec){.text = "it", .measure = measure, .holds = holds};
    if (claim_parse(&claim, &spec, labels, ARRAY_LEN(labels), &part, &error) != OK)
        fail_msg("%s, %s: %s", measure, holds, error.text);
    return claim;
}

static void assert_refused(const char *measure, const char *holds, enum claim_part wrong,
                           const char *text)
{
    const struct claim_spec spec = {.text = "it", .measure = measure, .holds = holds};
    struct claim claim;
    enum claim_part part;
    struct error error;
    assert_int_equal(claim_parse(&claim, &spec, labels, ARRAY_LEN(labels), &part, &error),
                     FAILED_INPUT);
    assert_int_equal(part, wrong);
    if (!strstr(error.text, text))
        fail_msg("\"%s\" does not say \"%s\"", error.text, text);
}

static void assert_shown(const char *measure, const char *holds, double first, double second,
                         const char *shown, bool held)
{
    struct claim claim = parsed(measure, holds);
    const double figures[2] = {first, second};
    double value = claim_value(&claim, figures);
    char out[64];
    assert_string_equal(claim_format(&claim, value, out, sizeof(out)), shown);
    assert_int_equal(claim_holds(&claim, value), held);
}

static void the_four_forms(void **state)
{
    (void)state;
    assert_int_equal(parsed("p99[deferred]", "> 5ms").form, CLAIM_FIGURE);
    assert_int_equal(parsed("p99[deferred] - p99[inline]", "> 5ms").form, CLAIM_DIFFERENCE);
    assert_int_equal(parsed("p99[deferred]/p99[inline]", "> 1.5").form, CLAIM_RATIO);
    struct claim change = parsed(" p99 on /a[deferred] / mean[[a] - 1] - 1 ", "> 50%");
    assert_int_equal(change.form, CLAIM_CHANGE);
    assert_int_equal(claim_sides(&change), 2);
    assert_int_equal(change.sides[0].variant, 0);
    assert_string_equal(change.sides[0].route, "/a");
    assert_int_equal(change.sides[1].variant, 1);
}

static void values_and_their_form(void **state)
{
    (void)state;
    assert_shown("p99[deferred]", "> 5ms", 12, 0, "12ms", true);
    assert_shown("p99[deferred] - p99[inline]", "> 5ms", 12, 10, "+2ms", false);
    assert_shown("p99[deferred] - p99[inline]", "< 5ms", 10, 12, "-2ms", true);
    assert_shown("p99[deferred] / p99[inline]", ">= 2", 12, 4, "3.00 times", true);
    assert_shown("p99[deferred] / p99[inline] - 1", "> 105.9%", 20, 10, "+100.0 %", false);
    assert_shown("mean[inline] / mean[deferred] - 1", "< -10%", 8, 10, "-20.0 %", true);
    assert_shown("failure_rate[deferred] - failure_rate[inline]", "> 1%", 0.05, 0.02, "+3 points",
                 true);
    assert_shown("502[deferred] - 502[inline]", "< 0%", 0.02, 0.05, "-3 points", true);
    assert_shown("502[deferred]", "> 10", 17, 0, "17", true);
}

static void nothing_to_divide_by(void **state)
{
    (void)state;
    struct claim claim = parsed("502[deferred] / 502[inline]", "> 2");
    const double figures[2] = {3, 0};
    assert_true(isnan(claim_value(&claim, figures)));
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    assert_refused("p98[deferred]", "> 1ms", CLAIM_PART_MEASURE, "nearest known one: p90");
    assert_refused("p99", "> 1ms", CLAIM_PART_MEASURE, "label in brackets");
    assert_refused("p99[pooled]", "> 1ms", CLAIM_PART_MEASURE, "[deferred]");
    assert_refused("p99[deferred] * 2", "> 1ms", CLAIM_PART_MEASURE, "/ or -");
    assert_refused("p99[deferred] / p99[inline] - 2", "> 1", CLAIM_PART_MEASURE, "too much");
    assert_refused("p99[deferred] / 502[inline]", "> 1", CLAIM_PART_MEASURE, "one kind");
    assert_refused("p99[deferred]", "50%", CLAIM_PART_HOLDS, "comparison");
    assert_refused("p99[deferred]", "> 50%", CLAIM_PART_HOLDS, "duration");
    assert_refused("p99[deferred] / p99[inline]", "> 5ms", CLAIM_PART_HOLDS, "share");
    assert_refused("backend_queue on /a[deferred]", "> 5ms", CLAIM_PART_MEASURE, "by route");
}

static void brackets_may_be_left_out_where_nothing_varies(void **state)
{
    (void)state;
    static const char *const one[] = {"baseline"};
    const struct claim_spec spec = {.measure = "p99 on a / p99 on b", .holds = "> 2"};
    struct claim claim;
    enum claim_part part;
    struct error error;
    assert_int_equal(claim_parse(&claim, &spec, one, 1, &part, &error), OK);
    assert_string_equal(claim.sides[1].route, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_four_forms),
        cmocka_unit_test(values_and_their_form),
        cmocka_unit_test(nothing_to_divide_by),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(brackets_may_be_left_out_where_nothing_varies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
