/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chaos/fault/draw.h"

#define ORDINALS 20000

static int touched(uint64_t seed, const char *name, double share)
{
    int count = 0;
    for (uint64_t i = 0; i < ORDINALS; i++)
        count += draw_touches(seed, name, i, share);
    return count;
}

static void none_and_all_are_exact(void **state)
{
    assert_int_equal(touched(7, "slow", 0), 0);
    assert_int_equal(touched(7, "slow", 1), ORDINALS);
}

static void a_share_is_kept(void **state)
{
    static const double shares[] = {0.01, 0.25, 0.5, 0.9};
    for (size_t i = 0; i < 4; i++) {
        /* Six standard deviations of a binomial draw are below 0.022 of the ordinals. */
        double share = (double)touched(7, "slow", shares[i]) / ORDINALS;
        assert_true(share > shares[i] - 0.022 && share < shares[i] + 0.022);
    }
}

static void the_same_seed_touches_the_same(void **state)
{
    int other_seed = 0, other_name = 0;
    for (uint64_t i = 0; i < ORDINALS; i++) {
        bool drawn = draw_touches(7, "link/slow", i, 0.5);
        assert_true(drawn == draw_touches(7, "link/slow", i, 0.5));
        other_seed += drawn != draw_touches(8, "link/slow", i, 0.5);
        other_name += drawn != draw_touches(7, "link/fast", i, 0.5);
    }
    assert_true(other_seed > ORDINALS / 3);
    assert_true(other_name > ORDINALS / 3);
}

static void a_larger_share_touches_those_of_a_smaller_one(void **state)
{
    for (uint64_t i = 0; i < ORDINALS; i++)
        if (draw_touches(7, "slow", i, 0.2))
            assert_true(draw_touches(7, "slow", i, 0.3));
}

static void lengths_have_streams_of_their_own(void **state)
{
    struct rng touch, up, down, next;
    draw_stream(&touch, 7, "slow", 4, DRAW_TOUCH);
    draw_stream(&up, 7, "slow", 4, DRAW_UPSTREAM);
    draw_stream(&down, 7, "slow", 4, DRAW_DOWNSTREAM);
    draw_stream(&next, 7, "slow", 5, DRAW_TOUCH);
    uint64_t drawn[] = {rng_next(&touch), rng_next(&up), rng_next(&down), rng_next(&next)};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = i + 1; j < 4; j++)
            assert_true(drawn[i] != drawn[j]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_and_all_are_exact),
        cmocka_unit_test(a_share_is_kept),
        cmocka_unit_test(the_same_seed_touches_the_same),
        cmocka_unit_test(a_larger_share_touches_those_of_a_smaller_one),
        cmocka_unit_test(lengths_have_streams_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
