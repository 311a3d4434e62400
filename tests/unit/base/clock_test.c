/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/clock.h"

static void moments_and_lengths_add_up(void **state)
{
    assert_int_equal(duration_s(2).ns, 2000000000);
    assert_int_equal(duration_ms(2).ns, 2000000);
    assert_int_equal(duration_us(2).ns, 2000);
    mono start = {1000};
    mono end = mono_add(start, duration_us(3));
    assert_int_equal(end.ns, 4000);
    assert_int_equal(mono_between(start, end).ns, 3000);
    assert_int_equal(mono_between(end, start).ns, -3000);
    assert_true(mono_before(start, end));
    assert_false(mono_before(start, start));
    assert_false(mono_is_set((mono){0}));
}

/* Rounded up: a timeout may not fire before its time. */
static void timeval_never_falls_short(void **state)
{
    struct timeval tv = duration_timeval(duration_ns(1500000001));
    assert_int_equal(tv.tv_sec, 1);
    assert_int_equal(tv.tv_usec, 500001);
    tv = duration_timeval(duration_ns(999999999));
    assert_int_equal(tv.tv_sec, 1);
    assert_int_equal(tv.tv_usec, 0);
    tv = duration_timeval(duration_ns(-5));
    assert_int_equal(tv.tv_sec, 0);
    assert_int_equal(tv.tv_usec, 0);
}

static void clocks_run(void **state)
{
    mono before = mono_now();
    duration offset = clock_offset();
    wall now = wall_now();
    assert_true(mono_is_set(before));
    assert_false(mono_before(mono_now(), before));
    int64_t difference = now.ns - (mono_now().ns + offset.ns);
    assert_true(difference < NS_PER_S && difference > -NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_and_lengths_add_up),
        cmocka_unit_test(timeval_never_falls_short),
        cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
