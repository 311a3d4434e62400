/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "lib/base/hist.h"
#include "lib/base/result.h"
#include "lib/base/rng.h"

#define RANDOM_VALUES 200000

static const double shares[] = {0, 0.001, 0.01, 0.07, 0.1, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1};

/* From 1 us to 1 h, evenly over the orders of magnitude. */
static int64_t random_value(struct rng *rng)
{
    return (int64_t)(1e3 * exp(rng_unit(rng) * log(3.6e9)));
}

static int compare_values(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* By the definition in the header, over all values; counted in whole numbers, per 1000. */
static int64_t exact_quantile(const int64_t *sorted, size_t count, double share)
{
    size_t per_thousand = (size_t)lround(share * 1000);
    size_t rank = (count * per_thousand + 999) / 1000;
    return sorted[rank ? rank - 1 : 0];
}

static void assert_quantiles(const struct hist *hist, const int64_t *sorted, size_t count)
{
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        int64_t exact = exact_quantile(sorted, count, shares[i]);
        int64_t value = hist_quantile(hist, shares[i]).ns;
        if (value < exact || value - exact > exact / 1024)
            fail_msg("at %g: %lld instead of %lld", shares[i], (long long)value, (long long)exact);
    }
}

static void nothing_recorded(void **state)
{
    struct hist *hist = hist_new();
    size_t cursor = 0;
    duration upper;
    uint64_t count;
    assert_int_equal(hist_count(hist), 0);
    assert_int_equal(hist_min(hist).ns, 0);
    assert_int_equal(hist_max(hist).ns, 0);
    assert_int_equal(hist_mean(hist).ns, 0);
    assert_int_equal(hist_quantile(hist, 0.5).ns, 0);
    assert_int_equal(hist_quantile(hist, 1).ns, 0);
    assert_false(hist_next(hist, &cursor, &upper, &count));
    assert_false(hist_next(hist, &cursor, &upper, &count));
    hist_free(&hist);
    assert_null(hist);
    hist_free(&hist);
}

static void one_value_is_kept_exactly(void **state)
{
    struct hist *hist = hist_new();
    hist_record(hist, duration_ns(123456789));
    assert_int_equal(hist_count(hist), 1);
    assert_int_equal(hist_min(hist).ns, 123456789);
    assert_int_equal(hist_max(hist).ns, 123456789);
    assert_int_equal(hist_mean(hist).ns, 123456789);
    for (size_t i = 0; i < ARRAY_LEN(shares); i++)
        assert_int_equal(hist_quantile(hist, shares[i]).ns, 123456789);
    hist_clear(hist);
    assert_int_equal(hist_count(hist), 0);
    assert_int_equal(hist_max(hist).ns, 0);
    assert_int_equal(hist_quantile(hist, 0.5).ns, 0);
    hist_free(&hist);
}

static void known_values_one_to_ten_seconds(void **state)
{
    struct hist *hist = hist_new();
    for (int ms = 1; ms <= 10000; ms++)
        hist_record(hist, duration_ms(ms));
    assert_int_equal(hist_count(hist), 10000);
    assert_int_equal(hist_min(hist).ns, NS_PER_MS);
    assert_int_equal(hist_max(hist).ns, 10 * NS_PER_S);
    assert_int_equal(hist_mean(hist).ns, 5000500000);
    static const struct {
        double share;
        int64_t ms;
    } cases[] = {{0, 1},      {0.0001, 1},  {0.0002, 2},   {0.07, 700},    {0.5, 5000},
                 {0.9, 9000}, {0.99, 9900}, {0.999, 9990}, {0.9999, 9999}, {0.99991, 10000},
                 {1, 10000},  {2, 10000},   {-1, 1},       {NAN, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double value = (double)hist_quantile(hist, cases[i].share).ns;
        double exact = (double)cases[i].ms * 1e6;
        if (fabs(value / exact - 1) > 0.001)
            fail_msg("at %g: %g instead of %g", cases[i].share, value, exact);
    }
    assert_int_equal(hist_quantile(hist, 1).ns, 10 * NS_PER_S);
    hist_free(&hist);
}

static int64_t *random_sorted(uint64_t seed, size_t count, struct hist *hist)
{
    struct rng rng;
    rng_init(&rng, seed);
    int64_t *values = malloc(count * sizeof(*values));
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        values[i] = random_value(&rng);
        hist_record(hist, duration_ns(values[i]));
    }
    qsort(values, count, sizeof(*values), compare_values);
    return values;
}

/* Of every value: its bucket's upper end is not below it, and above it by at most 1/1024. */
static void no_bucket_is_wider_than_three_digits_allow(void **state)
{
    struct hist *hist = hist_new();
    int64_t *sorted = random_sorted(7, RANDOM_VALUES, hist);
    size_t cursor = 0, next = 0;
    duration upper, below = {0};
    uint64_t count;
    while (hist_next(hist, &cursor, &upper, &count)) {
        assert_true(upper.ns > below.ns);
        for (; count > 0; count--, next++) {
            assert_true(next < RANDOM_VALUES);
            assert_true(sorted[next] <= upper.ns);
            assert_true(upper.ns - sorted[next] <= sorted[next] / 1024);
        }
        below = upper;
    }
    assert_int_equal(next, RANDOM_VALUES);
    free(sorted);
    hist_free(&hist);
}

