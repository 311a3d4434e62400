/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/dist.h"
#include "lib/base/units.h"

#define MS         1e6
#define SAMPLES    200000
#define KS_SAMPLES 20000
#define PINNED     5

static const struct dist_point quantiles[] = {
    {0.5, {2000000}},
    {0.99, {40000000}},
    {0.999, {300000000}},
};

/* The theoretical distribution functions, over nanoseconds, by libm. */

static double uniform_cdf(double x)
{
    return (x - 1 * MS) / (8 * MS);
}

static double normal_share(double z)
{
    return erfc(-z / sqrt(2)) / 2;
}

static double normal_cdf(double x)
{
    return normal_share((x - 5 * MS) / (1 * MS));
}

static double exponential_cdf(double x)
{
    return 1 - exp(-x / (2 * MS));
}

#define LOGNORMAL_SIGMA (log(20) / 2.3263478740408408)

static double lognormal_cdf(double x)
{
    return normal_share((log(x) - log(2 * MS)) / LOGNORMAL_SIGMA);
}

static double pareto_cdf(double x)
{
    return 1 - pow(1 * MS / x, 3.5);
}

static double quantiles_cdf(double x)
{
    double low = 1 * MS, low_share = 0;
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++) {
        double high = (double)quantiles[i].value.ns;
        if (x < high)
            return low_share + (quantiles[i].share - low_share) * (log(x / low) / log(high / low));
        low = high;
        low_share = quantiles[i].share;
    }
    return 1;
}

/* The mean of values spread geometrically between two ends is their logarithmic mean. */
static double quantiles_mean(void)
{
    double low = 1 * MS, low_share = 0, mean = 0;
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++) {
        double high = (double)quantiles[i].value.ns;
        mean += (quantiles[i].share - low_share) * (high - low) / log(high / low);
        low = high;
        low_share = quantiles[i].share;
    }
    return mean + (1 - low_share) * low;
}

/* Everything that is known about a distribution. */
struct law {
    const char *text; /* NULL = the quantiles above */
    double (*cdf)(double ns);
    double mean, mean_tolerance;
    int64_t pinned[PINNED]; /* the first samples of the seed 2026, recorded once */
};

static const struct law laws[] = {
    {"uniform(1ms,9ms)", uniform_cdf, 5 * MS, 0.01, {4416008, 5912714, 6775678, 7912931, 1241664}},
    {"normal(5ms,1ms)", normal_cdf, 5 * MS, 0.01, {4815985, 5289993, 5588673, 6099002, 3122255}},
    {"exponential(2ms)", exponential_cdf, 2 * MS, 0.01, {1701938, 975230, 651572, 292096, 6999295}},
    {"lognormal(p50=2ms, p99=40ms)",
     lognormal_cdf,
     0,
     0.03,
     {1578041, 2905435, 4268257, 8234860, 178191}},
    {"pareto(1ms,3.5)", pareto_cdf, 1.4 * MS, 0.01, {1275239, 1149490, 1097551, 1042611, 2718008}},
    {NULL, quantiles_cdf, 0, 0.03, {1807508, 4017498, 7769076, 18527568, 1042766}},
};

static double law_mean(const struct law *law)
{
    if (law->cdf == lognormal_cdf)
        return 2 * MS * exp(LOGNORMAL_SIGMA * LOGNORMAL_SIGMA / 2);
    return law->cdf == quantiles_cdf ? quantiles_mean() : law->mean;
}

