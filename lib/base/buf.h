/* SPDX-License-Identifier: MIT */
/* A growable byte buffer that is filled at its end and consumed at its start. */
#ifndef TAILGATE_LIB_BASE_BUF_H
#define TAILGATE_LIB_BASE_BUF_H

#include <stddef.h>
#include <string.h>

#include "lib/base/result.h"

struct buf {
    char *data;
    size_t start, end, capacity; /* bytes start..end are the content */
};

static inline size_t buf_len(const struct buf *buf)
{
    return buf->end - buf->start;
}

static inline char *buf_head(const struct buf *buf)
{
    return buf->data + buf->start;
}

/* Releases the memory and leaves an empty buffer, ready for use. */
void buf_free(struct buf *buf);

/* Makes room for `n` more bytes and returns where they go (buf->end). Never NULL: running out of
 * memory ends the process with a message. */
char *buf_reserve(struct buf *buf, size_t n);

/* buf_append where there is no room yet. */
void buf_append_growing(struct buf *buf, const void *bytes, size_t n);

static inline void buf_append(struct buf *buf, const void *bytes, size_t n)
{
    if (n == 0)
        return;
    if (buf->capacity - buf->end < n) {
        buf_append_growing(buf, bytes, n);
        return;
    }
    memcpy(buf->data + buf->end, bytes, n);
    buf->end += n;
}

void buf_append_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/* Appends `text` as the inside of a JSON string, escaped; bytes that are not UTF-8 become U+FFFD.
 */
void buf_append_json(struct buf *buf, const char *text, size_t n);

/* Drops the first `n` bytes of the content; an empty buffer starts again at 0. */
static inline void buf_consume(struct buf *buf, size_t n)
{
    buf->start += n;
    if (buf->start == buf->end)
        buf->start = buf->end = 0;
}

static inline void buf_clear(struct buf *buf)
{
    buf->start = buf->end = 0;
}

/* Reads a whole file and appends it and a NUL that is not counted in buf_len. On failure the
 * content is as before; FAILED_INPUT when the path is wrong (not there, a folder, not readable). */
enum result buf_read_file(struct buf *buf, const char *path, struct error *error) MUST_USE;

#endif
