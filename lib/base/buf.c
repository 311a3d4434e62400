/* SPDX-License-Identifier: MIT */
#include "lib/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "lib/base/utf8.h"

#define SMALLEST_CAPACITY 256
#define READ_AT_ONCE      65536

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

/* Doubles, so that appending byte by byte stays linear. */
static void grow(struct buf *buf, size_t need)
{
    size_t capacity = buf->capacity ? buf->capacity : SMALLEST_CAPACITY;
    while (capacity < need)
        capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    buf->data = mem_grow(buf->data, capacity, 1);
    buf->capacity = capacity;
}

char *buf_reserve(struct buf *buf, size_t n)
{
    if (buf->data && buf->capacity - buf->end >= n)
        return buf->data + buf->end;

    size_t length = buf_len(buf);
    /* An impossible size goes to the allocator, which refuses it with the message. */
    size_t need = n > SIZE_MAX - length ? SIZE_MAX : length + n;
    /* Moving pays only when it frees at least as much as it copies; otherwise consuming little by
     * little would copy the whole content again and again. */
    if (buf->start >= length && buf->capacity >= need && buf->data) {
        memmove(buf->data, buf_head(buf), length);
        buf->start = 0;
        buf->end = length;
        return buf->data + buf->end;
    }
    grow(buf, n > SIZE_MAX - buf->end ? SIZE_MAX : buf->end + n);
    return buf->data + buf->end;
}

void buf_append_growing(struct buf *buf, const void *bytes, size_t n)
{
    memcpy(buf_reserve(buf, n), bytes, n);
    buf->end += n;
}

void buf_append_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    char *room = buf_reserve(buf, 1);
    size_t size = buf->capacity - buf->end;
    int length = vsnprintf(room, size, format, args);
    if (length >= 0 && (size_t)length >= size) {
        room = buf_reserve(buf, (size_t)length + 1);
        vsnprintf(room, (size_t)length + 1, format, again);
    }
    if (length > 0)
        buf->end += (size_t)length;
    va_end(again);
    va_end(args);
}

/* A character that cannot go out as it is; length 0 = a byte that is not UTF-8. Control characters
 * above ASCII could, and are escaped so that the text is safe on a terminal; the number of each
 * control character is its last byte. */
static void append_special(struct buf *buf, const char *text, size_t length)
{
    static const char short_form[128] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                         ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
    unsigned char number = length ? (unsigned char)text[length - 1] : 0;
    if (length == 0)
        buf_append_text(buf, "\\ufffd");
    else if (length == 1 && short_form[number])
        buf_append(buf, (char[]){'\\', short_form[number]}, 2);
    else
        buf_printf(buf, "\\u%04x", number);
}

void buf_append_json(struct buf *buf, const char *text, size_t n)
{
    size_t plain = 0; /* bytes plain..i go out as they are */
    size_t i = 0;
    while (i < n) {
        size_t length = utf8_length(text + i, n - i);
        bool special =
            length == 0 || text[i] == '"' || text[i] == '\\' || utf8_is_control(text + i, length);
        if (special) {
            buf_append(buf, text + plain, i - plain);
            append_special(buf, text + i, length);
            plain = i + (length ? length : 1);
        }
        i += length ? length : 1;
    }
    buf_append(buf, text + plain, n - plain);
}

/* A path that cannot be what was meant is the user's to mend; the rest is the machine's. */
static enum result whose_fault(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case ELOOP:
    case ENAMETOOLONG:
        return FAILED_INPUT;
    default:
        return FAILED_SYSTEM;
    }
}

static enum result read_all(struct buf *buf, int fd, const char *path, struct error *error)
{
    for (;;) {
        ssize_t n = read(fd, buf_reserve(buf, READ_AT_ONCE), READ_AT_ONCE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            error_errno(error, "cannot read %s", path);
            return whose_fault(errno);
        }
        if (n == 0)
            break;
        buf->end += (size_t)n;
    }
    *buf_reserve(buf, 1) = '\0';
    return OK;
}

enum result buf_read_file(struct buf *buf, const char *path, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_errno(error, "cannot open %s", path);
        return whose_fault(errno);
    }
    size_t before = buf_len(buf);
    enum result result = read_all(buf, fd, path, error);
    if (result != OK)
        buf->end = buf->start + before;
    close(fd);
    return result;
}