static struct dist law_dist(const struct law *law)
{
    struct dist dist;
    struct error error;
    enum result result = law->text
                             ? dist_parse(&dist, law->text, &error)
                             : dist_from_quantiles(&dist, quantiles, ARRAY_LEN(quantiles), &error);
    if (result != OK)
        fail_msg("%s", error.text);
    return dist;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorted samples; the caller frees them. */
static double *draw_sorted(const struct law *law, uint64_t seed, size_t count)
{
    struct dist dist = law_dist(law);
    struct rng rng;
    rng_init(&rng, seed);
    double *samples = malloc(count * sizeof(*samples));
    assert_non_null(samples);
    for (size_t i = 0; i < count; i++)
        samples[i] = (double)dist_sample(&dist, &rng).ns;
    qsort(samples, count, sizeof(*samples), compare_doubles);
    return samples;
}

static void means_and_quantiles_are_those_of_theory(void **state)
{
    static const double shares[] = {0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.998};
    for (size_t i = 0; i < ARRAY_LEN(laws); i++) {
        double *samples = draw_sorted(&laws[i], 11, SAMPLES);
        double mean = 0;
        for (size_t j = 0; j < SAMPLES; j++)
            mean += samples[j] / SAMPLES;
        if (fabs(mean / law_mean(&laws[i]) - 1) > laws[i].mean_tolerance)
            fail_msg("law %zu: mean %g instead of %g", i, mean, law_mean(&laws[i]));
        for (size_t j = 0; j < ARRAY_LEN(shares); j++) {
            double share = laws[i].cdf(samples[(size_t)(shares[j] * SAMPLES)]);
            /* Five standard deviations of the share. */
            double tolerance = 5 * sqrt(shares[j] * (1 - shares[j]) / SAMPLES);
            if (fabs(share - shares[j]) > tolerance)
                fail_msg("law %zu: at %g the share is %g", i, shares[j], share);
        }
        free(samples);
    }
}

/* Kolmogorov-Smirnov: the greatest distance between the two distribution functions, which a true
 * sample exceeds in one case out of a hundred. */
static void samples_follow_the_distribution_function(void **state)
{
    const double critical = 1.628 / sqrt(KS_SAMPLES);
    for (size_t i = 0; i < ARRAY_LEN(laws); i++) {
        double *samples = draw_sorted(&laws[i], 12, KS_SAMPLES);
        double greatest = 0;
        /* Values at or above the last quantile are one step of the function, not a slope. */
        double last = laws[i].text ? INFINITY : 300 * MS;
        for (size_t j = 0; j < KS_SAMPLES && samples[j] < last; j++) {
            double share = laws[i].cdf(samples[j]);
            greatest = fmax(greatest, share - (double)j / KS_SAMPLES);
            greatest = fmax(greatest, (double)(j + 1) / KS_SAMPLES - share);
        }
        if (greatest > critical)
            fail_msg("law %zu: distance %g above %g", i, greatest, critical);
        free(samples);
    }
}

static void one_seed_gives_the_same_samples_everywhere(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(laws); i++) {
        struct dist dist = law_dist(&laws[i]);
        struct rng rng;
        rng_init(&rng, 2026);
        for (size_t j = 0; j < PINNED; j++)
            assert_int_equal(dist_sample(&dist, &rng).ns, laws[i].pinned[j]);
    }
}

static void each_sample_takes_one_number(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(laws); i++) {
        struct dist dist = law_dist(&laws[i]);
        struct rng sampled, plain;
        rng_init(&sampled, 5);
        rng_init(&plain, 5);
        for (int j = 0; j < 1000; j++) {
            dist_sample(&dist, &sampled);
            rng_next(&plain);
        }
        assert_memory_equal(&sampled, &plain, sizeof(plain));
    }
}

static struct dist parsed(const char *text)
{
    struct dist dist;
    struct error error;
    if (dist_parse(&dist, text, &error) != OK)
        fail_msg("%s", error.text);
    return dist;
}

static void a_constant_takes_no_number(void **state)
{
    struct dist dist = parsed("5ms");
    struct rng rng = {{1, 2, 3, 4}};
    assert_int_equal(dist.kind, DIST_CONSTANT);
    assert_false(dist_is_zero(&dist));
    assert_int_equal(dist_sample(&dist, &rng).ns, 5 * NS_PER_MS);
    assert_int_equal(rng.s[0], 1);
    dist = dist_constant(duration_us(3));
    assert_int_equal(dist_sample(&dist, &rng).ns, 3000);
}

static void what_falls_below_zero_becomes_zero(void **state)
{
    struct dist dist = parsed("normal(1ms,2ms)");
    struct rng rng;
    rng_init(&rng, 1);
    int zeros = 0;
    for (int i = 0; i < 100000; i++) {
        int64_t ns = dist_sample(&dist, &rng).ns;
        assert_true(ns >= 0);
        zeros += ns == 0;
    }
    assert_in_range(zeros, 30000, 31700); /* the normal share below -1/2: 30.85% */
}

static void no_sample_is_longer_than_the_longest_duration(void **state)
{
    struct dist dist = parsed("pareto(1h,0.01)");
    struct rng rng;
    rng_init(&rng, 1);
    int longest = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t ns = dist_sample(&dist, &rng).ns;
        assert_true(ns >= 3600 * NS_PER_S && ns <= DURATION_LONGEST_NS);
        longest += ns == DURATION_LONGEST_NS;
    }
    assert_true(longest > 100);
}

