/* SPDX-License-Identifier: MIT */
#include "lib/base/portable.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/result.h"

/* Results must not depend on the machine: no extended precision, no fused multiply-add (the
 * makefile says -ffp-contract=off, gcc does not know the pragma), no "fast" mathematics. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
#ifdef __FAST_MATH__
#error "build without -ffast-math: samples would differ from machine to machine"
#endif
_Static_assert(FLT_EVAL_METHOD == 0, "doubles must be computed as doubles; on i386 use -msse2 "
                                     "-mfpmath=sse");

/* ln 2 in two parts: the first ends in enough zero bits that a multiple by an exponent is exact. */
#define LN2_HIGH 0x1.62e42fefa0000p-1
#define LN2_LOW  0x1.cf79abc9e3b3ap-40
#define LN2      0x1.62e42fefa39efp-1

#define EXPONENT_BIAS 1023

static uint64_t to_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* 2 to a power between -1022 and 1023. */
static double power_of_two(int exponent)
{
    return from_bits((uint64_t)(exponent + EXPONENT_BIAS) << 52);
}

static double polynomial(const double *coefficients, size_t count, double x)
{
    double sum = 0;
    while (count--)
        sum = sum * x + coefficients[count];
    return sum;
}

/* x = m * 2^e with m near 1; ln m = 2 artanh((m - 1) / (m + 1)), whose series converges fast. */
double portable_log(double x)
{
    static const double artanh[] = {1.0,        1.0 / 3.0,  1.0 / 5.0,  1.0 / 7.0,
                                    1.0 / 9.0,  1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0,
                                    1.0 / 17.0, 1.0 / 19.0, 1.0 / 21.0, 1.0 / 23.0};
    const uint64_t fraction_bits = (UINT64_C(1) << 52) - 1;
    uint64_t bits = to_bits(x);
    int e = (int)(bits >> 52) - EXPONENT_BIAS;
    double m = from_bits((bits & fraction_bits) | (uint64_t)EXPONENT_BIAS << 52);
    if (m > M_SQRT2) {
        m *= 0.5;
        e++;
    }
    double s = (m - 1.0) / (m + 1.0);
    double log_m = 2.0 * s * polynomial(artanh, ARRAY_LEN(artanh), s * s);
    return e * LN2_HIGH + (e * LN2_LOW + log_m);
}

/* x = k ln 2 + r; e^x = 2^k e^r, with |r| small enough for a short Taylor series. */
double portable_exp(double x)
{
    static const double taylor[] = {1.0,
                                    1.0,
                                    1.0 / 2.0,
                                    1.0 / 6.0,
                                    1.0 / 24.0,
                                    1.0 / 120.0,
                                    1.0 / 720.0,
                                    1.0 / 5040.0,
                                    1.0 / 40320.0,
                                    1.0 / 362880.0,
                                    1.0 / 3628800.0,
                                    1.0 / 39916800.0,
                                    1.0 / 479001600.0,
                                    1.0 / 6227020800.0,
                                    1.0 / 87178291200.0};
    if (x < -708.0)
        return 0.0;
    if (x > 709.0)
        return INFINITY;
    int k = (int)(x / LN2 + (x < 0 ? -0.5 : 0.5));
    double r = (x - k * LN2_HIGH) - k * LN2_LOW;
    double power = polynomial(taylor, ARRAY_LEN(taylor), r);
    /* In two steps: 2^k alone may be too large where the result is not. */
    return power * power_of_two(k / 2) * power_of_two(k - k / 2);
}

/* Rational approximations for the centre, the shoulders and the far tails: algorithm AS 241 (M. J.
 * Wichura, "The percentage points of the normal distribution", Applied Statistics 37, 1988). */
double portable_normal_quantile(double share)
{
    static const double centre_above[] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                          1.9715909503065514427e3, 1.3731693765509461125e4,
                                          4.5921953931549871457e4, 6.7265770927008700853e4,
                                          3.3430575583588128105e4, 2.5090809287301226727e3};
    static const double centre_below[] = {1.0,
                                          4.2313330701600911252e1,
                                          6.8718700749205790830e2,
                                          5.3941960214247511077e3,
                                          2.1213794301586595867e4,
                                          3.9307895800092710610e4,
                                          2.8729085735721942674e4,
                                          5.2264952788528545610e3};
    static const double shoulder_above[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                            5.76949722146069140550e0,  3.64784832476320460504e0,
                                            1.27045825245236838258e0,  2.41780725177450611770e-1,
                                            2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double shoulder_below[] = {1.0,
                                            2.05319162663775882187e0,
                                            1.67638483018380384940e0,
                                            6.89767334985100004550e-1,
                                            1.48103976427480074590e-1,
                                            1.51986665636164571966e-2,
                                            5.47593808499534494600e-4,
                                            1.05075007164441684324e-9};
    static const double tail_above[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                        1.78482653991729133580e0,  2.96560571828504891230e-1,
                                        2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                        2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double tail_below[] = {1.0,
                                        5.99832206555887937690e-1,
                                        1.36929880922735805310e-1,
                                        1.48753612908506148525e-2,
                                        7.86869131145613259100e-4,
                                        1.84631831751005468180e-5,
                                        1.42151175831644588870e-7,
                                        2.04426310338993978564e-15};
    enum { TERMS = ARRAY_LEN(centre_above) };

    double q = share - 0.5;
    if (q >= -0.425 && q <= 0.425) {
        double r = 0.180625 - q * q;
        return q * polynomial(centre_above, TERMS, r) / polynomial(centre_below, TERMS, r);
    }
    double r = sqrt(-portable_log(q < 0 ? share : 1.0 - share));
    double z =
        r <= 5.0 ? polynomial(shoulder_above, TERMS, r - 1.6) /
                       polynomial(shoulder_below, TERMS, r - 1.6)
                 : polynomial(tail_above, TERMS, r - 5.0) / polynomial(tail_below, TERMS, r - 5.0);
    return q < 0 ? -z : z;
}
