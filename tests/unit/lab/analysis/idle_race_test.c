/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab/analysis/idle_race.h"
#include "lib/base/result.h"
#include "lib/base/rng.h"

#define MS INT64_C(1000000)

enum { COUNT = 2000 };

/* Uses at every tenth of a millisecond up to 100 ms; those within a window are lost. */
static void fill(struct reuse reuses[COUNT], int64_t from, int64_t to)
{
    for (int64_t i = 0; i < COUNT; i++) {
        int64_t idle = i * MS / 20;
        reuses[COUNT - 1 - i] = (struct reuse){idle, idle >= from && idle < to};
    }
}

static void a_window_gives_a_safe_age_below_it(void **state)
{
    (void)state;
    struct reuse reuses[COUNT];
    struct idle_race race;
    fill(reuses, 40 * MS, 50 * MS);
    idle_race_judge(&race, reuses, COUNT, 0);
    assert_int_equal(race.verdict, IDLE_RACE_SAFE);
    assert_int_equal(race.lost, 200);
    assert_int_equal(race.first_lost, 40 * MS);
    /* 10 ms times 0.05^(-1/199) - 1, which is 1.5 %. */
    assert_in_range(race.margin, 140000, 160000);
    assert_int_equal(race.safe, 39 * MS);
    assert_int_equal(race.below, 39 * 20 + 1);
    assert_true(race.below_most > 0.0038 && race.below_most < 0.0039);
}

static void slack_is_taken_off(void **state)
{
    (void)state;
    struct reuse reuses[COUNT];
    struct idle_race race;
    fill(reuses, 40 * MS, 50 * MS);
    idle_race_judge(&race, reuses, COUNT, 3 * MS);
    assert_int_equal(race.safe, 36 * MS);
}

static void what_is_not_shown_is_not_said(void **state)
{
    (void)state;
    struct reuse reuses[COUNT];
    struct idle_race race;
    idle_race_judge(&race, NULL, 0, 0);
    assert_int_equal(race.verdict, IDLE_RACE_NO_LOSS);
    fill(reuses, 0, 0);
    idle_race_judge(&race, reuses, COUNT, 0);
    assert_int_equal(race.verdict, IDLE_RACE_NO_LOSS);
    assert_int_equal(race.last_kept, 99950000);
    fill(reuses, 40 * MS, 40 * MS + MS / 4);
    idle_race_judge(&race, reuses, COUNT, 0);
    assert_int_equal(race.lost, 5);
    assert_int_equal(race.verdict, IDLE_RACE_FEW_LOST);
    fill(reuses, 10 * MS, 90 * MS);
    idle_race_judge(&race, reuses, COUNT, 0);
    assert_int_equal(race.verdict, IDLE_RACE_EVERYWHERE);
    /* Nobody was idle for less than 39.5 ms. */
    fill(reuses, 40 * MS, 50 * MS);
    idle_race_judge(&race, reuses, COUNT - 790, 0);
    assert_int_equal(race.verdict, IDLE_RACE_UNTRIED);
}

/* The lower end of a window is below what is said in at most 5 of 100 samples. */
static void the_margin_covers_the_window(void **state)
{
    (void)state;
    struct rng rng;
    int missed = 0;
    rng_init_stream(&rng, 7, "window", 0);
    for (int round = 0; round < 2000; round++) {
        struct reuse reuses[10];
        struct idle_race race;
        for (size_t i = 0; i < ARRAY_LEN(reuses); i++)
            reuses[i] = (struct reuse){40 * MS + (int64_t)(rng_unit(&rng) * 10e6), true};
        idle_race_judge(&race, reuses, ARRAY_LEN(reuses), 0);
        missed += race.first_lost - race.margin > 40 * MS;
    }
    assert_in_range(missed, 70, 130);
}

static void classes_are_round_and_hold_all(void **state)
{
    (void)state;
    struct reuse reuses[COUNT];
    struct idle_race race;
    struct idle_race_class classes[IDLE_RACE_CLASSES];
    fill(reuses, 40 * MS, 50 * MS);
    idle_race_judge(&race, reuses, COUNT, 0);
    size_t count = idle_race_classify(classes, reuses, COUNT), reused = 0, lost = 0;
    assert_int_equal(classes[0].to, 2 * MS);
    for (size_t i = 0; i < count; i++) {
        reused += classes[i].reuses;
        lost += classes[i].lost;
        assert_int_equal(classes[i].lost, i >= 20 && i < 25 ? 40 : 0);
    }
    assert_int_equal(reused, COUNT);
    assert_int_equal(lost, 200);
    assert_int_equal(classes[count - 1].to, 99950000);
    assert_int_equal(idle_race_classify(classes, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_gives_a_safe_age_below_it),
        cmocka_unit_test(slack_is_taken_off),
        cmocka_unit_test(what_is_not_shown_is_not_said),
        cmocka_unit_test(the_margin_covers_the_window),
        cmocka_unit_test(classes_are_round_and_hold_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
