/* SPDX-License-Identifier: MIT */
/* Quantiles over a window of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/rules/quantile.h"

static const mono START = {1000 * NS_PER_S};

static mono at_ms(int64_t ms)
{
    return mono_add(START, duration_ms(ms));
}

static void assert_about(duration value, duration wanted)
{
    assert_true(value.ns >= wanted.ns);
    assert_true(value.ns <= wanted.ns + wanted.ns / 16 + 1);
}

static void test_quantiles_of_what_was_seen(void **state)
{
    struct quantile_window window;
    quantile_window_init(&window, duration_s(10));
    for (int i = 1; i <= 1000; i++)
        quantile_window_add(&window, START, duration_us(i * 100));
    assert_about(quantile_window_get(&window, START, 0.5, 1), duration_ms(50));
    assert_about(quantile_window_get(&window, START, 0.99, 1), duration_ms(99));
    assert_about(quantile_window_get(&window, START, 1, 1), duration_ms(100));
    assert_about(quantile_window_get(&window, START, 0.001, 1), duration_us(100));
}

static void test_too_few_say_nothing(void **state)
{
    struct quantile_window window;
    quantile_window_init(&window, duration_s(10));
    assert_true(quantile_window_get(&window, START, 0.5, 0).ns < 0);
    for (int i = 0; i < 9; i++)
        quantile_window_add(&window, START, duration_ms(1));
    assert_true(quantile_window_get(&window, START, 0.5, 10).ns < 0);
    quantile_window_add(&window, START, duration_ms(1));
    assert_about(quantile_window_get(&window, START, 0.5, 10), duration_ms(1));
}

static void test_the_window_moves_on(void **state)
{
    struct quantile_window window;
    quantile_window_init(&window, duration_ms(4000));
    quantile_window_add(&window, START, duration_ms(100));
    quantile_window_add(&window, at_ms(2000), duration_ms(1));
    assert_about(quantile_window_get(&window, at_ms(2000), 1, 1), duration_ms(100));
    assert_about(quantile_window_get(&window, at_ms(4000), 1, 1), duration_ms(1));
    assert_true(quantile_window_get(&window, at_ms(6000), 1, 1).ns < 0);
    quantile_window_add(&window, at_ms(60000), duration_ms(7));
    assert_about(quantile_window_get(&window, at_ms(60000), 0.5, 1), duration_ms(7));
}

static void test_extremes_have_a_place(void **state)
{
    struct quantile_window window;
    quantile_window_init(&window, duration_s(1));
    quantile_window_add(&window, START, duration_ns(0));
    quantile_window_add(&window, START, duration_s(1000000));
    assert_true(quantile_window_get(&window, START, 0.5, 1).ns < 2000);
    assert_true(quantile_window_get(&window, START, 1, 1).ns > duration_s(60).ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles_of_what_was_seen),
        cmocka_unit_test(test_too_few_say_nothing),
        cmocka_unit_test(test_the_window_moves_on),
        cmocka_unit_test(test_extremes_have_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
