/* SPDX-License-Identifier: MIT */
/* Counts over the last stretch of time. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/rules/window.h"

static const mono start = {123 * NS_PER_S};

static mono at_ms(int64_t ms)
{
    return mono_add(start, duration_ms(ms));
}

static void assert_sum(const struct window *window, int64_t ms, uint64_t all, uint64_t bad)
{
    struct window_sum sum = window_sum(window, at_ms(ms));
    assert_int_equal(sum.all, all);
    assert_int_equal(sum.bad, bad);
}

static void test_counts(void **state)
{
    struct window window;
    window_init(&window, duration_ms(1000));
    assert_sum(&window, 0, 0, 0);
    for (int i = 0; i < 10; i++)
        window_add(&window, at_ms(i), i % 5 == 0);
    assert_sum(&window, 10, 10, 2);
}

static void test_forgets_a_tenth_at_a_time(void **state)
{
    struct window window;
    window_init(&window, duration_ms(1000));
    window_add(&window, at_ms(0), true);
    window_add(&window, at_ms(550), false);
    assert_sum(&window, 899, 2, 1);
    assert_sum(&window, 1000, 1, 0);
    assert_sum(&window, 1550, 0, 0);
    window_add(&window, at_ms(2000), true); /* its slot held the first */
    assert_sum(&window, 2000, 1, 1);
}

static void test_a_long_silence(void **state)
{
    struct window window;
    window_init(&window, duration_ms(1000));
    window_add(&window, at_ms(0), true);
    assert_sum(&window, 86400000, 0, 0);
    window_add(&window, at_ms(86400000), false);
    assert_sum(&window, 86400000, 1, 0);
}

static void test_clear(void **state)
{
    struct window window;
    window_init(&window, duration_ms(1000));
    for (int i = 0; i < 900; i++)
        window_add(&window, at_ms(i), true);
    window_clear(&window);
    assert_sum(&window, 900, 0, 0);
}

static void test_a_full_slot_keeps_its_shares(void **state)
{
    struct window window;
    window_init(&window, duration_s(3600));
    for (int i = 0; i < 5000000; i++)
        window_add(&window, start, i % 4 == 0);
    struct window_sum sum = window_sum(&window, start);
    assert_true(sum.all > 1000000);
    double share = (double)sum.bad / (double)sum.all;
    assert_true(share > 0.24 && share < 0.26);
}

enum { THREADS = 4, EVENTS = 100000 };

static void *add_many(void *arg)
{
    for (int i = 0; i < EVENTS; i++)
        window_add(arg, at_ms(i / 1000), i % 2 == 0);
    return NULL;
}

static void test_threads_lose_nothing(void **state)
{
    struct window window;
    pthread_t threads[THREADS];
    window_init(&window, duration_ms(2000));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &window), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_sum(&window, 100, THREADS * EVENTS, THREADS * EVENTS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_forgets_a_tenth_at_a_time),
        cmocka_unit_test(test_a_long_silence),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_a_full_slot_keeps_its_shares),
        cmocka_unit_test(test_threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
