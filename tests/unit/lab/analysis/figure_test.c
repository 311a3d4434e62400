/* SPDX-License-Identifier: MIT */
/* The figures and their intervals, over outcomes that are made up here. */
#include "lab/analysis/figure.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "lib/base/rng.h"

#define PER_ROUND 2000
#define TAIL      0.01

/* Two seconds a round, a request each millisecond; `share` of them fail, each by itself, or in
 * stretches of 50. */
static struct outcomes make(uint64_t seed, size_t rounds, double share, bool stretches)
{
    struct outcomes outcomes = {.count = rounds * PER_ROUND, .round_count = rounds};
    outcomes.items = mem_alloc(outcomes.count, sizeof(*outcomes.items));
    outcomes.rounds = mem_alloc(rounds, sizeof(*outcomes.rounds));
    outcomes.names = mem_alloc(1, sizeof(*outcomes.names));
    outcomes.names[outcomes.name_count++] = mem_text("/");
    struct rng rng;
    rng_init(&rng, seed);
    bool failing = false;
    for (size_t i = 0; i < outcomes.count; i++) {
        if (!stretches || i % 50 == 0)
            failing = rng_unit(&rng) < share;
        outcomes.items[i] = (struct outcome){
            .at = (int64_t)(i % PER_ROUND) * NS_PER_MS,
            .latency = (int64_t)((1 + rng_unit(&rng)) * (double)NS_PER_MS),
            .round = (uint32_t)(i / PER_ROUND),
            .failed = failing,
            .good = !failing,
        };
    }
    for (size_t i = 0; i < rounds; i++)
        outcomes.rounds[i] =
            (struct outcome_round){(int64_t)i, 2 * NS_PER_S, i * PER_ROUND, PER_ROUND};
    return outcomes;
}

struct interval {
    double difference, low, high;
    size_t length;
};

static struct interval interval_of(const struct outcomes *a, const struct outcomes *b,
                                   const struct figure_spec *spec, bool paired)
{
    struct figure one, other;
    struct figure_ranking a_ranking = figure_rank(a, NULL), b_ranking = figure_rank(b, NULL);
    int64_t slot = figure_slot(a, b);
    figure_take(&one, spec, a, &a_ranking, slot);
    figure_take(&other, spec, b, &b_ranking, slot);
    const struct contrast_settings settings = {.seed = 1, .purpose = "test", .paired = paired};
    struct contrast contrast = contrast_measure(&one.side, &other.side, &settings);
    double difference = other.value - one.value;
    struct interval interval = {difference, difference - contrast_reach(&contrast, TAIL, -1),
                                difference + contrast_reach(&contrast, TAIL, 1), contrast.length};
    contrast_free(&contrast);
    figure_free(&one);
    figure_free(&other);
    free(a_ranking.sorted);
    free(b_ranking.sorted);
    return interval;
}

static const struct figure_spec failures = {.kind = FIGURE_FAILURES};

static double width_of(struct interval interval)
{
    return interval.high - interval.low;
}

/* Single failures make the interval of two shares, as a textbook has it. */
static void test_single_failures_give_the_binomial_interval(void **state)
{
    struct outcomes a = make(1, 10, 0.1, false), b = make(2, 10, 0.13, false);
    struct interval interval = interval_of(&a, &b, &failures, false);
    double error = sqrt((0.1 * 0.9 + 0.13 * 0.87) / 20000);
    assert_true(width_of(interval) > 2 * 2.1 * error && width_of(interval) < 2 * 3.0 * error);
    assert_true(interval.low > 0 && interval.low < 0.03 && interval.high > 0.03);
    outcomes_free(&a);
    outcomes_free(&b);
}

/* As many failures in stretches of fifty tell much less. */
static void test_failures_in_stretches_widen_the_interval(void **state)
{
    struct outcomes a = make(4, 10, 0.1, true), b = make(5, 10, 0.1, true);
    struct interval wide = interval_of(&a, &b, &failures, false);
    struct outcomes c = make(1, 10, 0.1, false), d = make(2, 10, 0.1, false);
    struct interval narrow = interval_of(&c, &d, &failures, false);
    assert_true(width_of(wide) > 4 * width_of(narrow));
    assert_true(wide.low < 0 && wide.high > 0);
    outcomes_free(&a);
    outcomes_free(&b);
    outcomes_free(&c);
    outcomes_free(&d);
}

