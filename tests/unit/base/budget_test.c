/* SPDX-License-Identifier: MIT */
/* The retry budget: a share of the last ten seconds, and a reserve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/budget.h"

static const mono START = {1000 * NS_PER_S};

static mono at_s(int64_t seconds)
{
    return mono_add(START, duration_ns(seconds * NS_PER_S));
}

static void earn(struct budget *budget, mono now, int requests, double share)
{
    for (int i = 0; i < requests; i++)
        budget_earn(budget, now, share);
}

/* How many retries it still allows at that moment. */
static int spend_all(struct budget *budget, mono now)
{
    int count = 0;
    while (count < 100000 && budget_spend(budget, now, 0.2))
        count++;
    return count;
}

static void has_a_reserve_before_any_request(void **state)
{
    struct budget budget = {0};
    assert_int_equal(spend_all(&budget, START), BUDGET_RESERVE);
}

static void bears_a_burst_of_its_share(void **state)
{
    struct budget budget = {0};
    for (int second = 0; second < 5; second++)
        earn(&budget, at_s(second), 1000, 0.25);
    assert_int_equal(spend_all(&budget, at_s(4)), 1250 + BUDGET_RESERVE);
    earn(&budget, at_s(4), 40, 0.25);
    assert_int_equal(spend_all(&budget, at_s(4)), 10);
}

static void forgets_what_is_older(void **state)
{
    struct budget budget = {0};
    earn(&budget, at_s(0), 100, 1);
    earn(&budget, at_s(3), 50, 1);
    assert_int_equal(spend_all(&budget, at_s(9)), 150 + BUDGET_RESERVE);
    assert_int_equal(spend_all(&budget, at_s(10)), 0); /* the debt is older than the credit */
    assert_int_equal(spend_all(&budget, at_s(18)), 0);
    assert_int_equal(spend_all(&budget, at_s(19)), BUDGET_RESERVE);
    earn(&budget, at_s(20), 7, 1);
    assert_int_equal(spend_all(&budget, at_s(100000)), BUDGET_RESERVE);
}

static void allows_no_more_than_its_share_in_the_long_run(void **state)
{
    struct budget budget = {0};
    int64_t granted = 0, requests = 0;
    for (int64_t ms = 0; ms < 100000; ms++, requests++) {
        mono now = mono_add(START, duration_ms(ms));
        budget_earn(&budget, now, 0.1);
        granted += budget_spend(&budget, now, 0.1);
    }
    assert_in_range(granted, requests / 10 - 10, requests / 10 + 10 * BUDGET_RESERVE + 10);
}

static void gives_none_to_a_share_of_none(void **state)
{
    struct budget budget = {0};
    earn(&budget, START, 100, 1);
    assert_false(budget_spend(&budget, START, 0));
    assert_true(budget_spend(&budget, START, 0.2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_a_reserve_before_any_request),
        cmocka_unit_test(bears_a_burst_of_its_share),
        cmocka_unit_test(forgets_what_is_older),
        cmocka_unit_test(gives_none_to_a_share_of_none),
        cmocka_unit_test(allows_no_more_than_its_share_in_the_long_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
