/* SPDX-License-Identifier: MIT */
#include "lab/analysis/student.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_near(double value, double expected)
{
    assert_true(fabs(value - expected) <= 1e-3 * fabs(expected));
}

/* From printed tables of the distribution. */
static void test_tables(void **state)
{
    assert_near(student_quantile(0.025, 1), 12.706);
    assert_near(student_quantile(0.025, 4), 2.776);
    assert_near(student_quantile(0.005, 9), 3.250);
    assert_near(student_quantile(0.0005, 30), 3.646);
    assert_near(student_quantile(0.025, 1e9), 1.960);
}

static void test_broken_degrees_lie_between_whole_ones(void **state)
{
    double value = student_quantile(0.01, 4.5);
    assert_true(value < student_quantile(0.01, 4) && value > student_quantile(0.01, 5));
}

static void test_small_tails(void **state)
{
    assert_near(student_quantile(1e-6, 1e9), 4.7534);
    assert_near(student_quantile(1e-4, 2), 70.700);
    assert_near(student_quantile(0.5, 7) + 1, 1);
}

static void test_normal_there_and_back(void **state)
{
    assert_near(normal_quantile(0.1), 1.2816);
    assert_near(normal_tail(normal_quantile(0.003)), 0.003);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_broken_degrees_lie_between_whole_ones),
        cmocka_unit_test(test_small_tails),
        cmocka_unit_test(test_normal_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
