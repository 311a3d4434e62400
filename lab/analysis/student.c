/* SPDX-License-Identifier: MIT */
#include "lab/analysis/student.h"

#include <math.h>

#define MOST_FREEDOM 1e5 /* beyond it the normal distribution is as near as doubles tell */
#define TINY         1e-300

/* The continued fraction of the incomplete beta function, evaluated by the method of Lentz (1976).
 */
static double beta_fraction(double x, double a, double b)
{
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < TINY ? TINY : d);
    double value = d;
    for (int m = 1; m < 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double step = 1;
        for (int i = 0; i < 2; i++) {
            double term = i == 0 ? even : odd;
            d = 1 + term * d;
            d = 1 / (fabs(d) < TINY ? TINY : d);
            c = 1 + term / c;
            c = fabs(c) < TINY ? TINY : c;
            step = c * d;
            value *= step;
        }
        if (fabs(step - 1) < 1e-14)
            break;
    }
    return value;
}

static double log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* The regularised incomplete beta function. */
static double beta_share(double x, double a, double b)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    if (x > (a + 1) / (a + b + 2)) /* the fraction converges fast on the other side alone */
        return 1 - beta_share(1 - x, b, a);
    double front = log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x);
    return exp(front) * beta_fraction(x, a, b) / a;
}

double normal_tail(double value)
{
    return erfc(value / sqrt(2)) / 2;
}

static double tail_beyond(double t, double freedom)
{
    if (freedom >= MOST_FREEDOM)
        return normal_tail(t);
    return beta_share(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
}

double student_quantile(double tail, double freedom)
{
    double low = 0, high = 1;
    while (tail_beyond(high, freedom) > tail && high < 1e12)
        high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-12 * high; i++) {
        double middle = (low + high) / 2;
        if (tail_beyond(middle, freedom) > tail)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

double normal_quantile(double tail)
{
    return student_quantile(tail, MOST_FREEDOM);
}
