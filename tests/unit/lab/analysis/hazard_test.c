/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "lab/analysis/hazard.h"
#include "lib/base/dist.h"
#include "lib/base/memory.h"

#define MEAN 20000000.0

static double drawn(struct rng *rng)
{
    struct dist dist = {.kind = DIST_EXPONENTIAL, .a = MEAN};
    return (double)dist_sample(&dist, rng).ns;
}

static void assert_near(double value, double expected, double most)
{
    if (fabs(value - expected) > most)
        fail_msg("%g is not %g, to %g", value, expected, most);
}

/* The hazard of an exponential wait is its rate, whatever the age. */
static void it_grows_evenly_for_exponential_waits(void **state)
{
    struct hazard hazard = {0};
    struct rng rng;
    rng_init(&rng, 1);
    for (int i = 0; i < 50000; i++)
        hazard_add(&hazard, (int64_t)drawn(&rng), true);
    hazard_fit(&hazard);
    for (double age = MEAN / 10; age < 3 * MEAN; age *= 2)
        assert_near(hazard_between(&hazard, 0, (int64_t)age), age / MEAN, 0.05 * age / MEAN);
    assert_near((double)hazard_median(&hazard), MEAN * log(2), 0.06 * MEAN);
}

/* Waits that are given up early would make it look as if the others ended sooner, or later. */
static void giving_up_leaves_it_as_it_is(void **state)
{
    struct hazard hazard = {0};
    struct rng rng;
    rng_init(&rng, 2);
    for (int i = 0; i < 100000; i++) {
        double age = drawn(&rng), patience = drawn(&rng);
        hazard_add(&hazard, (int64_t)fmin(age, patience), age <= patience);
    }
    hazard_fit(&hazard);
    assert_near(hazard_between(&hazard, 0, (int64_t)MEAN), 1, 0.05);
}

/* As many ends are expected over all waits as there were. */
static void it_expects_what_happened(void **state)
{
    static const char *const kinds[] = {"20ms", "normal(20ms,1ms)", "uniform(1ms,40ms)",
                                        "lognormal(p50=2ms,p99=200ms)"};
    for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        struct hazard hazard = {0};
        struct dist dist;
        struct error error;
        int64_t ages[2000];
        struct rng rng;
        rng_init(&rng, kind);
        assert_int_equal(dist_parse(&dist, kinds[kind], &error), OK);
        for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
            ages[i] = dist_sample(&dist, &rng).ns + (int64_t)rng_below(&rng, 100000);
            hazard_add(&hazard, ages[i], true);
        }
        hazard_fit(&hazard);
        double expected = 0;
        for (size_t i = 0; i < ARRAY_LEN(ages); i++)
            expected += hazard_between(&hazard, 0, ages[i]);
        assert_near(expected, ARRAY_LEN(ages), 0.03 * ARRAY_LEN(ages));
    }
}

static void it_says_nothing_of_ages_that_nobody_reached(void **state)
{
    struct hazard hazard = {0};
    hazard_fit(&hazard);
    assert_true(hazard_between(&hazard, 0, INT64_MAX) == 0);
    assert_int_equal(hazard_median(&hazard), 0);
    hazard_add(&hazard, 1000000, true);
    hazard_add(&hazard, -5, true);
    hazard_fit(&hazard);
    assert_true(hazard_between(&hazard, 2000000, INT64_MAX) == 0);
    assert_true(hazard_between(&hazard, 2000000, 1000000) == 0);
}

/* Ages far beyond hours share the last class. */
static void it_bears_any_age(void **state)
{
    struct hazard hazard = {0};
    hazard_add(&hazard, INT64_MAX, true);
    hazard_add(&hazard, 0, false);
    hazard_fit(&hazard);
    assert_true(isfinite(hazard_between(&hazard, 0, INT64_MAX)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_evenly_for_exponential_waits),
        cmocka_unit_test(giving_up_leaves_it_as_it_is),
        cmocka_unit_test(it_expects_what_happened),
        cmocka_unit_test(it_says_nothing_of_ages_that_nobody_reached),
        cmocka_unit_test(it_bears_any_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
