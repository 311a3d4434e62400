/* SPDX-License-Identifier: MIT */
/* Which endpoints are fit: ejections, health checks, panic, and the slow start of those restored.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/rules/health.h"

enum { ENDPOINTS = 4 };

struct sample {
    struct passive_config config;
    struct health_group group;
    struct health endpoints[ENDPOINTS];
    mono now;
};

static void configure(struct sample *sample)
{
    const struct health_config config = {.passive = sample->config};
    for (int i = 0; i < ENDPOINTS; i++)
        health_configure(&sample->endpoints[i], &sample->group, &config, sample->now);
}

/* Three failures in a row, or half of at least ten, eject for one second; half of the endpoints. */
static void set_up(struct sample *sample, double panic_threshold)
{
    *sample = (struct sample){
        .config = {.consecutive = 3,
                   .failure_share = 0.5,
                   .minimum = 10,
                   .window = duration_s(10),
                   .eject_for = duration_s(1),
                   .eject_longest = duration_s(3),
                   .max_ejected = 0.5},
        .now = {100 * NS_PER_S},
    };
    health_group_configure(&sample->group, ENDPOINTS, panic_threshold);
    configure(sample);
}

static uint64_t note(struct sample *sample, bool failed, uint64_t *of)
{
    return health_note(&sample->endpoints[0], &sample->config, failed, sample->now, of);
}

/* Returns for how long, in milliseconds; 0 = not. */
static int64_t eject(struct sample *sample, int endpoint)
{
    duration length;
    if (!health_eject(&sample->endpoints[endpoint], &sample->group, &sample->config, sample->now,
                      &length))
        return 0;
    return length.ns / NS_PER_MS;
}

static bool restore(struct sample *sample, int endpoint)
{
    return health_restore(&sample->endpoints[endpoint], &sample->group, sample->now);
}

static bool check_says(struct sample *sample, int endpoint, bool fit)
{
    return health_check_says(&sample->endpoints[endpoint], &sample->group, fit, sample->now);
}

static void pass_ms(struct sample *sample, int64_t ms)
{
    sample->now = mono_add(sample->now, duration_ms(ms));
}

/* ---- what asks for an ejection */

static void test_failures_in_a_row(void **state)
{
    struct sample sample;
    uint64_t of;
    set_up(&sample, 0);
    assert_int_equal(note(&sample, true, &of), 0);
    assert_int_equal(note(&sample, true, &of), 0);
    assert_int_equal(note(&sample, false, &of), 0); /* begins anew */
    assert_int_equal(note(&sample, true, &of), 0);
    assert_int_equal(note(&sample, true, &of), 0);
    assert_int_equal(note(&sample, true, &of), 3);
    assert_int_equal(of, 0);
}

static void test_failure_share(void **state)
{
    struct sample sample;
    uint64_t of;
    set_up(&sample, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(note(&sample, true, &of), 0);
        assert_int_equal(note(&sample, false, &of), 0);
    }
    assert_int_equal(note(&sample, true, &of), 0); /* the ninth: too few to judge */
    assert_int_equal(note(&sample, false, &of), 0);
    assert_int_equal(note(&sample, true, &of), 6);
    assert_int_equal(of, 11);
    pass_ms(&sample, 10000);
    assert_int_equal(note(&sample, true, &of), 0); /* all that is forgotten */
}

static void test_criteria_can_be_off(void **state)
{
    struct sample sample;
    uint64_t of;
    set_up(&sample, 0);
    sample.config.consecutive = 0;
    sample.config.failure_share = 0;
    for (int i = 0; i < 100; i++)
        assert_int_equal(note(&sample, true, &of), 0);
}

