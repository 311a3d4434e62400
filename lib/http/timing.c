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

/* One `name;dur=1.5;desc="..."`. */
static void take_metric(struct timing *timing, const char *at, const char *end)
{
    const char *name_end = at;
    while (name_end < end && *name_end != ';' && !is_space(*name_end))
        name_end++;
    for (int i = 0; i < TIMING_PHASE_COUNT; i++) {
        if (strlen(phase_names[i]) != (size_t)(name_end - at) ||
            memcmp(phase_names[i], at, (size_t)(name_end - at)) != 0)
            continue;
        for (const char *p = name_end; p + 4 < end; p++) {
            if (memcmp(p, "dur=", 4) != 0)
                continue;
            const char *stop = p += 4;
            while (stop < end && *stop != ';' && !is_space(*stop))
                stop++;
            int64_t ns = parse_ms(p, stop);
            if (ns >= 0)
                timing->ns[i] = (timing->ns[i] < 0 ? 0 : timing->ns[i]) + ns;
            return;
        }
    }
}

void timing_parse(struct timing *timing, const char *value, size_t length)
{
    const char *end = value + length;
    bool quoted = false;
    const char *start = value;
    for (const char *p = value;; p++) {
        if (p < end && *p == '"')
            quoted = !quoted;
        if (p < end && (*p != ',' || quoted))
            continue;
        while (start < p && is_space(*start))
            start++;
        take_metric(timing, start, p);
        if (p == end)
            return;
        start = p + 1;
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