/* What meets both sides at once is no difference. */
static void test_pairs_cancel_what_they_share(void **state)
{
    struct outcomes a = make(1, 10, 0.1, true), b = make(1, 10, 0.1, true);
    struct interval same = interval_of(&a, &b, &failures, true);
    assert_true(same.difference == 0 && width_of(same) == 0);
    for (size_t i = 0; i < b.count; i += 97)
        b.items[i].failed = true;
    struct interval paired = interval_of(&a, &b, &failures, true);
    struct interval apart = interval_of(&a, &b, &failures, false);
    assert_true(paired.low > 0 && apart.low < 0);
    assert_true(width_of(paired) < width_of(apart) / 4);
    outcomes_free(&a);
    outcomes_free(&b);
}

static void test_quantiles(void **state)
{
    struct outcomes a = make(1, 4, 0, false), b = make(2, 4, 0, false);
    for (size_t i = 0; i < b.count; i++)
        b.items[i].latency += NS_PER_MS / 10;
    const double shares[] = {0.5, 0.9, 0.99};
    for (size_t i = 0; i < 3; i++) {
        const struct figure_spec spec = {.kind = FIGURE_QUANTILE, .share = shares[i]};
        struct interval interval = interval_of(&a, &b, &spec, true);
        assert_true(interval.low > 0.05 && interval.low < 0.1);
        assert_true(interval.high > 0.1 && interval.high < 0.15);
    }
    outcomes_free(&a);
    outcomes_free(&b);
}

/* A round that is slower as a whole widens what its blocks alone would say. */
static void test_rounds_that_differ_widen_the_interval(void **state)
{
    const struct figure_spec spec = {.kind = FIGURE_QUANTILE, .share = 0.5};
    struct outcomes a = make(1, 6, 0, false), b = make(2, 6, 0, false);
    struct interval before = interval_of(&a, &b, &spec, true);
    for (size_t i = 0; i < b.count; i++)
        b.items[i].latency += (i / PER_ROUND % 2 ? 1 : -1) * NS_PER_MS / 4;
    struct interval after = interval_of(&a, &b, &spec, true);
    assert_true(width_of(after) > 4 * width_of(before));
    assert_true(after.low < 0 && after.high > 0);
    outcomes_free(&a);
    outcomes_free(&b);
}

static void test_throughput_counts_seconds(void **state)
{
    const struct figure_spec spec = {.kind = FIGURE_THROUGHPUT};
    struct outcomes a = make(1, 3, 0.5, false);
    for (size_t i = 0; i < a.count; i++)
        a.items[i].good = i % 4 != 0;
    struct figure figure;
    figure_take(&figure, &spec, &a, NULL, 7 * NS_PER_MS); /* no whole number of slots */
    assert_true(fabs(figure.value - 750) < 1e-6);
    double seconds = 0;
    for (size_t i = 0; i < figure.side.layout.total; i++)
        seconds += (double)figure.side.cells[2 * i + 1];
    assert_true(fabs(seconds - 6) < 1e-4);
    figure_free(&figure);
    outcomes_free(&a);
}

static void test_same_arrivals(void **state)
{
    struct outcomes a = make(1, 3, 0.1, false), b = make(2, 3, 0.2, false);
    assert_true(outcomes_same_arrivals(&a, &b));
    b.items[77].at++;
    assert_false(outcomes_same_arrivals(&a, &b));
    struct outcomes c = make(1, 2, 0.1, false);
    assert_false(outcomes_same_arrivals(&a, &c));
    outcomes_keep_rounds(&a, &c);
    assert_true(outcomes_same_arrivals(&a, &c));
    outcomes_free(&a);
    outcomes_free(&b);
    outcomes_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_failures_give_the_binomial_interval),
        cmocka_unit_test(test_failures_in_stretches_widen_the_interval),
        cmocka_unit_test(test_pairs_cancel_what_they_share),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_rounds_that_differ_widen_the_interval),
        cmocka_unit_test(test_throughput_counts_seconds),
        cmocka_unit_test(test_same_arrivals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
