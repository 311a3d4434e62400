/* SPDX-License-Identifier: MIT */
/* The limit that follows latency, against a service whose latency is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/rules/gradient.h"

static const struct concurrency_config CONFIG = {.limit = 50,
                                                 .adaptive = true,
                                                 .min = 4,
                                                 .max = 200,
                                                 .tolerance = 1.5,
                                                 .smoothing = 0.2,
                                                 .window = {100 * NS_PER_MS},
                                                 .memory = {60 * NS_PER_S}};

/* `count` windows in which requests took `ms` and the limit was full. */
static int windows(struct gradient *gradient, int count, double ms)
{
    int limit = 0;
    for (int i = 0; i < count; i++) {
        struct gradient_window window = {.latency = ms * 1e6, .peak = (int)gradient->limit};
        limit = gradient_update(gradient, &CONFIG, &window);
    }
    return limit;
}

static void test_it_rises_while_latency_stays(void **state)
{
    struct gradient gradient;
    gradient_init(&gradient, &CONFIG);
    assert_int_equal(windows(&gradient, 1, 10), 51); /* 50 + 0.2 * sqrt(50) */
    assert_int_equal(windows(&gradient, 200, 10), CONFIG.max);
}

static void test_it_falls_when_latency_rises_and_comes_back(void **state)
{
    struct gradient gradient;
    gradient_init(&gradient, &CONFIG);
    windows(&gradient, 5, 10);
    assert_in_range(windows(&gradient, 1, 100), 40, 54);
    assert_in_range(windows(&gradient, 50, 100), CONFIG.min, 8);
    assert_in_range(windows(&gradient, 200, 10), 100, CONFIG.max);
}

static void test_what_is_tolerated_changes_nothing(void **state)
{
    struct gradient gradient;
    gradient_init(&gradient, &CONFIG);
    int before = windows(&gradient, 5, 10);
    assert_true(windows(&gradient, 5, 14) > before);
}

static void test_few_requests_say_nothing_about_the_limit(void **state)
{
    struct gradient gradient;
    gradient_init(&gradient, &CONFIG);
    struct gradient_window window = {.latency = 1e6, .peak = 24};
    assert_int_equal(gradient_update(&gradient, &CONFIG, &window), 50);
    window.latency = 1e9;
    assert_int_equal(gradient_update(&gradient, &CONFIG, &window), 50);
}

static void test_it_stays_within_its_bounds(void **state)
{
    struct gradient gradient;
    gradient_init(&gradient, &CONFIG);
    windows(&gradient, 3, 1);
    for (int i = 0; i < 100; i++)
        assert_in_range(windows(&gradient, 1, 1000), CONFIG.min, CONFIG.max);
    assert_in_range(windows(&gradient, 300, 1), CONFIG.min, CONFIG.max);
}

/* A server with `slots` and 10 ms of work: by Little's law latency is proportional to the requests
 * under way, once they are more than the slots. */
static void test_it_settles_near_what_the_service_can_do(void **state)
{
    struct gradient gradient;
    gradient_init(&gradient, &CONFIG);
    windows(&gradient, 10, 10);
    for (int i = 0; i < 600; i++) {
        double slots = 20, under_way = gradient.limit;
        struct gradient_window window = {
            .latency = 10e6 * (under_way > slots ? under_way / slots : 1), .peak = (int)under_way};
        gradient_update(&gradient, &CONFIG, &window);
    }
    assert_in_range((int)gradient.limit, 25, 80);
}

static void test_the_long_term_is_forgotten_sooner_once_load_has_gone(void **state)
{
    struct gradient gradient;
    gradient_init(&gradient, &CONFIG);
    windows(&gradient, 3, 1000);
    windows(&gradient, 60, 10);
    assert_true(gradient.baseline < 100e6);
}

/* A window that waits for enough requests lasts longer than is configured, and weighs more. */
static void test_a_long_window_weighs_as_long_as_it_was(void **state)
{
    struct gradient gradient;
    gradient_init(&gradient, &CONFIG);
    windows(&gradient, 1, 10);
    struct gradient_window window = {.latency = 20e6, .peak = 50, .lasted = {30 * NS_PER_S}};
    gradient_update(&gradient, &CONFIG, &window);
    assert_true(gradient.baseline > 14.9e6 && gradient.baseline < 15.1e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_rises_while_latency_stays),
        cmocka_unit_test(test_it_falls_when_latency_rises_and_comes_back),
        cmocka_unit_test(test_what_is_tolerated_changes_nothing),
        cmocka_unit_test(test_few_requests_say_nothing_about_the_limit),
        cmocka_unit_test(test_it_stays_within_its_bounds),
        cmocka_unit_test(test_it_settles_near_what_the_service_can_do),
        cmocka_unit_test(test_the_long_term_is_forgotten_sooner_once_load_has_gone),
        cmocka_unit_test(test_a_long_window_weighs_as_long_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
