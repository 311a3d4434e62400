/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "chaos/fault/schedule.h"
#include "lib/base/units.h"

#define MOST 2000

static struct dist dist(const char *text)
{
    struct dist made;
    struct error error;
    if (dist_parse(&made, text, &error) != OK)
        fail_msg("%s", error.text);
    return made;
}

static struct schedule schedule(const char *every, const char *lasting)
{
    struct schedule made = {
        .seed = 7,
        .name = "gc",
        .from = duration_s(3),
        .until = duration_s(8),
        .every = dist(every),
        .lasting = dist(lasting),
    };
    schedule_rewind(&made);
    return made;
}

static size_t collect(struct schedule *schedule, struct occurrence *out)
{
    size_t count = 0;
    while (count < MOST && schedule_next(schedule, &out[count]))
        count++;
    return count;
}

static void assert_same(const struct occurrence *a, const struct occurrence *b)
{
    assert_int_equal(a->ordinal, b->ordinal);
    assert_int_equal(a->at.ns, b->at.ns);
    assert_int_equal(a->lasting.ns, b->lasting.ns);
}

static void constant_intervals_are_kept(void **state)
{
    struct schedule pauses = schedule("1s", "80ms");
    struct occurrence seen[MOST];
    assert_int_equal(collect(&pauses, seen), 5);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(seen[i].ordinal, i);
        assert_int_equal(seen[i].at.ns, (int64_t)(3 + i) * NS_PER_S);
        assert_int_equal(seen[i].lasting.ns, 80 * NS_PER_MS);
    }
    assert_false(schedule_next(&pauses, &seen[0]));
}

static void nothing_starts_outside_from_and_until(void **state)
{
    struct schedule pauses = schedule("exponential(20ms)", "exponential(5ms)");
    struct occurrence seen[MOST];
    size_t count = collect(&pauses, seen);
    assert_in_range(count, 100, 400);
    assert_int_equal(seen[0].at.ns, 3 * NS_PER_S);
    for (size_t i = 0; i < count; i++)
        assert_true(seen[i].at.ns >= 3 * NS_PER_S && seen[i].at.ns < 8 * NS_PER_S);

    pauses.from = pauses.until;
    schedule_rewind(&pauses);
    assert_int_equal(collect(&pauses, seen), 0);
}

static void count_limits(void **state)
{
    struct schedule pauses = schedule("1s", "80ms");
    struct occurrence seen[MOST];
    pauses.count = 2;
    assert_int_equal(collect(&pauses, seen), 2);
    pauses.count = 50;
    schedule_rewind(&pauses);
    assert_int_equal(collect(&pauses, seen), 5);
}

static void every_zero_is_once(void **state)
{
    struct schedule pauses = schedule("0", "80ms");
    struct occurrence seen[MOST];
    pauses.until = duration_ns(0);
    assert_int_equal(collect(&pauses, seen), 1);
    assert_int_equal(seen[0].at.ns, 3 * NS_PER_S);
    schedule_rewind(&pauses);
    assert_int_equal(collect(&pauses, seen), 1);
    pauses.every = dist("uniform(0ms,0ms)");
    schedule_rewind(&pauses);
    assert_int_equal(collect(&pauses, seen), 1);
}

static void what_is_drawn_near_zero_is_bounded(void **state)
{
    static const char *const tiny[] = {"uniform(0ms,1us)", "exponential(1us)", "pareto(1ns,1)"};
    struct occurrence seen[MOST];
    for (size_t i = 0; i < ARRAY_LEN(tiny); i++) {
        struct schedule pauses = schedule(tiny[i], "1ns");
        assert_int_equal(collect(&pauses, seen), MOST);
        for (size_t j = 1; j < MOST; j++)
            assert_true(seen[j].at.ns - seen[j - 1].at.ns >= SCHEDULE_EVERY_LEAST.ns);
    }
}