static void quantiles_are_within_a_thousandth_of_the_sorted_values(void **state)
{
    static const size_t counts[] = {1, 2, 3, 10, 99, 100, 101, 1000, 12345, RANDOM_VALUES};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct hist *hist = hist_new();
        int64_t *sorted = random_sorted(i, counts[i], hist);
        assert_quantiles(hist, sorted, counts[i]);
        assert_int_equal(hist_min(hist).ns, sorted[0]);
        assert_int_equal(hist_max(hist).ns, sorted[counts[i] - 1]);
        free(sorted);
        hist_free(&hist);
    }
}

static void assert_same(const struct hist *one, const struct hist *other)
{
    size_t one_cursor = 0, other_cursor = 0;
    duration one_upper, other_upper;
    uint64_t one_count, other_count;
    assert_int_equal(hist_count(one), hist_count(other));
    assert_int_equal(hist_min(one).ns, hist_min(other).ns);
    assert_int_equal(hist_max(one).ns, hist_max(other).ns);
    assert_int_equal(hist_mean(one).ns, hist_mean(other).ns);
    while (hist_next(one, &one_cursor, &one_upper, &one_count)) {
        assert_true(hist_next(other, &other_cursor, &other_upper, &other_count));
        assert_int_equal(one_upper.ns, other_upper.ns);
        assert_int_equal(one_count, other_count);
    }
    assert_false(hist_next(other, &other_cursor, &other_upper, &other_count));
}

static void merging_equals_recording_in_one(void **state)
{
    struct hist *all = hist_new(), *merged = hist_new(), *part = hist_new();
    struct rng rng;
    rng_init(&rng, 3);
    for (int worker = 0; worker < 4; worker++) {
        hist_clear(part);
        for (int i = 0; i < 1000 * worker; i++) {
            duration value = {random_value(&rng)};
            hist_record(part, value);
            hist_record(all, value);
        }
        hist_merge(merged, part);
    }
    assert_same(all, merged);
    hist_clear(part);
    hist_merge(part, all);
    assert_same(all, part);
    hist_free(&all);
    hist_free(&merged);
    hist_free(&part);
}

static void what_lies_outside_is_counted_at_the_ends(void **state)
{
    struct hist *hist = hist_new();
    hist_record(hist, duration_ns(-5));
    hist_record(hist, duration_ns(7));
    hist_record(hist, duration_s(3600));
    hist_record(hist, duration_s(7200));
    hist_record(hist, duration_ns(INT64_MAX));
    assert_int_equal(hist_count(hist), 5);
    assert_int_equal(hist_min(hist).ns, 0);
    assert_int_equal(hist_max(hist).ns, INT64_MAX);

    size_t cursor = 0;
    duration upper;
    uint64_t count;
    assert_true(hist_next(hist, &cursor, &upper, &count));
    assert_int_equal(upper.ns, NS_PER_US);
    assert_int_equal(count, 2);
    assert_true(hist_next(hist, &cursor, &upper, &count));
    assert_true(upper.ns >= 3600 * NS_PER_S && upper.ns < 3604 * NS_PER_S);
    assert_int_equal(count, 3);
    assert_false(hist_next(hist, &cursor, &upper, &count));
    assert_int_equal(hist_quantile(hist, 0.4).ns, NS_PER_US);
    assert_int_equal(hist_quantile(hist, 1).ns, INT64_MAX);
    hist_free(&hist);
}

static void the_sum_does_not_overflow(void **state)
{
    struct hist *hist = hist_new();
    for (int i = 0; i < 10; i++)
        hist_record(hist, duration_ns(INT64_MAX - 1));
    assert_int_equal(hist_mean(hist).ns, INT64_MAX - 1);
    hist_free(&hist);
}

static void quantiles_never_exceed_the_maximum(void **state)
{
    struct hist *hist = hist_new();
    for (int i = 0; i < 100; i++)
        hist_record(hist, duration_ns(7));
    assert_int_equal(hist_quantile(hist, 0.5).ns, 7);
    for (int i = 0; i < 1000; i++)
        hist_record(hist, duration_ns(1000000001));
    assert_int_equal(hist_quantile(hist, 0.5).ns, 1000000001);
    hist_free(&hist);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_recorded),
        cmocka_unit_test(one_value_is_kept_exactly),
        cmocka_unit_test(known_values_one_to_ten_seconds),
        cmocka_unit_test(no_bucket_is_wider_than_three_digits_allow),
        cmocka_unit_test(quantiles_are_within_a_thousandth_of_the_sorted_values),
        cmocka_unit_test(merging_equals_recording_in_one),
        cmocka_unit_test(what_lies_outside_is_counted_at_the_ends),
        cmocka_unit_test(the_sum_does_not_overflow),
        cmocka_unit_test(quantiles_never_exceed_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
