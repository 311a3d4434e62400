/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab/analysis/survival.h"
#include "lib/base/result.h"

static void assert_near(double value, double expected)
{
    if (value < expected - 1e-9 || value > expected + 1e-9)
        fail_msg("%f is not %f", value, expected);
}

/* The remission times of Freireich et al. (1963), as in every textbook: 6-MP, 21 patients. */
static void test_textbook(void **state)
{
    (void)state;
    struct lifetime lives[] = {
        {6, true},   {6, true},   {6, true},   {6, false},  {7, true},   {9, false},  {10, true},
        {10, false}, {11, false}, {13, true},  {16, true},  {17, false}, {19, false}, {20, false},
        {22, true},  {23, true},  {25, false}, {32, false}, {32, false}, {34, false}, {35, false}};
    struct survival survival;
    survival_fit(&survival, lives, ARRAY_LEN(lives));
    assert_near(survival_beyond(&survival, 5), 1);
    assert_near(survival_beyond(&survival, 6), 18.0 / 21);
    assert_near(survival_beyond(&survival, 7), 18.0 / 21 * 16 / 17);
    assert_near(survival_beyond(&survival, 12), 18.0 / 21 * 16 / 17 * 14 / 15);
    assert_true(survival_beyond(&survival, 23) > 0.447 && survival_beyond(&survival, 23) < 0.449);
    assert_int_equal(survival_quantile(&survival, 0.5), 23);
    assert_int_equal(survival_quantile(&survival, 0.9), INT64_MAX);
    survival_free(&survival);
}

static void test_draws_lie_beyond(void **state)
{
    (void)state;
    struct lifetime lives[] = {{1, true}, {2, true}, {3, true}, {4, true}};
    struct survival survival;
    survival_fit(&survival, lives, ARRAY_LEN(lives));
    assert_int_equal(survival_draw(&survival, 0, 0), 1);
    assert_int_equal(survival_draw(&survival, 2, 0.1), 3);
    assert_int_equal(survival_draw(&survival, 2, 0.9), 4);
    assert_int_equal(survival_draw(&survival, 4, 0.5), INT64_MAX);
    survival_free(&survival);
}

static void test_of_nothing(void **state)
{
    (void)state;
    struct survival survival = {0};
    assert_near(survival_beyond(&survival, 5), 1);
    assert_int_equal(survival_draw(&survival, 5, 0.5), INT64_MAX);
    survival_fit(&survival, NULL, 0);
    assert_int_equal(survival_quantile(&survival, 0.5), INT64_MAX);
    survival_free(&survival);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_textbook),
        cmocka_unit_test(test_draws_lie_beyond),
        cmocka_unit_test(test_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