static void without_until_it_goes_on(void **state)
{
    struct schedule pauses = schedule("1h", "80ms");
    struct occurrence seen[MOST];
    pauses.until = duration_ns(0);
    assert_int_equal(collect(&pauses, seen), MOST);

    /* To the longest duration, and not into an overflow. */
    pauses = schedule("pareto(40000h,0.01)", "0");
    pauses.until = duration_ns(0);
    size_t count = collect(&pauses, seen);
    assert_in_range(count, 1, 3);
    assert_true(seen[count - 1].at.ns < DURATION_LONGEST_NS);
}

static void the_next_waits_for_the_end_of_the_one_before(void **state)
{
    struct schedule pauses = schedule("100ms", "250ms");
    struct occurrence seen[MOST];
    assert_int_equal(collect(&pauses, seen), 20);
    assert_int_equal(seen[1].at.ns - seen[0].at.ns, 250 * NS_PER_MS);

    pauses = schedule("uniform(0ms,20ms)", "uniform(0ms,20ms)");
    size_t count = collect(&pauses, seen);
    int delayed = 0;
    for (size_t i = 1; i < count; i++) {
        int64_t end = seen[i - 1].at.ns + seen[i - 1].lasting.ns;
        assert_true(seen[i].at.ns >= end);
        delayed += seen[i].at.ns == end;
    }
    assert_in_range(delayed, count / 3, 2 * count / 3);
}

static void one_seed_gives_the_same_occurrences(void **state)
{
    struct schedule one = schedule("exponential(20ms)", "lognormal(p50=4ms,p99=30ms)");
    struct schedule other = one;
    struct occurrence first[MOST], second[MOST];
    size_t count = collect(&one, first);
    assert_int_equal(collect(&other, second), count);
    for (size_t i = 0; i < count; i++)
        assert_same(&first[i], &second[i]);
    schedule_rewind(&one);
    assert_int_equal(collect(&one, second), count);
    for (size_t i = 0; i < count; i++)
        assert_same(&first[i], &second[i]);
}

/* How many of the first occurrences begin or last alike. */
static int alike(struct schedule one, struct schedule other)
{
    int count = 0;
    schedule_rewind(&one);
    schedule_rewind(&other);
    for (int i = 0; i < 50; i++) {
        struct occurrence a, b;
        assert_true(schedule_next(&one, &a));
        assert_true(schedule_next(&other, &b));
        count += i > 0 && a.at.ns == b.at.ns;
        count += a.lasting.ns == b.lasting.ns;
    }
    return count;
}

static void other_seeds_and_names_give_others(void **state)
{
    struct schedule one = schedule("exponential(20ms)", "exponential(5ms)");
    struct schedule other = one;
    assert_int_equal(alike(one, other), 99);
    other.seed = 8;
    assert_int_equal(alike(one, other), 0);
    other = one;
    other.name = "cg";
    assert_int_equal(alike(one, other), 0);
}

static void intervals_and_lengths_are_drawn_apart(void **state)
{
    struct schedule pauses = schedule("uniform(10ms,20ms)", "uniform(0ms,10ms)");
    struct schedule longer = schedule("uniform(10ms,20ms)", "uniform(5ms,10ms)");
    struct occurrence seen[MOST], other[MOST];
    size_t count = collect(&pauses, seen);
    assert_int_equal(collect(&longer, other), count);
    int equal = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        /* Other lengths leave the starts where they were. */
        assert_int_equal(seen[i].at.ns, other[i].at.ns);
        equal += seen[i + 1].at.ns - seen[i].at.ns - 10 * NS_PER_MS == seen[i].lasting.ns;
    }
    assert_int_equal(equal, 0);
}

static void schedules_do_not_disturb_one_another(void **state)
{
    struct schedule a = schedule("exponential(20ms)", "exponential(5ms)");
    struct schedule b = schedule("exponential(30ms)", "exponential(5ms)");
    b.name = "other";
    struct occurrence a_alone[MOST], b_alone[MOST];
    size_t count = collect(&a, a_alone);
    collect(&b, b_alone);
    schedule_rewind(&a);
    schedule_rewind(&b);
    for (size_t i = 0; i < count / 2; i++) {
        struct occurrence mixed;
        if (i % 3 == 0) {
            assert_true(schedule_next(&b, &mixed));
            assert_same(&mixed, &b_alone[i / 3]);
        }
        assert_true(schedule_next(&a, &mixed));
        assert_same(&mixed, &a_alone[i]);
    }
}

