/* SPDX-License-Identifier: MIT */
/* The units of the configuration: "250ms", "64KiB", "2000/s", "0.5%". Each parser takes a whole
 * NUL-ended text and returns false, leaving `out` alone, when it is not exactly that. Numbers are
 * written "12" or "12.5": no sign, no exponent, no locale. A fraction is rounded to the nearest
 * nanosecond or byte; "1.5ns" and "0.5B" are refused, and so is what would become nothing. */
#ifndef TAILGATE_LIB_BASE_UNITS_H
#define TAILGATE_LIB_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/result.h"

/* The longest length of time that is read or drawn: 10 years. */
#define DURATION_LONGEST_NS (INT64_C(87660) * 3600 * NS_PER_S)

/* A number and one of ns, us, ms, s, m, h ("1.5s", "80us"); "0" alone is allowed. Not negative, at
 * most 10 years. */
bool units_parse_duration(const char *text, duration *out) MUST_USE;

/* The same of so many bytes, which need not be the whole text; a bare number counts `unit`s. */
bool units_parse_duration_in(const char *text, size_t length, const char *unit,
                             duration *out) MUST_USE;

/* A number and one of B, KB, MB, GB (powers of 1000), KiB, MiB, GiB (powers of 1024), or a bare
 * whole number of bytes. */
bool units_parse_size(const char *text, uint64_t *out) MUST_USE;

/* "2000/s", "30/m" or "10/h", as events a second. */
bool units_parse_rate(const char *text, double *out) MUST_USE;

/* "0.5%" as 0.005. May exceed 100% (a heap grows by "100%" or "200%"). */
bool units_parse_share(const char *text, double *out) MUST_USE;

/* A bare number: "1.5". */
bool units_parse_number(const char *text, double *out) MUST_USE;

/* "1.5s", "80us": the shortest unit that keeps three digits. Returns `out`. */
const char *units_format_duration(char *out, size_t size, duration value);

/* "64KiB", "1.5MiB". Returns `out`. */
const char *units_format_size(char *out, size_t size, uint64_t bytes);

#endif
