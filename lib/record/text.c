/* SPDX-License-Identifier: MIT */
/* The records of a folder as JSON lines or CSV in a stream. */
#include <string.h>

#include "lib/record/reader.h"
#include "lib/record/value.h"

#define WRITE_AT_ONCE 65536

struct stream {
    FILE *out;
    struct buf buf; /* whole lines that were not written yet */
    enum record_kind kind;
    uint64_t written;
};

static enum result stream_flush(struct stream *stream, struct error *error)
{
    size_t n = buf_len(&stream->buf);
    if (n && fwrite(buf_head(&stream->buf), 1, n, stream->out) != n)
        return error_errno(error, "cannot write the exported records");
    buf_clear(&stream->buf);
    return OK;
}

static enum result count_line(struct stream *stream, struct error *error)
{
    stream->written++;
    return buf_len(&stream->buf) < WRITE_AT_ONCE ? OK : stream_flush(stream, error);
}

static enum result visit_json(void *context, const struct record_source *source,
                              enum record_kind kind, const void *record, struct error *error)
{
    struct stream *stream = context;
    record_append_json(&stream->buf, source, kind, record);
    return count_line(stream, error);
}

/* RFC 4180: a field that holds a separator is quoted, a quote in it is doubled. */
static void append_field(struct buf *out, const char *text, size_t length)
{
    bool quoted = false;
    for (size_t i = 0; i < length; i++)
        quoted |= text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
    if (!quoted) {
        buf_append(out, text, length);
        return;
    }
    buf_append(out, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"')
            buf_append(out, "\"", 1);
        buf_append(out, text + i, 1);
    }
    buf_append(out, "\"", 1);
}

static void append_csv_column(struct buf *out, const struct column *column, const void *record,
                              const struct record_source *source)
{
    struct column_value value;
    column_read(&value, column, record, source);
    buf_append(out, ",", 1);
    if (value.type == VALUE_INTEGER)
        out->end += value_digits(buf_reserve(out, VALUE_DIGITS), value.integer);
    else if (value.type == VALUE_TEXT)
        append_field(out, value.text, value.length);
}

static enum result visit_csv(void *context, const struct record_source *source,
                             enum record_kind kind, const void *record, struct error *error)
{
    struct stream *stream = context;
    if (kind != stream->kind)
        return OK;
    const struct record_layout *layout = record_layout(kind);
    struct buf *out = &stream->buf;
    append_field(out, source->process, strlen(source->process));
    buf_append(out, ",", 1);
    out->end += value_digits(buf_reserve(out, VALUE_DIGITS), source->writer);
    buf_append(out, ",", 1);
    char time[VALUE_TIME];
    if (record_time(time, source, layout, record))
        buf_append(out, time, VALUE_TIME - 1);
    for (size_t i = 0; i < layout->column_count; i++)
        append_csv_column(out, &layout->columns[i], record, source);
    buf_append_text(out, "\r\n");
    return count_line(stream, error);
}

static void append_csv_header(struct buf *out, enum record_kind kind)
{
    const struct record_layout *layout = record_layout(kind);
    buf_append_text(out, "process,worker,time");
    for (size_t i = 0; i < layout->column_count; i++) {
        const struct column *column = &layout->columns[i];
        buf_append(out, ",", 1);
        buf_append_text(out, column->name);
        buf_append_text(out, column_type_row(column->type)->suffix);
    }
    buf_append_text(out, "\r\n");
}

static enum result write_folder(struct stream *stream, const char *folder, record_visit *visit,
                                uint64_t *written, uint64_t *dropped, struct error *error)
{
    enum result result = record_read_folder(folder, visit, stream, dropped, error);
    struct error of_end;
    enum result ended = stream_flush(stream, &of_end);
    if (ended == OK && fflush(stream->out) != 0)
        ended = error_errno(&of_end, "cannot write the exported records");
    if (ended != OK && result != FAILED_SYSTEM) {
        *error = of_end;
        result = ended;
    }
    *written += stream->written;
    buf_free(&stream->buf);
    return result;
}

enum result record_write_json_lines(FILE *out, const char *folder, uint64_t *written,
                                    uint64_t *dropped, struct error *error)
{
    struct stream stream = {.out = out};
    return write_folder(&stream, folder, visit_json, written, dropped, error);
}

enum result record_write_csv(FILE *out, const char *folder, enum record_kind kind,
                             uint64_t *written, uint64_t *dropped, struct error *error)
{
    struct stream stream = {.out = out, .kind = kind};
    append_csv_header(&stream.buf, kind);
    return write_folder(&stream, folder, visit_csv, written, dropped, error);
}
