/* SPDX-License-Identifier: MIT */
#include "lab/analysis/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS 600

static const size_t one_round[] = {SLOTS};
static const struct slot_layout whole = {one_round, 1, SLOTS};
static const size_t four_rounds[] = {150, 150, 150, 150};
static const struct slot_layout quarters = {four_rounds, 4, SLOTS};

static void fill_noise(double *series, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t i = 0; i < SLOTS; i++)
        series[i] = rng_unit(&rng) - 0.5;
}

/* Each figure is the mean of the noise of so many slots: correlated that far. */
static void smooth(double *series, size_t reach)
{
    for (size_t i = 0; i + reach < SLOTS; i++) {
        double sum = 0;
        for (size_t n = 0; n < reach; n++)
            sum += series[i + n];
        series[i] = sum / (double)reach;
    }
}

static void test_noise_needs_no_blocks(void **state)
{
    double series[SLOTS];
    for (uint64_t seed = 1; seed <= 5; seed++) {
        fill_noise(series, seed);
        assert_true(blocks_length(series, &whole) <= 5);
    }
}

static void test_blocks_grow_with_the_correlation(void **state)
{
    double series[SLOTS];
    fill_noise(series, 1);
    size_t before = blocks_length(series, &whole);
    smooth(series, 15);
    size_t after = blocks_length(series, &whole);
    assert_true(after >= 10 && after > 2 * before);
}

static void test_blocks_stay_within_a_third_of_a_round(void **state)
{
    double series[SLOTS];
    for (size_t i = 0; i < SLOTS; i++)
        series[i] = (double)i;                        /* correlated as far as it reaches */
    assert_true(blocks_length(series, &whole) <= 74); /* three times the root of 600 */
    assert_true(blocks_length(series, &quarters) <= 37);
    memset(series, 0, sizeof(series));
    assert_int_equal(blocks_length(series, &whole), 1);
}

struct counts {
    unsigned times[SLOTS];
};

static void count(void *context, size_t round, size_t size, size_t at, size_t slots)
{
    struct counts *counts = context;
    assert_true(at < size && slots <= size);
    for (size_t i = 0; i < slots; i++)
        counts->times[round + (at + i) % size]++;
}

static void test_every_round_is_drawn_in_its_length(void **state)
{
    struct rng rng;
    rng_init(&rng, 1);
    static struct counts counts;
    for (int n = 0; n < 200; n++) {
        memset(&counts, 0, sizeof(counts));
        blocks_draw(&rng, &quarters, 7, count, &counts);
        for (size_t round = 0; round < 4; round++) {
            unsigned sum = 0;
            for (size_t i = 0; i < 150; i++)
                sum += counts.times[150 * round + i];
            assert_int_equal(sum, 150);
        }
    }
}

static void test_freedom_counts_what_matters(void **state)
{
    double series[SLOTS];
    fill_noise(series, 1);
    assert_true(blocks_freedom(series, &whole, 10) > 30); /* 60 blocks, all alike */
    memset(series, 0, sizeof(series));
    for (size_t i = 0; i < 5; i++)
        series[100 * i + 3] = i % 2 ? 1 : -1; /* five of sixty */
    double freedom = blocks_freedom(series, &whole, 10);
    assert_true(freedom > 7 && freedom < 13);
    memset(series, 0, sizeof(series));
    assert_true(blocks_freedom(series, &whole, 10) == 0);
    assert_int_equal(blocks_count(&quarters, 40), 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noise_needs_no_blocks),
        cmocka_unit_test(test_blocks_grow_with_the_correlation),
        cmocka_unit_test(test_blocks_stay_within_a_third_of_a_round),
        cmocka_unit_test(test_every_round_is_drawn_in_its_length),
        cmocka_unit_test(test_freedom_counts_what_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
