/* SPDX-License-Identifier: MIT */
#include "chaos/fault/pause_line.h"

#include <string.h>

#include "lib/base/units.h"

/* What is left of a line. */
struct cursor {
    const char *at, *end;
};

static bool is_number(char c)
{
    return (c >= '0' && c <= '9') || c == '.';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end && is_blank(*cursor->at))
        cursor->at++;
}

/* Goes past a word that is next. */
static bool skip(struct cursor *cursor, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, word, length) != 0)
        return false;
    cursor->at += length;
    return true;
}

/* Goes past the next such word, wherever it is. */
static bool skip_to(struct cursor *cursor, const char *word)
{
    const char *found = memmem(cursor->at, (size_t)(cursor->end - cursor->at), word, strlen(word));
    if (found)
        cursor->at = found + strlen(word);
    return found != NULL;
}

/* A number that counts `unit`s. */
static bool number(struct cursor *cursor, const char *unit, duration *value)
{
    const char *start = cursor->at;
    while (cursor->at < cursor->end && is_number(*cursor->at))
        cursor->at++;
    return units_parse_duration_in(start, (size_t)(cursor->at - start), unit, value);
}

/* One pause that lasts until the time of the line. */
static void ends_at(struct pause_line *out, duration stamp, duration lasting)
{
    int64_t at = stamp.ns - lasting.ns;
    out->stamp = stamp;
    out->has_stamp = true;
    out->pauses[0] =
        (struct schedule_entry){.at = duration_ns(at > 0 ? at : 0), .lasting = lasting};
    out->count = 1;
}

/* ---- OFFSET,DURATION */

static bool field(const char *start, const char *end, duration *value)
{
    while (start < end && is_blank(*start))
        start++;
    while (start < end && is_blank(end[-1]))
        end--;
    return units_parse_duration_in(start, (size_t)(end - start), "ms", value);
}

static enum pause_line_result read_offsets(struct cursor line, duration clock,
                                           struct pause_line *out)
{
    const char *comment = memchr(line.at, '#', (size_t)(line.end - line.at));
    line.end = comment ? comment : line.end;
    skip_blanks(&line);
    struct cursor header = line;
    if (line.at == line.end || skip(&header, "offset_ms,duration_ms"))
        return PAUSE_LINE_OTHER;
    const char *comma = memchr(line.at, ',', (size_t)(line.end - line.at));
    struct schedule_entry *pause = &out->pauses[0];
    if (!comma || !field(line.at, comma, &pause->at) ||
        !field(comma + 1, line.end, &pause->lasting))
        return PAUSE_LINE_BAD;
    out->count = 1;
    out->stamp = pause->at;
    out->has_stamp = true;
    return PAUSE_LINE_READ;
}

/* ---- Go */

/* The time is that of the beginning. The part between the two is concurrent. */
static enum pause_line_result read_gctrace(struct cursor line, duration clock,
                                           struct pause_line *out)
{
    duration ignored, concurrent;
    if (!skip(&line, "gc ") || !number(&line, "s", &ignored) || !skip(&line, " @"))
        return PAUSE_LINE_OTHER;
    struct schedule_entry *sweep = &out->pauses[0], *mark = &out->pauses[1];
    bool whole = number(&line, "s", &sweep->at) && skip(&line, "s ") && skip_to(&line, "%: ") &&
                 number(&line, "ms", &sweep->lasting) && skip(&line, "+") &&
                 number(&line, "ms", &concurrent) && skip(&line, "+") &&
                 number(&line, "ms", &mark->lasting) && skip(&line, " ms clock");
    if (!whole)
        return PAUSE_LINE_BAD;
    out->stamp = sweep->at;
    out->has_stamp = true;
    mark->at = duration_ns(sweep->at.ns + sweep->lasting.ns + concurrent.ns);
    out->count = 2;
    return PAUSE_LINE_READ;
}

/* ---- the JVM */

/* The decorations of unified logging: "[0.123s][info ][gc]". The time since the start is one of
 * them, and with whole milliseconds or nanoseconds another. Goes past all. */
static bool decorations(struct cursor *line, duration *stamp)
{
    bool found = false;
    while (skip(line, "[")) {
        const char *close = memchr(line->at, ']', (size_t)(line->end - line->at));
        if (!close)
            return false;
        if (!found && is_number(*line->at))
            found = units_parse_duration_in(line->at, (size_t)(close - line->at), "?", stamp);
        line->at = close + 1;
    }
    skip_blanks(line);
    return found;
}