static void test_one_that_is_down_is_not_judged(void **state)
{
    struct sample sample;
    uint64_t of;
    set_up(&sample, 0);
    eject(&sample, 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(note(&sample, true, &of), 0);
}

/* ---- ejections */

static void test_ejected_and_restored(void **state)
{
    struct sample sample;
    uint64_t of;
    set_up(&sample, 0);
    assert_true(health_is_fit(&sample.endpoints[0]));
    assert_int_equal(eject(&sample, 0), 1000);
    assert_false(health_is_fit(&sample.endpoints[0]));
    assert_int_equal(eject(&sample, 0), 0); /* it is already */
    assert_int_equal(health_group_fit(&sample.group), 3);
    pass_ms(&sample, 999);
    assert_false(restore(&sample, 0));
    pass_ms(&sample, 1);
    assert_true(restore(&sample, 0));
    assert_false(restore(&sample, 0));
    assert_true(health_is_fit(&sample.endpoints[0]));
    assert_int_equal(health_group_fit(&sample.group), 4);
    assert_int_equal(note(&sample, true, &of), 0); /* what was before is forgotten */
    assert_int_equal(note(&sample, true, &of), 0);
}

static void test_repeated_ejections_last_longer(void **state)
{
    struct sample sample;
    static const int64_t expected[] = {1000, 2000, 3000, 3000};
    set_up(&sample, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(eject(&sample, 0), expected[i]);
        pass_ms(&sample, expected[i]);
        assert_true(restore(&sample, 0));
        pass_ms(&sample, 500);
    }
    pass_ms(&sample, 15000); /* five times the last: that is over */
    assert_int_equal(eject(&sample, 0), 1000);
}

static void test_no_more_than_the_cap(void **state)
{
    struct sample sample;
    set_up(&sample, 0);
    assert_true(eject(&sample, 0));
    assert_true(eject(&sample, 1));
    assert_false(eject(&sample, 2));
    assert_true(health_is_fit(&sample.endpoints[2]));
    pass_ms(&sample, 1000);
    assert_true(restore(&sample, 0));
    assert_true(eject(&sample, 2));
}

static void test_the_cap_of_few(void **state)
{
    static const struct {
        size_t endpoints;
        double share;
        int ejected;
    } cases[] = {{1, 0.5, 0}, {1, 1, 1},   {2, 0.5, 1}, {2, 0.1, 1},
                 {4, 0, 0},   {4, 0.7, 2}, {3, 1, 3},   {2, 1, 2}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sample sample;
        int ejected = 0;
        set_up(&sample, 0);
        sample.group = (struct health_group){0};
        health_group_configure(&sample.group, cases[i].endpoints, 0);
        sample.config.max_ejected = cases[i].share;
        for (size_t j = 0; j < cases[i].endpoints; j++)
            ejected += eject(&sample, (int)j) > 0;
        assert_int_equal(ejected, cases[i].ejected);
    }
}

/* ---- health checks */

static void test_checks_and_ejections_are_two_judges(void **state)
{
    struct sample sample;
    set_up(&sample, 0);
    assert_true(check_says(&sample, 0, false));
    assert_false(check_says(&sample, 0, false)); /* that is known */
    eject(&sample, 0);
    assert_int_equal(health_group_fit(&sample.group), 3);
    assert_false(health_is_merely_ejected(&sample.endpoints[0]));
    assert_true(check_says(&sample, 0, true));
    assert_false(health_is_fit(&sample.endpoints[0]));
    assert_true(health_is_merely_ejected(&sample.endpoints[0]));
    pass_ms(&sample, 1000);
    assert_true(restore(&sample, 0));
    assert_true(health_is_fit(&sample.endpoints[0]));
    assert_int_equal(health_group_fit(&sample.group), 4);
}

static void test_good_checks_change_nothing(void **state)
{
    struct sample sample;
    uint64_t of;
    set_up(&sample, 0);
    assert_false(check_says(&sample, 0, true));
    note(&sample, true, &of);
    note(&sample, true, &of);
    assert_false(check_says(&sample, 0, true));
    assert_int_equal(note(&sample, true, &of), 3); /* failures are not forgotten */
    assert_true(health_warmth(&sample.endpoints[0], duration_s(10), sample.now) == 1);
}

/* ---- panic */

static void test_panic(void **state)
{
    struct sample sample;
    bool panic;
    set_up(&sample, 0.5);
    check_says(&sample, 0, false);
    check_says(&sample, 1, false);
    assert_false(health_group_panics(&sample.group)); /* half are fit */
    assert_false(health_group_turned(&sample.group, &panic));
    check_says(&sample, 2, false);
    assert_true(health_group_panics(&sample.group));
    assert_true(health_group_turned(&sample.group, &panic));
    assert_true(panic);
    assert_false(health_group_turned(&sample.group, &panic));
    check_says(&sample, 2, true);
    assert_true(health_group_turned(&sample.group, &panic));
    assert_false(panic);
}

static void test_without_a_threshold_there_is_no_panic(void **state)
{
    struct sample sample;
    set_up(&sample, 0);
    for (int i = 0; i < ENDPOINTS; i++)
        check_says(&sample, i, false);
    assert_false(health_group_panics(&sample.group));
    assert_int_equal(health_group_fit(&sample.group), 0);
}

/* ---- slow start */

static void test_slow_start(void **state)
{
    struct sample sample;
    const struct health *health = &sample.endpoints[0];
    set_up(&sample, 0);
    assert_true(health_warmth(health, duration_s(10), sample.now) == 1); /* never ejected */
    eject(&sample, 0);
    pass_ms(&sample, 1000);
    restore(&sample, 0);
    assert_true(health_warmth(health, duration_s(10), sample.now) == 0.1);
    pass_ms(&sample, 5000);
    assert_true(health_warmth(health, duration_s(10), sample.now) == 0.5);
    pass_ms(&sample, 5000);
    assert_true(health_warmth(health, duration_s(10), sample.now) == 1);
}

/* ---- reload */

static void test_one_that_is_not_configured_any_more_does_not_count(void **state)
{
    struct sample sample;
    set_up(&sample, 0);
    eject(&sample, 0);
    assert_int_equal(health_group_fit(&sample.group), 3);
    health_leave(&sample.endpoints[0], &sample.group);
    health_leave(&sample.endpoints[0], &sample.group);
    health_group_configure(&sample.group, 3, 0);
    assert_int_equal(health_group_fit(&sample.group), 3);
    assert_false(health_is_fit(&sample.endpoints[0]));
    health_leave(&sample.endpoints[1], &sample.group);
    assert_true(health_is_fit(&sample.endpoints[1])); /* older requests go on to it */
    health_join(&sample.endpoints[1], &sample.group);
    health_group_configure(&sample.group, 4, 0);
    health_join(&sample.endpoints[0], &sample.group);
    health_join(&sample.endpoints[0], &sample.group);
    assert_int_equal(health_group_fit(&sample.group), 3);
    pass_ms(&sample, 1000);
    assert_true(restore(&sample, 0));
    assert_int_equal(health_group_fit(&sample.group), 4);
}

static void test_the_ejection_of_one_that_is_gone_is_forgotten(void **state)
{
    struct sample sample;
    set_up(&sample, 0);
    eject(&sample, 0);
    eject(&sample, 1);
    assert_int_equal(eject(&sample, 2), 0);
    health_leave(&sample.endpoints[0], &sample.group);
    health_forget(&sample.endpoints[0], &sample.group);
    health_forget(&sample.endpoints[3], &sample.group);
    assert_true(eject(&sample, 2) > 0);
}

static void test_a_judge_that_is_off_has_no_say(void **state)
{
    struct sample sample;
    uint64_t of;
    set_up(&sample, 0);
    assert_true(check_says(&sample, 0, false));
    configure(&sample);
    assert_true(health_is_fit(&sample.endpoints[0]));
    assert_int_equal(health_group_fit(&sample.group), 4);
    /* The window has another length now, and no counts of the old one. */
    for (int i = 0; i < 9; i++)
        (void)note(&sample, i % 2, &of);
    sample.config.window = duration_s(20);
    configure(&sample);
    assert_int_equal(note(&sample, true, &of), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures_in_a_row),
        cmocka_unit_test(test_failure_share),
        cmocka_unit_test(test_criteria_can_be_off),
        cmocka_unit_test(test_one_that_is_down_is_not_judged),
        cmocka_unit_test(test_ejected_and_restored),
        cmocka_unit_test(test_repeated_ejections_last_longer),
        cmocka_unit_test(test_no_more_than_the_cap),
        cmocka_unit_test(test_the_cap_of_few),
        cmocka_unit_test(test_checks_and_ejections_are_two_judges),
        cmocka_unit_test(test_good_checks_change_nothing),
        cmocka_unit_test(test_panic),
        cmocka_unit_test(test_without_a_threshold_there_is_no_panic),
        cmocka_unit_test(test_slow_start),
        cmocka_unit_test(test_one_that_is_not_configured_any_more_does_not_count),
        cmocka_unit_test(test_the_ejection_of_one_that_is_gone_is_forgotten),
        cmocka_unit_test(test_a_judge_that_is_off_has_no_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