static void only_zeros_are_recognised(void **state)
{
    static const char *const zeros[] = {
        "0", "0ms", "uniform(0,0)", "normal(0,0)", "exponential(0)", "pareto(0ms,2)"};
    for (size_t i = 0; i < ARRAY_LEN(zeros); i++) {
        struct dist dist = parsed(zeros[i]);
        assert_true(dist_is_zero(&dist));
    }
    static const char *const others[] = {"1ns", "uniform(0,1ms)", "normal(0,1ms)", "normal(1ms,0)"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct dist dist = parsed(others[i]);
        assert_false(dist_is_zero(&dist));
    }
}

static void edges_are_kept(void **state)
{
    struct rng rng;
    rng_init(&rng, 9);
    struct dist same = parsed("uniform(3ms,3ms)");
    struct dist narrow = parsed("lognormal(p50=3ms,p99=3ms)");
    struct dist wide = parsed("uniform(1ms,9ms)");
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(dist_sample(&same, &rng).ns, 3 * NS_PER_MS);
        int64_t ns = dist_sample(&narrow, &rng).ns;
        assert_true(llabs(ns - 3 * NS_PER_MS) <= 1);
        ns = dist_sample(&wide, &rng).ns;
        assert_true(ns >= NS_PER_MS && ns <= 9 * NS_PER_MS);
    }
}

static void wrong_texts_say_what_was_expected(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "expected a duration such as \"5ms\" or a distribution such as \"uniform(1ms,9ms)\""},
        {"5", "\"5\" is not a length of time: expected a duration such as \"5ms\""},
        {"-5ms", "expected a duration such as \"5ms\""},
        {"1e3ms", "expected a duration such as \"5ms\""},
        {"uniform", "expected a duration such as \"5ms\""},
        {"gamma(1ms,2ms)", "expected a duration such as \"5ms\" or one of \"uniform(1ms,9ms)\", "},
        {"(1ms)", "\"(1ms)\" is not a distribution"},
        {"Uniform(1ms,2ms)", "is not a distribution"},
        {"uniform (1ms,2ms)", "is not a distribution"},
        {"uniform(", "expected the smallest and the largest duration"},
        {"uniform()", "expected the smallest and the largest duration"},
        {"uniform(1ms)", "expected the smallest and the largest duration"},
        {"uniform(1ms,2ms", "expected the smallest and the largest duration"},
        {"uniform(1ms,2ms,3ms)", "expected the smallest and the largest duration"},
        {"uniform(1ms,2ms))", "expected the smallest and the largest duration"},
        {"uniform(1ms,2ms) ", "expected the smallest and the largest duration"},
        {"uniform(1ms,)", "such as \"uniform(1ms,9ms)\""},
        {"uniform(9ms,1ms)", "the smallest value is above the largest"},
        {"normal(5ms,-1ms)", "expected the mean and the standard deviation"},
        {"exponential(1ms,2ms)", "expected the mean, such as \"exponential(2ms)\""},
        {"lognormal(2ms,40ms)", "such as \"lognormal(p50=2ms,p99=40ms)\""},
        {"lognormal(p50=2ms,p90=40ms)", "such as \"lognormal(p50=2ms,p99=40ms)\""},
        {"lognormal(p50=4ms,p99=2ms)", "p99 is below p50"},
        {"lognormal(p50=0,p99=2ms)", "p50 must be above zero"},
        {"pareto(1ms,0)", "the shape must be above zero"},
        {"pareto(1ms,-1)", "expected the smallest duration and the shape, a number"},
        {"pareto(1ms,1ms)", "expected the smallest duration and the shape, a number"},
        {"pareto(1ms,nan)", "expected the smallest duration and the shape, a number"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dist dist = {.a = 77};
        struct error error = {""};
        assert_int_equal(dist_parse(&dist, cases[i].text, &error), FAILED_INPUT);
        if (!strstr(error.text, cases[i].expected))
            fail_msg("\"%s\" gives: %s", cases[i].text, error.text);
        assert_true(dist.a == 77);
    }
}

static void long_junk_is_refused(void **state)
{
    char text[4096];
    memset(text, '9', sizeof(text) - 1);
    memcpy(text, "uniform(1ms,", 12);
    memcpy(text + sizeof(text) - 4, "ms)", 4);
    struct dist dist;
    struct error error;
    assert_int_equal(dist_parse(&dist, text, &error), FAILED_INPUT);
    assert_non_null(strstr(error.text, "such as \"uniform(1ms,9ms)\""));
}

