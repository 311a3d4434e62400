/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "lib/record/reader.h"
#include "lib/record/value.h"

/* Written once per request when the access log is on: plain copies, no printf. */

static char *put(char *out, const char *bytes, size_t n)
{
    memcpy(out, bytes, n);
    return out + n;
}

/* Appends ,"name": */
static void append_key(struct buf *out, const char *prefix, const char *name, const char *suffix)
{
    size_t prefix_length = strlen(prefix), length = strlen(name), suffix_length = strlen(suffix);
    char *at = buf_reserve(out, prefix_length + length + suffix_length + 4);
    const char *start = at;
    at = put(at, ",\"", 2);
    at = put(at, prefix, prefix_length);
    at = put(at, name, length);
    at = put(at, suffix, suffix_length);
    at = put(at, "\":", 2);
    out->end += (size_t)(at - start);
}

static void append_integer(struct buf *out, uint64_t number)
{
    out->end += value_digits(buf_reserve(out, VALUE_DIGITS), number);
}

static void append_text(struct buf *out, const char *text, size_t length, bool plain)
{
    buf_append(out, "\"", 1);
    if (plain)
        buf_append(out, text, length);
    else
        buf_append_json(out, text, length);
    buf_append(out, "\"", 1);
}

static void append_column(struct buf *out, const struct record_source *source,
                          const struct record_layout *layout, const struct column *column,
                          const void *record)
{
    struct column_value value;
    column_read(&value, column, record, source);
    if (value.type == VALUE_NULL)
        return;
    /* The line's own "kind" says which record it is. */
    bool kind = strcmp(column->name, "kind") == 0;
    append_key(out, kind ? layout->name : "", kind ? "_kind" : column->name,
               column_type_row(column->type)->suffix);
    if (value.type == VALUE_INTEGER)
        append_integer(out, value.integer);
    else
        append_text(out, value.text, value.length, value.plain);
}

void record_append_json(struct buf *out, const struct record_source *source, enum record_kind kind,
                        const void *record)
{
    const struct record_layout *layout = record_layout(kind);
    buf_append_text(out, "{\"kind\":");
    append_text(out, layout->name, strlen(layout->name), true);
    append_key(out, "", "process", "");
    append_text(out, source->process, strlen(source->process), false);
    append_key(out, "", "worker", "");
    append_integer(out, source->writer);
    char time[VALUE_TIME];
    if (record_time(time, source, layout, record)) {
        append_key(out, "", "time", "");
        append_text(out, time, VALUE_TIME - 1, true);
    }
    for (size_t i = 0; i < layout->column_count; i++)
        append_column(out, source, layout, &layout->columns[i], record);
    buf_append(out, "}\n", 2);
}
