/* SPDX-License-Identifier: MIT */
#include "chaos/fault/pause_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

struct reading {
    struct pause_log *log;
    enum pause_log_kind kind;
    const char *text, *end;
    duration clock; /* what lines without a time add up to */
    duration stamp; /* of the line before */
    struct pause_log_problem *problem;
};

static void add(struct pause_log *log, struct schedule_entry entry)
{
    if (entry.lasting.ns <= 0)
        return;
    if (log->count == log->capacity) {
        log->capacity = log->capacity ? log->capacity * 2 : 64;
        log->entries = mem_grow(log->entries, log->capacity, sizeof(*log->entries));
    }
    const struct schedule_entry *last = log->count > 0 ? &log->entries[log->count - 1] : NULL;
    if (last && entry.at.ns < last->at.ns + last->lasting.ns)
        entry.at.ns = last->at.ns + last->lasting.ns;
    log->entries[log->count++] = entry;
}

/* ---- lines */

/* The next line of what begins at `*at`, which moves behind it; false when there is none. */
static bool next_line(const char **at, const char *end, const char **line, size_t *length)
{
    if (*at == end)
        return false;
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    *line = *at;
    *length = (size_t)((newline ? newline : end) - *at);
    *at = newline ? newline + 1 : end;
    return true;
}

static bool refuse(struct reading *reading, const char *line, const char *what)
{
    reading->problem->offset = (size_t)(line - reading->text);
    snprintf(reading->problem->what, sizeof(reading->problem->what),
             "%s (expected a line of %s: %s)", what, pause_log_name(reading->kind),
             pause_log_example(reading->kind));
    return false;
}

static bool take(struct reading *reading, const char *line, size_t length)
{
    struct pause_line said;
    switch (pause_line_read(reading->kind, line, length, reading->clock, &said)) {
    case PAUSE_LINE_OTHER:
        return true;
    case PAUSE_LINE_BAD:
        return refuse(reading, line, "this says nothing of when a pause was and how long");
    default:
        break;
    }
    if (said.has_stamp && said.stamp.ns < reading->stamp.ns)
        return refuse(reading, line, "time runs backwards here: a log is of one process");
    if (said.has_stamp)
        reading->stamp = said.stamp;
    reading->clock.ns += said.passed.ns;
    for (size_t i = 0; i < said.count; i++)
        add(reading->log, said.pauses[i]);
    return true;
}

static bool take_all(struct reading *reading)
{
    const char *at = reading->text, *line;
    size_t length;
    while (next_line(&at, reading->end, &line, &length))
        if (!take(reading, line, length))
            return false;
    return true;
}

/* ---- of which kind */

static enum pause_log_kind kind_of_line(const char *line, size_t length)
{
    struct pause_line said;
    for (int kind = PAUSE_LOG_OFFSETS + 1; kind < PAUSE_LOG_COUNT; kind++)
        if (pause_line_read((enum pause_log_kind)kind, line, length, (duration){0}, &said) !=
            PAUSE_LINE_OTHER)
            return (enum pause_log_kind)kind;
    return PAUSE_LOG_OFFSETS;
}

static enum pause_log_kind kind_of_text(const char *text, const char *end)
{
    enum pause_log_kind kind = PAUSE_LOG_OFFSETS;
    const char *line;
    size_t length;
    while (kind == PAUSE_LOG_OFFSETS && next_line(&text, end, &line, &length))
        kind = kind_of_line(line, length);
    return kind;
}

bool pause_log_read(struct pause_log *log, enum pause_log_kind kind, const char *text,
                    size_t length, struct pause_log_problem *problem)
{
    struct reading reading = {
        .log = log, .kind = kind, .text = text, .end = text + length, .problem = problem};
    if (kind == PAUSE_LOG_COUNT)
        reading.kind = kind_of_text(text, reading.end);
    if (!take_all(&reading))
        return false;
    return log->count > 0 || refuse(&reading, text, "there is no pause in it");
}

void pause_log_shape(struct pause_log *log, duration begin, double scale)
{
    size_t count = log->count;
    log->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct schedule_entry entry = log->entries[i];
        if (entry.at.ns < begin.ns)
            continue;
        entry.at.ns -= begin.ns;
        entry.lasting.ns = (int64_t)((double)entry.lasting.ns * scale);
        add(log, entry);
    }
}

void pause_log_free(struct pause_log *log)
{
    free(log->entries);
    *log = (struct pause_log){0};
}