/* Other lines of a collection have no length, or are about its parts. */
static bool says_length(struct cursor line, duration *lasting)
{
    while (line.end > line.at && is_blank(line.end[-1]))
        line.end--;
    const char *start = line.end;
    while (start > line.at && !is_blank(start[-1]))
        start--;
    size_t length = (size_t)(line.end - start);
    return length > 2 && memcmp(line.end - 2, "ms", 2) == 0 &&
           units_parse_duration_in(start, length, "?", lasting);
}

static enum pause_line_result read_jvm_gc(struct cursor line, duration clock,
                                          struct pause_line *out)
{
    duration stamp, lasting;
    bool stamped = decorations(&line, &stamp);
    if (!skip(&line, "GC(") || !skip_to(&line, ") ") || !skip(&line, "Pause ") ||
        !says_length(line, &lasting))
        return PAUSE_LINE_OTHER;
    if (!stamped)
        return PAUSE_LINE_BAD;
    ends_at(out, stamp, lasting);
    return PAUSE_LINE_READ;
}

/* "2015-05-26T14:45:37.987-0200: 1.234: ", each of them or none. */
static bool stamps(struct cursor line, duration *stamp)
{
    if (line.at < line.end && *line.at == '[')
        return decorations(&line, stamp);
    for (struct cursor date = line; skip_to(&date, ": ");) {
        struct cursor seconds = line;
        if (number(&seconds, "s", stamp) && skip(&seconds, ": "))
            return true;
        line = date;
    }
    return false;
}

/* `Safepoint "G1CollectForAllocation", ..., Total: 144891705 ns`: since JDK 14. */
static enum pause_line_result read_safepoint(struct cursor line, struct pause_line *out)
{
    duration stamp, lasting;
    bool whole = decorations(&line, &stamp) && skip_to(&line, ", Total: ") &&
                 number(&line, "ns", &lasting) && skip(&line, " ns");
    if (!whole)
        return PAUSE_LINE_BAD;
    ends_at(out, stamp, lasting);
    return PAUSE_LINE_READ;
}

static enum pause_line_result read_stopped(struct cursor before, struct cursor rest, duration clock,
                                           struct pause_line *out)
{
    duration stamp, lasting;
    bool stamped = stamps(before, &stamp);
    if (!number(&rest, "s", &lasting) || !skip(&rest, " seconds") || (!stamped && clock.ns == 0))
        return PAUSE_LINE_BAD;
    if (stamped) {
        ends_at(out, stamp, lasting);
        return PAUSE_LINE_READ;
    }
    out->pauses[0] = (struct schedule_entry){.at = clock, .lasting = lasting};
    out->count = 1;
    out->passed = lasting;
    return PAUSE_LINE_READ;
}

static enum pause_line_result read_jvm_stopped(struct cursor line, duration clock,
                                               struct pause_line *out)
{
    static const char stopped[] = "Total time for which application threads were stopped: ";
    struct cursor rest = line;
    if (skip_to(&rest, "Safepoint \""))
        return read_safepoint(line, out);
    if (skip_to(&rest, "Application time: "))
        return number(&rest, "s", &out->passed) ? PAUSE_LINE_READ : PAUSE_LINE_BAD;
    if (!skip_to(&rest, stopped))
        return PAUSE_LINE_OTHER;
    struct cursor before = {line.at, rest.at - strlen(stopped)};
    return read_stopped(before, rest, clock, out);
}

/* ---- which */

typedef enum pause_line_result read_function(struct cursor line, duration clock,
                                             struct pause_line *out);

static read_function *const readers[PAUSE_LOG_COUNT] = {
    [PAUSE_LOG_OFFSETS] = read_offsets,
    [PAUSE_LOG_GCTRACE] = read_gctrace,
    [PAUSE_LOG_JVM_GC] = read_jvm_gc,
    [PAUSE_LOG_JVM_STOPPED] = read_jvm_stopped,
};

enum pause_line_result pause_line_read(enum pause_log_kind kind, const char *line, size_t length,
                                       duration clock, struct pause_line *out)
{
    *out = (struct pause_line){.count = 0};
    return readers[kind]((struct cursor){line, line + length}, clock, out);
}

#define PAUSE_LOG_NAME(id, name, example, meaning)    name,
#define PAUSE_LOG_EXAMPLE(id, name, example, meaning) example,
static const char *const names[] = {PAUSE_LOGS(PAUSE_LOG_NAME)};
static const char *const examples[] = {PAUSE_LOGS(PAUSE_LOG_EXAMPLE)};

const char *pause_log_name(enum pause_log_kind kind)
{
    return names[kind];
}

const char *pause_log_example(enum pause_log_kind kind)
{
    return examples[kind];
}
