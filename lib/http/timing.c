/* SPDX-License-Identifier: MIT */
#include "lib/http/timing.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TIMING_NAME(id, name) [TIMING_##id] = name,
static const char *const phase_names[TIMING_PHASE_COUNT] = {TIMING_PHASES(TIMING_NAME)};

void timing_clear(struct timing *timing)
{
    for (int i = 0; i < TIMING_PHASE_COUNT; i++)
        timing->ns[i] = -1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Milliseconds with up to six decimals, as nanoseconds; negative when it is not such a number. */
static int64_t parse_ms(const char *text, const char *end)
{
    int64_t ns = 0, scale = 1000000;
    bool digits = false, point = false;
    for (; text < end; text++) {
        if (*text == '.' && !point) {
            point = true;
        } else if (*text >= '0' && *text <= '9' && ns < INT64_MAX / 100) {
            digits = true;
            if (!point)
                ns = ns * 10 + (*text - '0') * INT64_C(1000000);
            else if (scale >= 10)
                ns += (*text - '0') * (scale /= 10);
        } else {
            return -1;
        }
    }
    return digits ? ns : -1;
}

struct cursor {
    const char *at, *end;
};

struct part {
    const char *at;
    size_t length;
};

static bool at_byte(const struct cursor *cursor, char byte)
{
    return cursor->at < cursor->end && *cursor->at == byte;
}

static void skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->end && is_space(*cursor->at))
        cursor->at++;
}

/* Up to the next separator or space. */
static struct part take_token(struct cursor *cursor)
{
    const char *start = cursor->at;
    while (cursor->at < cursor->end && !is_space(*cursor->at) && !strchr(";,=\"", *cursor->at))
        cursor->at++;
    return (struct part){start, (size_t)(cursor->at - start)};
}

/* The inside of a quoted string, as it was written; the cursor stands on its first quote. */
static struct part take_quoted(struct cursor *cursor)
{
    const char *start = ++cursor->at;
    while (cursor->at < cursor->end && *cursor->at != '"')
        cursor->at += *cursor->at == '\\' && cursor->end - cursor->at > 1 ? 2 : 1;
    struct part inside = {start, (size_t)(cursor->at - start)};
    if (cursor->at < cursor->end)
        cursor->at++;
    return inside;
}

static bool part_is(struct part part, const char *text)
{
    return strlen(text) == part.length && memcmp(text, part.at, part.length) == 0;
}

static void add_phase(struct timing *timing, struct part name, int64_t ns)
{
    for (int i = 0; i < TIMING_PHASE_COUNT; i++) {
        if (!part_is(name, phase_names[i]))
            continue;
        int64_t before = timing->ns[i] < 0 ? 0 : timing->ns[i];
        timing->ns[i] = ns < INT64_MAX - before ? before + ns : INT64_MAX;
    }
}

/* The value of `;parameter=value` (the cursor stands on its semicolon) when the parameter is `dur`,
 * else a negative number. */
static int64_t take_parameter(struct cursor *cursor)
{
    cursor->at++;
    skip_space(cursor);
    struct part name = take_token(cursor);
    skip_space(cursor);
    if (!at_byte(cursor, '='))
        return -1;
    cursor->at++;
    skip_space(cursor);
    struct part value = at_byte(cursor, '"') ? take_quoted(cursor) : take_token(cursor);
    return part_is(name, "dur") ? parse_ms(value.at, value.at + value.length) : -1;
}

/* One `name;dur=1.5;desc="..."`, up to its comma. Only its first duration counts. */
static void take_metric(struct cursor *cursor, struct timing *timing)
{
    skip_space(cursor);
    struct part name = take_token(cursor);
    int64_t found = -1;
    while (cursor->at < cursor->end && *cursor->at != ',') {
        if (at_byte(cursor, ';')) {
            int64_t ns = take_parameter(cursor);
            found = found < 0 ? ns : found;
        } else if (at_byte(cursor, '"')) {
            take_quoted(cursor);
        } else {
            cursor->at++;
        }
    }
    if (found >= 0)
        add_phase(timing, name, found);
}

void timing_parse(struct timing *timing, const char *value, size_t length)
{
    struct cursor cursor = {value, value + length};
    while (cursor.at < cursor.end) {
        take_metric(&cursor, timing);
        if (cursor.at < cursor.end)
            cursor.at++; /* the comma */
    }
}

size_t timing_format(const struct timing *timing, char *out)
{
    size_t length = 0;
    for (int i = 0; i < TIMING_PHASE_COUNT; i++) {
        if (timing->ns[i] < 0)
            continue;
        length += (size_t)snprintf(out + length, TIMING_TEXT - length, "%s%s;dur=%lld.%03lld",
                                   length ? ", " : "", phase_names[i],
                                   (long long)(timing->ns[i] / 1000000),
                                   (long long)(timing->ns[i] / 1000 % 1000));
        if (length >= TIMING_TEXT)
            return TIMING_TEXT - 1;
    }
    return length;
}
