/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/phases.h"

static mono at(int64_t ms)
{
    return (mono){ms * NS_PER_MS};
}

static int64_t spent_ms(const struct phases *phases, enum timing_phase phase)
{
    return phases->spent.ns[phase] / NS_PER_MS;
}

static void time_goes_into_the_phase_that_was_entered(void **state)
{
    struct phases phases;
    phases_begin(&phases, TIMING_WORK, at(100), duration_ms(0));
    phases_enter(&phases, TIMING_QUEUE, at(103), duration_ms(0));
    phases_enter(&phases, TIMING_LOCK, at(110), duration_ms(0));
    phases_enter(&phases, TIMING_CLEANUP, at(115), duration_ms(0));
    phases_enter(&phases, TIMING_WORK, at(116), duration_ms(0));
    phases_enter(&phases, TIMING_WORK, at(120), duration_ms(0));
    assert_int_equal(spent_ms(&phases, TIMING_QUEUE), 7);
    assert_int_equal(spent_ms(&phases, TIMING_LOCK), 5);
    assert_int_equal(spent_ms(&phases, TIMING_CLEANUP), 1);
    assert_int_equal(spent_ms(&phases, TIMING_WORK), 7);
    assert_int_equal(spent_ms(&phases, TIMING_GC), 0);
}

static void standing_still_counts_as_gc_and_nothing_else(void **state)
{
    struct phases phases;
    /* The process had stood still for 50 ms before the request came: not its concern. */
    phases_begin(&phases, TIMING_WORK, at(100), duration_ms(50));
    phases_enter(&phases, TIMING_QUEUE, at(130), duration_ms(70));
    phases_enter(&phases, TIMING_WORK, at(200), duration_ms(75));
    assert_int_equal(spent_ms(&phases, TIMING_WORK), 10);
    assert_int_equal(spent_ms(&phases, TIMING_QUEUE), 65);
    assert_int_equal(spent_ms(&phases, TIMING_GC), 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_goes_into_the_phase_that_was_entered),
        cmocka_unit_test(standing_still_counts_as_gc_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
