/* SPDX-License-Identifier: MIT */
/* The units of the configuration: "250ms", "64KiB", "2000/s", "0.5%". Each parser takes a whole
 * NUL-ended text and returns false when it is not exactly that. */
#ifndef TAILGATE_LIB_BASE_UNITS_H
#define TAILGATE_LIB_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/result.h"

/* A number and one of ns, us, ms, s, m, h ("1.5s", "80us"); "0" alone is allowed. Not negative, at
 * most 10 years. */
bool units_parse_duration(const char *text, duration *out) MUST_USE;

/* A number and one of B, KB, MB, GB (powers of 1000), KiB, MiB, GiB (powers of 1024), or a bare
 * whole number of bytes. */
bool units_parse_size(const char *text, uint64_t *out) MUST_USE;

/* "2000/s", "30/m" or "10/h", as events a second. */
bool units_parse_rate(const char *text, double *out) MUST_USE;

/* "0.5%" as 0.005. May exceed 100% (a heap grows by "100%" or "200%"). */
bool units_parse_share(const char *text, double *out) MUST_USE;

/* "1.5s", "80us": the shortest unit that keeps three digits. Returns `out`. */
const char *units_format_duration(char *out, size_t size, duration value);

/* "64KiB", "1.5MiB". Returns `out`. */
const char *units_format_size(char *out, size_t size, uint64_t bytes);

#endif
