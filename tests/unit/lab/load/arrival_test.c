/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/load/arrival.h"

static struct request_spec requests[] = {
    {.get = "/a", .weight = 9},
    {.post = "/b", .body = 1024, .weight = 1},
};

static struct load_spec load_of(enum arrival_kind kind, double rate)
{
    return (struct load_spec){
        .rate = rate,
        .arrivals = kind,
        .warmup = duration_s(2),
        .duration = duration_s(10),
        .requests = {requests, ARRAY_LEN(requests)},
    };
}

static void assert_same(const struct arrivals *a, const struct arrivals *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->items[i].at.ns, b->items[i].at.ns);
        assert_int_equal(a->items[i].request, b->items[i].request);
    }
}

static void one_seed_and_round_give_one_schedule(void **state)
{
    struct load_spec load = load_of(ARRIVALS_POISSON, 1000);
    struct arrivals first, again, round, seed;
    arrivals_draw(&first, &load, 7, 0);
    arrivals_draw(&again, &load, 7, 0);
    arrivals_draw(&round, &load, 7, 1);
    arrivals_draw(&seed, &load, 8, 0);
    assert_same(&first, &again);
    assert_int_not_equal(first.items[0].at.ns, round.items[0].at.ns);
    assert_int_not_equal(first.items[0].at.ns, seed.items[0].at.ns);
    arrivals_free(&first);
    arrivals_free(&again);
    arrivals_free(&round);
    arrivals_free(&seed);
}

static void other_weights_leave_the_moments_alone(void **state)
{
    struct load_spec load = load_of(ARRIVALS_POISSON, 500);
    struct request_spec even[] = {{.get = "/a", .weight = 1}, {.get = "/b", .weight = 1}};
    struct arrivals nine, one;
    arrivals_draw(&nine, &load, 7, 0);
    load.requests.items = even;
    arrivals_draw(&one, &load, 7, 0);
    assert_int_equal(nine.count, one.count);
    for (size_t i = 0; i < nine.count; i++)
        assert_int_equal(nine.items[i].at.ns, one.items[i].at.ns);
    arrivals_free(&nine);
    arrivals_free(&one);
}

/* 3 a second do not divide a second: the n-th arrival is where n says, without a drift. */
static void constant_arrivals_are_evenly_spaced(void **state)
{
    struct load_spec load = load_of(ARRIVALS_CONSTANT, 3);
    struct arrivals arrivals;
    arrivals_draw(&arrivals, &load, 7, 0);
    assert_int_equal(arrivals.count, 36);
    for (size_t i = 0; i < arrivals.count; i++) {
        int64_t exact = (int64_t)(i * UINT64_C(1000000000) / 3) - 2 * NS_PER_S;
        int64_t off = arrivals.items[i].at.ns - exact;
        assert_true(off >= 0 && off <= 1);
    }
    assert_int_equal(arrivals.items[3].at.ns, -NS_PER_S);
    arrivals_free(&arrivals);
}

static void arrivals_rise_and_keep_to_the_load(void **state)
{
    struct load_spec load = load_of(ARRIVALS_POISSON, 2000);
    struct arrivals arrivals;
    arrivals_draw(&arrivals, &load, 11, 3);
    for (size_t i = 0; i < arrivals.count; i++) {
        assert_true(arrivals.items[i].at.ns >= -load.warmup.ns);
        assert_true(arrivals.items[i].at.ns < load.duration.ns);
        if (i > 0)
            assert_true(arrivals.items[i].at.ns >= arrivals.items[i - 1].at.ns);
    }
    arrivals_free(&arrivals);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The Kolmogorov-Smirnov distance of the gaps from an exponential distribution: at 24,000 gaps a
 * true one exceeds 1.95 / sqrt(n) once in a thousand. The seed is fixed: it does not. */
static void poisson_gaps_are_exponential(void **state)
{
    static double gaps[40000];
    struct load_spec load = load_of(ARRIVALS_POISSON, 2000);
    struct arrivals arrivals;
    arrivals_draw(&arrivals, &load, 5, 0);
    size_t n = arrivals.count - 1;
    assert_true(n > 23000 && n < 25000);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        gaps[i] = (double)(arrivals.items[i + 1].at.ns - arrivals.items[i].at.ns) / 1e9;
        sum += gaps[i];
    }
    assert_true(fabs(sum / (double)n * 2000 - 1) < 0.02);
    qsort(gaps, n, sizeof(gaps[0]), compare);
    double distance = 0;
    for (size_t i = 0; i < n; i++) {
        double share = 1 - exp(-gaps[i] * 2000);
        distance = fmax(distance, fabs(share - (double)i / (double)n));
        distance = fmax(distance, fabs(share - (double)(i + 1) / (double)n));
    }
    assert_true(distance < 1.95 / sqrt((double)n));
    arrivals_free(&arrivals);
}

static void requests_are_chosen_by_weight(void **state)
{
    struct load_spec load = load_of(ARRIVALS_CONSTANT, 2000);
    struct arrivals arrivals;
    size_t chosen[2] = {0};
    arrivals_draw(&arrivals, &load, 7, 0);
    for (size_t i = 0; i < arrivals.count; i++)
        chosen[arrivals.items[i].request]++;
    double share = (double)chosen[1] / (double)arrivals.count;
    assert_true(share > 0.09 && share < 0.11);
    arrivals_free(&arrivals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_and_round_give_one_schedule),
        cmocka_unit_test(other_weights_leave_the_moments_alone),
        cmocka_unit_test(constant_arrivals_are_evenly_spaced),
        cmocka_unit_test(arrivals_rise_and_keep_to_the_load),
        cmocka_unit_test(poisson_gaps_are_exponential),
        cmocka_unit_test(requests_are_chosen_by_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