static void quantiles_keep_to_their_points(void **state)
{
    struct dist dist;
    struct error error;
    struct rng rng;
    rng_init(&rng, 4);
    assert_int_equal(dist_from_quantiles(&dist, quantiles, ARRAY_LEN(quantiles), &error), OK);
    for (int i = 0; i < 100000; i++) {
        int64_t ns = dist_sample(&dist, &rng).ns;
        assert_true(ns >= 1 * NS_PER_MS && ns <= 300 * NS_PER_MS);
    }

    /* From zero there is no geometric way: straight. */
    static const struct dist_point from_zero[] = {{0.5, {0}}, {0.75, {1000000}}};
    assert_int_equal(dist_from_quantiles(&dist, from_zero, 2, &error), OK);
    int zero = 0, lower = 0, upper = 0, last = 0;
    for (int i = 0; i < 100000; i++) {
        int64_t ns = dist_sample(&dist, &rng).ns;
        zero += ns == 0;
        lower += ns > 0 && ns < 500000;
        upper += ns >= 500000 && ns < 1000000;
        last += ns == 1000000;
    }
    assert_in_range(zero, 49000, 51000);
    assert_in_range(lower, 12000, 13000);
    assert_in_range(upper, 12000, 13000);
    assert_in_range(last, 24000, 26000);
}

static void wrong_quantiles_are_refused(void **state)
{
    static const struct {
        struct dist_point points[2];
        const char *expected;
    } cases[] = {
        {{{0, {1}}, {0.5, {2}}}, "p0 is not a quantile: expected one above p0 and below p100"},
        {{{0.5, {1}}, {1, {2}}}, "p100 is not a quantile"},
        {{{0.5, {1}}, {NAN, {2}}}, "is not a quantile"},
        {{{0.99, {1}}, {0.5, {2}}}, "p50 comes after p99: expected rising quantiles"},
        {{{0.5, {1}}, {0.5, {2}}}, "p50 comes after p50"},
        {{{0.5, {2}}, {0.999, {1}}}, "the value of p99.9 is below that of p50"},
        {{{0.5, {-1}}, {0.9, {1}}}, "quantile 1 is outside the range"},
    };
    struct dist dist;
    struct error error;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(dist_from_quantiles(&dist, cases[i].points, 2, &error), FAILED_INPUT);
        if (!strstr(error.text, cases[i].expected))
            fail_msg("%s", error.text);
    }
    assert_int_equal(dist_from_quantiles(&dist, NULL, 0, &error), FAILED_INPUT);
    assert_string_equal(error.text, "expected at least one quantile");
}

static void a_replay_goes_round(void **state)
{
    static const struct dist_point points[] = {{0, {3}}, {0, {0}}, {0, {5}}};
    static const int64_t expected[] = {3, 0, 5, 3, 0, 5, 3};
    struct dist dist;
    struct error error;
    struct rng rng = {{1, 2, 3, 4}};
    assert_int_equal(dist_from_replay(&dist, points, ARRAY_LEN(points), &error), OK);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(dist_sample(&dist, &rng).ns, expected[i]);
    assert_int_equal(rng.s[0], 1);

    static const struct dist_point wrong[] = {{0, {3}}, {0, {-1}}};
    assert_int_equal(dist_from_replay(&dist, wrong, 2, &error), FAILED_INPUT);
    assert_string_equal(error.text, "value to replay 2 is outside the range: expected a duration "
                                    "from 0 to 10 years");
    assert_int_equal(dist_from_replay(&dist, NULL, 0, &error), FAILED_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_and_quantiles_are_those_of_theory),
        cmocka_unit_test(samples_follow_the_distribution_function),
        cmocka_unit_test(one_seed_gives_the_same_samples_everywhere),
        cmocka_unit_test(each_sample_takes_one_number),
        cmocka_unit_test(a_constant_takes_no_number),
        cmocka_unit_test(what_falls_below_zero_becomes_zero),
        cmocka_unit_test(no_sample_is_longer_than_the_longest_duration),
        cmocka_unit_test(only_zeros_are_recognised),
        cmocka_unit_test(edges_are_kept),
        cmocka_unit_test(wrong_texts_say_what_was_expected),
        cmocka_unit_test(long_junk_is_refused),
        cmocka_unit_test(quantiles_keep_to_their_points),
        cmocka_unit_test(wrong_quantiles_are_refused),
        cmocka_unit_test(a_replay_goes_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
