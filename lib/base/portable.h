/* SPDX-License-Identifier: MIT */
/* The few functions behind the distributions, computed with IEEE basic operations, square root and
 * bit work alone: the same result to the last bit on every machine and with every C library, which
 * libm does not promise. Within a few units in the last place of the true value. */
#ifndef TAILGATE_LIB_BASE_PORTABLE_H
#define TAILGATE_LIB_BASE_PORTABLE_H

/* The natural logarithm of a positive, finite, normal number. */
double portable_log(double x);

/* e to the power of x; 0 below the smallest normal number and infinity above the largest. */
double portable_exp(double x);

/* The quantile of the standard normal distribution at a share in (0, 1). */
double portable_normal_quantile(double share);

#endif
