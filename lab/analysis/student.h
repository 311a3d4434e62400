/* SPDX-License-Identifier: MIT */
/* Student's t distribution (Student, "The probable error of a mean", Biometrika 6, 1908): how wide
 * an interval must be when its width itself is estimated. */
#ifndef TAILGATE_LAB_ANALYSIS_STUDENT_H
#define TAILGATE_LAB_ANALYSIS_STUDENT_H

/* The value that a t variable of `freedom` degrees exceeds with probability `tail`, which is above
 * 0 and at most 0.5. `freedom` is positive and need not be whole; a large one gives the normal
 * distribution's value. */
double student_quantile(double tail, double freedom);

/* The value that a normal variable exceeds with probability `tail`, and the other way round. */
double normal_quantile(double tail);
double normal_tail(double value);

#endif
