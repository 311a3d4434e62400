/* SPDX-License-Identifier: MIT */
#include "lib/base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* No written duration is longer. */
#define LONGEST_DURATION 64

#define LARGEST_SCALE 19 /* 10^19 is the highest power of ten in 64 bits */

__extension__ typedef unsigned __int128 wide;

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit durations[] = {
    {"h", 3600 * (uint64_t)NS_PER_S}, {"m", 60 * (uint64_t)NS_PER_S}, {"s", (uint64_t)NS_PER_S},
    {"ms", (uint64_t)NS_PER_MS},      {"us", (uint64_t)NS_PER_US},    {"ns", 1},
};

static const struct unit sizes[] = {
    {"GiB", UINT64_C(1) << 30},
    {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10},
    {"B", 1},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"KB", 1000},
};

#define BINARY_SIZES 4 /* the first ones, with which sizes are written */

/* Seconds. */
static const struct unit periods[] = {{"/s", 1}, {"/m", 60}, {"/h", 3600}};

/* digits / 10^scale, exactly what was written. */
struct decimal {
    uint64_t digits;
    unsigned scale;
};

static uint64_t power_of_ten(unsigned exponent)
{
    uint64_t power = 1;
    while (exponent--)
        power *= 10;
    return power;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool add_digits(struct decimal *number, const char *from, const char *to)
{
    for (; from < to; from++)
        if (__builtin_mul_overflow(number->digits, 10, &number->digits) ||
            __builtin_add_overflow(number->digits, (uint64_t)(*from - '0'), &number->digits))
            return false;
    return true;
}

/* Reads "12" or "12.5" (no sign, no exponent, a digit on either side of the point) and returns what
 * follows it, or NULL. Not strtod, whose decimal point is the locale's. */
static const char *read_decimal(const char *text, struct decimal *number)
{
    *number = (struct decimal){0};
    const char *whole_end = text;
    while (is_digit(*whole_end))
        whole_end++;
    if (whole_end == text || !add_digits(number, text, whole_end))
        return NULL;
    if (*whole_end != '.')
        return whole_end;

    const char *fraction = whole_end + 1;
    const char *end = fraction;
    while (is_digit(*end))
        end++;
    if (end == fraction)
        return NULL;
    const char *last = end;
    while (last > fraction && last[-1] == '0')
        last--;
    if (last - fraction > LARGEST_SCALE || !add_digits(number, fraction, last))
        return NULL;
    number->scale = (unsigned)(last - fraction);
    return end;
}

static const struct unit *find_unit(const struct unit *units, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    return NULL;
}

/* The number in the smallest unit, rounded to the nearest; refused when a fraction of the smallest
 * unit itself was written, when rounding would make it nothing, and above `most`. */
static bool multiply(struct decimal number, uint64_t factor, uint64_t most, uint64_t *out)
{
    if (factor == 1 && number.scale > 0)
        return false;
    uint64_t divisor = power_of_ten(number.scale);
    wide product = ((wide)number.digits * factor + divisor / 2) / divisor;
    if (product > most || (product == 0 && number.digits != 0))
        return false;
    *out = (uint64_t)product;
    return true;
}

bool units_parse_duration(const char *text, duration *out)
{
    uint64_t ns = 0;
    if (strcmp(text, "0") != 0) {
        struct decimal number;
        const char *rest = read_decimal(text, &number);
        const struct unit *unit = rest ? find_unit(durations, ARRAY_LEN(durations), rest) : NULL;
        if (!unit || !multiply(number, unit->factor, DURATION_LONGEST_NS, &ns))
            return false;
    }
    *out = duration_ns((int64_t)ns);
    return true;
}

bool units_parse_duration_in(const char *text, size_t length, const char *unit, duration *out)
{
    char whole[LONGEST_DURATION + sizeof("ms")];
    if (length == 0 || length > LONGEST_DURATION || memchr(text, '\0', length))
        return false;
    const char *added = is_digit(text[length - 1]) ? unit : "";
    memcpy(whole, text, length);
    memcpy(whole + length, added, strlen(added) + 1);
    return units_parse_duration(whole, out);
}

bool units_parse_size(const char *text, uint64_t *out)
{
    struct decimal number;
    const char *rest = read_decimal(text, &number);
    if (!rest)
        return false;
    const struct unit *unit = find_unit(sizes, ARRAY_LEN(sizes), *rest ? rest : "B");
    return unit && multiply(number, unit->factor, UINT64_MAX, out);
}

/* One division of two numbers that are mostly exact: the nearest double in all usual cases. */
static double divide(struct decimal number, uint64_t divisor)
{
    return (double)number.digits / ((double)power_of_ten(number.scale) * (double)divisor);
}

bool units_parse_rate(const char *text, double *out)
{
    struct decimal number;
    const char *rest = read_decimal(text, &number);
    const struct unit *period = rest ? find_unit(periods, ARRAY_LEN(periods), rest) : NULL;
    if (!period)
        return false;
    *out = divide(number, period->factor);
    return true;
}

bool units_parse_share(const char *text, double *out)
{
    struct decimal number;
    const char *rest = read_decimal(text, &number);
    if (!rest || strcmp(rest, "%") != 0)
        return false;
    *out = divide(number, 100);
    return true;
}

bool units_parse_number(const char *text, double *out)
{
    struct decimal number;
    const char *rest = read_decimal(text, &number);
    if (!rest || *rest)
        return false;
    *out = divide(number, 1);
    return true;
}

static uint64_t round_to_three_digits(uint64_t value)
{
    uint64_t step = 1;
    while (value / step >= 1000)
        step *= 10;
    return (value + step / 2) / step * step;
}

/* Writes whole.thousandths without zeros at the end. Returns the length. */
static int format_thousandths(char *out, size_t size, uint64_t whole, unsigned thousandths,
                              const char *unit)
{
    if (thousandths == 0)
        return snprintf(out, size, "%" PRIu64 "%s", whole, unit);
    int places = 3;
    while (thousandths % 10 == 0) {
        thousandths /= 10;
        places--;
    }
    return snprintf(out, size, "%" PRIu64 ".%0*u%s", whole, places, thousandths, unit);
}

/* Of all units in which the rounded value can be written exactly, the one with the shortest text:
 * "90s" rather than "1.5m", and "1h" rather than "60m". */
const char *units_format_duration(char *out, size_t size, duration value)
{
    uint64_t magnitude = value.ns < 0 ? -(uint64_t)value.ns : (uint64_t)value.ns;
    uint64_t ns = round_to_three_digits(magnitude);
    char best[32] = "0s";
    size_t best_length = sizeof(best);
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        uint64_t factor = durations[i].factor;
        if (ns < factor || ns % factor * 1000 % factor != 0)
            continue;
        char text[32];
        int length = format_thousandths(text, sizeof(text), ns / factor,
                                        (unsigned)(ns % factor * 1000 / factor), durations[i].name);
        if ((size_t)length < best_length) {
            best_length = (size_t)length;
            memcpy(best, text, best_length + 1);
        }
    }
    snprintf(out, size, "%s%s", value.ns < 0 ? "-" : "", best);
    return out;
}

/* Thousandths of the unit, with three digits in all; whole numbers above 1000 keep every digit. */
static uint64_t size_thousandths(uint64_t bytes, uint64_t factor)
{
    uint64_t whole = bytes / factor;
    uint64_t step = whole >= 100 ? 1000 : whole >= 10 ? 100 : 10;
    wide thousandths = ((wide)bytes * 1000 + (wide)factor * step / 2) / factor;
    return (uint64_t)(thousandths / step * step);
}

const char *units_format_size(char *out, size_t size, uint64_t bytes)
{
    size_t i = 0;
    while (i + 1 < BINARY_SIZES && bytes < sizes[i].factor)
        i++;
    uint64_t thousandths = size_thousandths(bytes, sizes[i].factor);
    if (i > 0 && thousandths == 1024 * 1000) {
        i--; /* "1024KiB" after rounding is "1MiB" */
        thousandths = 1000;
    }
    format_thousandths(out, size, thousandths / 1000, (unsigned)(thousandths % 1000),
                       sizes[i].name);
    return out;
}