static void a_replay_depends_on_the_ordinal_alone(void **state)
{
    static const struct dist_point points[] = {{0, {1000000}}, {0, {2000000}}, {0, {3000000}}};
    struct error error;
    struct schedule pauses = schedule("1s", "0");
    assert_int_equal(dist_from_replay(&pauses.lasting, points, 3, &error), OK);
    struct occurrence seen[MOST];
    for (int round = 0; round < 2; round++) {
        schedule_rewind(&pauses);
        assert_int_equal(collect(&pauses, seen), 5);
        for (int i = 0; i < 5; i++)
            assert_int_equal(seen[i].lasting.ns, (i % 3 + 1) * NS_PER_MS);
    }
}

/* Recorded once: whoever changes them changes the faults of every experiment. */
static void occurrences_are_the_same_for_ever(void **state)
{
    struct schedule pauses = schedule("exponential(1s)", "lognormal(p50=40ms,p99=300ms)");
    static const struct occurrence expected[] = {
        {0, {3000000000}, {78493877}},
        {1, {3313362515}, {64734970}},
        {2, {4055576964}, {23322558}},
    };
    struct occurrence seen[MOST];
    assert_true(collect(&pauses, seen) >= 3);
    for (size_t i = 0; i < 3; i++)
        assert_same(&seen[i], &expected[i]);
}

static void entries_are_replayed(void **state)
{
    static const struct schedule_entry entries[] = {
        {{100 * NS_PER_MS}, {20 * NS_PER_MS}},
        {{200 * NS_PER_MS}, {50 * NS_PER_MS}},
    };
    struct schedule pauses = {.from = duration_s(1), .entries = entries, .entry_count = 2};
    struct occurrence seen[MOST];
    schedule_rewind(&pauses);
    assert_int_equal(collect(&pauses, seen), 2);
    assert_int_equal(seen[0].at.ns, 1100 * NS_PER_MS);
    assert_int_equal(seen[0].lasting.ns, 20 * NS_PER_MS);
    assert_int_equal(seen[1].ordinal, 1);
    assert_int_equal(seen[1].at.ns, 1200 * NS_PER_MS);

    /* They begin again 100 ms behind the end of the last. */
    pauses.loops = true;
    pauses.count = 4;
    schedule_rewind(&pauses);
    assert_int_equal(collect(&pauses, seen), 4);
    assert_int_equal(seen[2].at.ns, 1350 * NS_PER_MS);
    assert_int_equal(seen[2].lasting.ns, 20 * NS_PER_MS);
    assert_int_equal(seen[3].at.ns, 1450 * NS_PER_MS);

    pauses.count = 0;
    pauses.until = duration_ms(1450);
    schedule_rewind(&pauses);
    assert_int_equal(collect(&pauses, seen), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_intervals_are_kept),
        cmocka_unit_test(nothing_starts_outside_from_and_until),
        cmocka_unit_test(count_limits),
        cmocka_unit_test(every_zero_is_once),
        cmocka_unit_test(what_is_drawn_near_zero_is_bounded),
        cmocka_unit_test(without_until_it_goes_on),
        cmocka_unit_test(the_next_waits_for_the_end_of_the_one_before),
        cmocka_unit_test(one_seed_gives_the_same_occurrences),
        cmocka_unit_test(other_seeds_and_names_give_others),
        cmocka_unit_test(intervals_and_lengths_are_drawn_apart),
        cmocka_unit_test(schedules_do_not_disturb_one_another),
        cmocka_unit_test(a_replay_depends_on_the_ordinal_alone),
        cmocka_unit_test(occurrences_are_the_same_for_ever),
        cmocka_unit_test(entries_are_replayed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
