/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/units.h"
#include "lib/conf/distribution.h"
#include "lib/conf/message.h"
#include "lib/conf/value.h"

/* Room for a value in a message. */
#define LONGEST_VALUE 64

/* A replay file as it is read. */
struct replay {
    struct conf_read *read;
    const cJSON *item; /* its name, in the configuration */
    const char *path;
    struct buf text;
    struct dist_point *points;
    size_t count, capacity;
};

static void add_value(struct replay *replay, duration value)
{
    if (replay->count == replay->capacity) {
        replay->capacity = replay->capacity ? replay->capacity * 2 : 64;
        replay->points = mem_grow(replay->points, replay->capacity, sizeof(*replay->points));
    }
    replay->points[replay->count++] = (struct dist_point){.value = value};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static size_t trimmed(const char *text, size_t length)
{
    while (length > 0 && is_blank(text[length - 1]))
        length--;
    return length;
}

static enum result bad_value(struct replay *replay, const char *text)
{
    const struct conf_doc *doc = replay->read->doc;
    size_t line, column;
    conf_text_position(doc->text, conf_read_place(replay->read, replay->item).value, &line,
                       &column);
    struct buf what = {0};
    /* What the file says there is not shown: a path may come from far away, by an API. */
    buf_printf(&what,
               "this is not a value to replay (expected a duration such as \"2ms\" or a number of "
               "milliseconds; replayed by %s:%zu:%zu)%c",
               doc->name, line, column, '\0');
    const char *start = buf_head(&replay->text);
    enum result result = conf_fail_beside(replay->read, replay->path, start, (size_t)(text - start),
                                          buf_head(&what));
    buf_free(&what);
    return result;
}

/* The first column of a line, unless there is nothing but a comment. */
static enum result read_line(struct replay *replay, const char *line, size_t length)
{
    const char *comment = memchr(line, '#', length);
    length = trimmed(line, comment ? (size_t)(comment - line) : length);
    while (length > 0 && is_blank(*line)) {
        line++;
        length--;
    }
    if (length == 0)
        return OK;
    const char *comma = memchr(line, ',', length);
    length = trimmed(line, comma ? (size_t)(comma - line) : length);
    duration value;
    if (!units_parse_duration_in(line, length, "ms", &value))
        return bad_value(replay, line);
    add_value(replay, value);
    return OK;
}

static enum result read_lines(struct replay *replay)
{
    const char *line = buf_head(&replay->text);
    const char *end = line + buf_len(&replay->text);
    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = newline ? newline : end;
        enum result result = read_line(replay, line, (size_t)(line_end - line));
        if (result != OK)
            return result;
        line = line_end + 1;
    }
    return OK;
}

static enum result make_distribution(struct replay *replay, struct dist *dist)
{
    char name[CONF_QUOTE];
    if (replay->count == 0)
        return conf_fail(replay->read, replay->item,
                         "%s has no value to replay (expected one a line)",
                         conf_quote(name, replay->path));
    size_t size = replay->count * sizeof(*replay->points);
    struct dist_point *points = arena_alloc(replay->read->arena, size);
    memcpy(points, replay->points, size);
    struct error why;
    enum result result = dist_from_replay(dist, points, replay->count, &why);
    return result == OK ? OK : conf_fail(replay->read, replay->item, "\"replay\": %s", why.text);
}

enum result conf_replay_read(struct conf_read *read, const cJSON *item, struct dist *dist)
{
    struct conf_key key = {.name = "replay", .type = CONF_STRING, .flags = CONF_NOT_EMPTY};
    const char *path;
    enum result result = conf_value_read(read, &key, item, &path);
    if (result != OK)
        return result;
    struct replay replay = {.read = read, .item = item};
    result = conf_read_beside(read, item, path, &replay.text, &replay.path);
    if (result == OK)
        result = read_lines(&replay);
    if (result == OK)
        result = make_distribution(&replay, dist);
    buf_free(&replay.text);
    free(replay.points);
    return result;
}
