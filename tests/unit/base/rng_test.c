/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/result.h"
#include "lib/base/rng.h"

static void assert_stream(struct rng *rng, const uint64_t *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true(rng_next(rng) == expected[i]);
}

/* The outputs that the authors' splitmix64 gives for this seed. */
static void is_seeded_by_splitmix64(void **state)
{
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973), UINT64_C(9817491932198370423),
        UINT64_C(4593380528125082431)};
    struct rng rng;
    rng_init(&rng, 1234567);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_true(rng.s[i] == expected[i]);
}

/* The outputs that the authors' xoshiro256++ gives for the state 1, 2, 3, 4. */
static void is_xoshiro256plusplus(void **state)
{
    static const uint64_t expected[] = {
        UINT64_C(41943041),
        UINT64_C(58720359),
        UINT64_C(3588806011781223),
        UINT64_C(3591011842654386),
        UINT64_C(9228616714210784205),
        UINT64_C(9973669472204895162),
        UINT64_C(14011001112246962877),
        UINT64_C(12406186145184390807),
        UINT64_C(15849039046786891736),
        UINT64_C(10450023813501588000),
    };
    struct rng rng = {{1, 2, 3, 4}};
    assert_stream(&rng, expected, ARRAY_LEN(expected));
}

/* Recorded once: whoever changes them changes the arrivals and faults of every experiment. */
static void gives_the_same_stream_for_ever(void **state)
{
    static const uint64_t seeded[] = {UINT64_C(437095814655224680), UINT64_C(8127161015984454572),
                                      UINT64_C(18128670339019551454)};
    static const uint64_t named[] = {UINT64_C(8781730049750401306), UINT64_C(17109869952794897990),
                                     UINT64_C(6715549113001955704)};
    struct rng rng;
    rng_init(&rng, 1234567);
    assert_stream(&rng, seeded, ARRAY_LEN(seeded));
    rng_init_stream(&rng, 7, "gc", 3);
    assert_stream(&rng, named, ARRAY_LEN(named));
}

static int bits_that_differ(uint64_t seed, const char *purpose, uint64_t index)
{
    struct rng one, other;
    rng_init_stream(&one, 7, "gc", 3);
    rng_init_stream(&other, seed, purpose, index);
    int count = 0;
    for (int i = 0; i < 16; i++)
        count += __builtin_popcountll(rng_next(&one) ^ rng_next(&other));
    return count;
}

/* Half of the 1024 bits, give or take six standard deviations. */
static void streams_are_independent(void **state)
{
    assert_int_equal(bits_that_differ(7, "gc", 3), 0);
    assert_in_range(bits_that_differ(8, "gc", 3), 416, 608);
    assert_in_range(bits_that_differ(7, "gd", 3), 416, 608);
    assert_in_range(bits_that_differ(7, "gc", 4), 416, 608);
    assert_in_range(bits_that_differ(3, "gc", 7), 416, 608);
    assert_in_range(bits_that_differ(7, "", 3), 416, 608);
    assert_in_range(bits_that_differ(6, "gc", 2), 416, 608);
}

/* The first draws of neighbouring streams must be as good as one stream's draws: every occurrence
 * of a schedule takes the first draw of a stream of its own. */
static void neighbouring_streams_look_random(void **state)
{
    enum { CELLS = 100, DRAWS = 100000 };
    int seen[CELLS] = {0};
    double mean = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct rng rng;
        rng_init_stream(&rng, 1, "pause", i);
        double unit = rng_unit(&rng);
        mean += unit / DRAWS;
        seen[(int)(unit * CELLS)]++;
    }
    assert_true(mean > 0.495 && mean < 0.505);
    double chi_square = 0;
    for (int i = 0; i < CELLS; i++)
        chi_square += (seen[i] - 1000.0) * (seen[i] - 1000.0) / 1000.0;
    /* 99 degrees of freedom: both ends are beyond one in ten thousand. */
    assert_true(chi_square > 54 && chi_square < 160);
}

static void unit_is_below_one(void **state)
{
    struct rng rng;
    rng_init(&rng, 42);
    assert_true(rng_unit(&rng) == 0x1.a0ec9a9e88ecdp-1);
    double least = 1, most = 0;
    for (int i = 0; i < 1000000; i++) {
        double unit = rng_unit(&rng);
        least = unit < least ? unit : least;
        most = unit > most ? unit : most;
    }
    assert_true(least >= 0 && least < 1e-4);
    assert_true(most < 1 && most > 1 - 1e-4);
}

static void below_has_no_bias(void **state)
{
    struct rng rng;
    rng_init(&rng, 42);
    assert_int_equal(rng_below(&rng, 1), 0);
    int seen[7] = {0};
    for (int i = 0; i < 70000; i++)
        seen[rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 9600, 10400);

    /* With this bound a plain remainder would give the lower half twice as often as the upper. */
    const uint64_t bound = UINT64_C(3) << 62;
    int lower = 0;
    for (int i = 0; i < 30000; i++) {
        uint64_t x = rng_below(&rng, bound);
        assert_true(x < bound);
        lower += x < bound / 3;
    }
    assert_in_range(lower, 9600, 10400);
    assert_true(rng_below(&rng, UINT64_MAX) < UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_seeded_by_splitmix64),
        cmocka_unit_test(is_xoshiro256plusplus),
        cmocka_unit_test(gives_the_same_stream_for_ever),
        cmocka_unit_test(streams_are_independent),
        cmocka_unit_test(neighbouring_streams_look_random),
        cmocka_unit_test(unit_is_below_one),
        cmocka_unit_test(below_has_no_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
