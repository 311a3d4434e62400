/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "lib/base/portable.h"
#include "lib/base/result.h"
#include "lib/base/rng.h"

#define TRIES     200000
#define TOLERANCE 1e-12

static void assert_near(double x, double actual, double expected)
{
    if (fabs(actual - expected) > TOLERANCE * fabs(expected))
        fail_msg("at %.17g: %.17g instead of %.17g", x, actual, expected);
}

static double uniform(struct rng *rng, double low, double high)
{
    return low + (high - low) * rng_unit(rng);
}

static void log_agrees_with_libm(void **state)
{
    struct rng rng;
    rng_init(&rng, 1);
    for (int i = 0; i < TRIES; i++) {
        double x = exp(uniform(&rng, -700, 700));
        assert_near(x, portable_log(x), log(x));
        x = uniform(&rng, 0.5, 2); /* where the result is small */
        assert_near(x, portable_log(x), log(x));
        x = 1 + uniform(&rng, -1e-6, 1e-6);
        assert_near(x, portable_log(x), log(x));
    }
    assert_true(portable_log(1) == 0);
    assert_near(DBL_MIN, portable_log(DBL_MIN), log(DBL_MIN));
    assert_near(DBL_MAX, portable_log(DBL_MAX), log(DBL_MAX));
}

static void exp_agrees_with_libm(void **state)
{
    struct rng rng;
    rng_init(&rng, 2);
    for (int i = 0; i < TRIES; i++) {
        double x = uniform(&rng, -707, 709);
        assert_near(x, portable_exp(x), exp(x));
        x = uniform(&rng, -1, 1);
        assert_near(x, portable_exp(x), exp(x));
    }
    assert_true(portable_exp(0) == 1);
    assert_true(portable_exp(-1000) == 0);
    assert_true(portable_exp(-INFINITY) == 0);
    assert_true(isinf(portable_exp(1000)));
    assert_true(isinf(portable_exp(INFINITY)));
}

/* The share below the quantile is the share that was asked for: by the complementary error
 * function, which is exact where the tail is thin. */
static void normal_quantile_inverts_the_distribution(void **state)
{
    struct rng rng;
    rng_init(&rng, 3);
    for (int i = 0; i < TRIES; i++) {
        double share = i % 2 ? uniform(&rng, 0.001, 0.5) : exp(uniform(&rng, -36, -0.7));
        double z = portable_normal_quantile(share);
        double again = erfc(-z / sqrt(2)) / 2;
        /* An error of one in the last place of z grows z^2 times on its way back. */
        if (fabs(again / share - 1) > TOLERANCE)
            fail_msg("at %.17g: quantile %.17g has the share %.17g", share, z, again);
    }
}

static void normal_quantile_has_known_values(void **state)
{
    static const struct {
        double share, z;
    } cases[] = {
        {0.75, 0.67448975019608174},    {0.9, 1.2815515655446004},   {0.975, 1.9599639845400545},
        {0.99, 2.3263478740408408},     {0.999, 3.0902323061678132}, {0.9999, 3.7190164854556804},
        {0x1p-53, -8.2095361516013874},
    };
    assert_true(portable_normal_quantile(0.5) == 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_near(cases[i].share, portable_normal_quantile(cases[i].share), cases[i].z);
}

/* Recorded once, to the last bit: the reason for not using libm. */
static void results_are_the_same_on_every_machine(void **state)
{
    assert_true(portable_log(10) == 0x1.26bb1bbb55516p+1);
    assert_true(portable_log(0.3) == -0x1.34378fcbda721p+0);
    assert_true(portable_exp(1) == 0x1.5bf0a8b14576ap+1);
    assert_true(portable_exp(-12.34) == 0x1.257c2c1ce3704p-18);
    assert_true(portable_normal_quantile(0.3) == -0x1.0c7e39582c5fap-1);
    assert_true(portable_normal_quantile(0.01) == -0x1.29c5c4630ff0ep+1);
    assert_true(portable_normal_quantile(1e-12) == -0x1.c234fba57a32ap+2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_agrees_with_libm),
        cmocka_unit_test(exp_agrees_with_libm),
        cmocka_unit_test(normal_quantile_inverts_the_distribution),
        cmocka_unit_test(normal_quantile_has_known_values),
        cmocka_unit_test(results_are_the_same_on_every_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
