/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab/analysis/ladder.h"

static void add(struct ladder *ladder, int64_t from, int64_t to, int64_t held, enum ladder_end end,
                int64_t done)
{
    const struct ladder_work work = {from, to, held};
    ladder_add_work(ladder, &work, end, done);
}

static void work_behind_its_client_is_for_nobody(void **state)
{
    (void)state;
    struct ladder ladder = {0};
    add(&ladder, 100, 200, 100, LADDER_ANSWERED, 200);
    assert_true(ladder.held == 100 && ladder.in_vain == 0 && ladder.unheard == 0);
    add(&ladder, 100, 200, 100, LADDER_CLIENT, 130); /* 30 of it while it was waited for */
    assert_true(ladder.held == 200 && ladder.in_vain == 100 && ladder.unheard == 70);
    add(&ladder, 100, 200, 20, LADDER_GATEWAY, 130); /* waited in line, and worked last */
    assert_true(ladder.held == 220 && ladder.in_vain == 120 && ladder.unheard == 90);
    add(&ladder, 300, 400, 100, LADDER_CLIENT, 250); /* begun when it had left already */
    assert_true(ladder.in_vain == 220 && ladder.unheard == 190);
    add(&ladder, 100, 200, 100, LADDER_BACKEND, 210); /* gave up while it was waited for */
    assert_true(ladder.in_vain == 320 && ladder.unheard == 190);
}

static void what_comes_behind_an_answer_is_its_client_s(void **state)
{
    (void)state;
    struct ladder ladder = {0};
    add(&ladder, 100, 300, 200, LADDER_ANSWERED, 150);
    assert_true(ladder.held == 200 && ladder.in_vain == 0 && ladder.unheard == 0);
}

static void each_gives_up_before_who_waits_for_it(void **state)
{
    (void)state;
    assert_true(ladder_is_in_order(800, 400, 300));
    assert_false(ladder_is_in_order(800, 400, 400));
    assert_false(ladder_is_in_order(200, 400, 100));
    assert_false(ladder_is_in_order(800, 900, 100));
}

static void ends_are_counted(void **state)
{
    (void)state;
    struct ladder ladder = {0};
    for (int i = 0; i < LADDER_END_COUNT; i++) {
        ladder_add_request(&ladder, (enum ladder_end)i);
        assert_int_equal(ladder.ends[i], 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_behind_its_client_is_for_nobody),
        cmocka_unit_test(what_comes_behind_an_answer_is_its_client_s),
        cmocka_unit_test(each_gives_up_before_who_waits_for_it),
        cmocka_unit_test(ends_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
