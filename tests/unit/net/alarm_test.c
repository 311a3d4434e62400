/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/rng.h"
#include "lib/net/alarm.h"
#include "tests/unit/net/running.h"

enum { MANY = 500 };

static struct running running;
static struct alarms alarms;
static int calls;
static mono last;

struct sample {
    struct alarm alarm;
    mono due, called;
};

static int set_up(void **state)
{
    struct error error;
    running_start(&running);
    assert_int_equal(alarms_init(&alarms, &running.loop, &error), OK);
    calls = 0;
    last = (mono){0};
    return 0;
}

static int tear_down(void **state)
{
    alarms_release(&alarms);
    running_end(&running);
    return 0;
}

static void note(void *arg)
{
    struct sample *sample = arg;
    sample->called = mono_now();
    calls++;
    assert_false(mono_before(sample->called, sample->due));
    assert_false(mono_before(sample->due, last));
    last = sample->due;
}

static void note_and_stop(void *arg)
{
    note(arg);
    loop_stop(&running.loop);
}

static void set(struct sample *sample, loop_call *call, duration after)
{
    *sample = (struct sample){0};
    alarm_init(&sample->alarm, call, sample);
    sample->due = mono_add(mono_now(), after);
    alarm_set(&alarms, &sample->alarm, sample->due);
}

static void many_are_called_in_order_and_not_early(void **state)
{
    static struct sample samples[MANY];
    struct sample end;
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < MANY; i++)
        set(&samples[i], note, duration_us((int64_t)(rng_unit(&rng) * 20000)));
    set(&end, note_and_stop, duration_ms(21));
    running_go(&running);
    assert_int_equal(calls, MANY + 1);
}

static void one_that_is_moved_is_called_once_at_the_new_moment(void **state)
{
    struct sample sooner, later, end;
    set(&sooner, note, duration_ms(50));
    set(&later, note, duration_ms(1));
    set(&end, note_and_stop, duration_ms(10));
    sooner.due = mono_add(mono_now(), duration_ms(2));
    alarm_set(&alarms, &sooner.alarm, sooner.due);
    later.due = mono_add(mono_now(), duration_ms(5));
    alarm_set(&alarms, &later.alarm, later.due);
    running_go(&running);
    assert_int_equal(calls, 3);
    assert_true(mono_before(sooner.called, later.called));
}

static void one_that_is_stopped_is_not_called(void **state)
{
    struct sample first, second, end;
    set(&first, note, duration_ms(1));
    set(&second, note, duration_ms(2));
    set(&end, note_and_stop, duration_ms(5));
    alarm_stop(&alarms, &first.alarm);
    alarm_stop(&alarms, &first.alarm);
    running_go(&running);
    assert_int_equal(calls, 2);
    assert_false(mono_is_set(first.called));
}

/* ---- one that is set again and again for a moment that has passed */

static bool others_were_served;

static void set_again(void *arg)
{
    struct sample *sample = arg;
    calls++;
    alarm_set(&alarms, &sample->alarm, sample->due);
}

static void serve(void *arg)
{
    others_were_served = true;
    loop_stop(&running.loop);
}

static void the_loop_goes_round_between_setting_and_call(void **state)
{
    struct sample sample;
    struct timer other;
    others_were_served = false;
    timer_init(&other, &running.loop, serve, NULL);
    set(&sample, set_again, duration_ns(-NS_PER_S));
    assert_int_equal(calls, 0);
    timer_start(&other, duration_ms(1));
    running_go(&running);
    assert_true(others_were_served);
    assert_true(calls > 1);
    alarm_stop(&alarms, &sample.alarm);
}

static void what_was_learnt_of_lateness_stays_within_bounds(void **state)
{
    for (int i = 0; i < 50; i++) {
        struct sample sample;
        set(&sample, note_and_stop, duration_us(300));
        running_go(&running);
    }
    assert_int_equal(calls, 50);
    assert_in_range(alarms.early.ns, 0, ALARM_EARLIEST.ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_are_called_in_order_and_not_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_moved_is_called_once_at_the_new_moment, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_stopped_is_not_called, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_loop_goes_round_between_setting_and_call, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_learnt_of_lateness_stays_within_bounds, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
