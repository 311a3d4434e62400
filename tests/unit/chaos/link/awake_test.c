/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chaos/link/awake.h"

struct fixture {
    struct loop loop;
    struct awake awake;
    struct timer end;
};

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void begin(struct fixture *fixture, duration patience)
{
    struct error error;
    assert_int_equal(loop_init(&fixture->loop, false, &error), OK);
    awake_init(&fixture->awake, &fixture->loop, patience);
    timer_init(&fixture->end, &fixture->loop, stop_loop, &fixture->loop);
}

static void end(struct fixture *fixture)
{
    awake_release(&fixture->awake);
    timer_stop(&fixture->end);
    loop_release(&fixture->loop);
}

/* Lets the loop run until it would sleep. */
static void run(struct fixture *fixture)
{
    timer_start(&fixture->end, duration_ms(20));
    loop_run(&fixture->loop);
}

static bool stays(const struct fixture *fixture)
{
    return mono_is_set(fixture->awake.until);
}

/* Traffic so long after the one before. */
static void move(struct fixture *fixture, duration quiet)
{
    mono now = mono_now();
    fixture->awake.last = mono_add(now, duration_ns(-quiet.ns));
    awake_note(&fixture->awake, now);
}

static void it_stays_for_the_answer_to_what_came_to_a_quiet_link(void **state)
{
    struct fixture fixture;
    begin(&fixture, duration_s(3600));
    move(&fixture, duration_s(AWAKE_QUIET * 3600));
    assert_true(stays(&fixture));
    move(&fixture, duration_us(50));
    assert_false(stays(&fixture));
    end(&fixture);
}

static void a_busy_link_never_does(void **state)
{
    struct fixture fixture;
    begin(&fixture, duration_us(100));
    for (int i = 0; i < 100; i++) {
        move(&fixture, duration_us(100 * AWAKE_QUIET - 1));
        assert_false(stays(&fixture));
    }
    end(&fixture);
}

static void nothing_comes(void **state)
{
    struct fixture fixture;
    begin(&fixture, duration_ns(1));
    move(&fixture, duration_s(1));
    assert_true(stays(&fixture));
    run(&fixture);
    assert_false(stays(&fixture));
    end(&fixture);
}

/* A chance is taken now and then, and often again once it pays. */
static void what_does_not_pay_is_given_up(void **state)
{
    struct fixture fixture;
    begin(&fixture, duration_ns(1));
    int taken = 0, late = 0;
    for (int i = 0; i < 200; i++) {
        move(&fixture, duration_s(1));
        bool stayed = stays(&fixture);
        taken += stayed;
        late += stayed && i >= 100;
        if (stayed)
            run(&fixture);
    }
    assert_in_range(taken, 10, 40);
    assert_in_range(late, 1, 10);
    for (int i = 0; i < 1000; i++) {
        move(&fixture, duration_s(1));
        if (stays(&fixture))
            move(&fixture, duration_us(1));
    }
    move(&fixture, duration_s(1));
    assert_true(stays(&fixture));
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stays_for_the_answer_to_what_came_to_a_quiet_link),
        cmocka_unit_test(a_busy_link_never_does),
        cmocka_unit_test(nothing_comes),
        cmocka_unit_test(what_does_not_pay_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
