/* SPDX-License-Identifier: MIT */
#include "lib/http/path.h"

#include <string.h>

#include "lib/http/hex.h"

bool http_path_is_plain(struct http_span path)
{
    for (uint32_t i = 0; i < path.length; i++) {
        char next = i + 1 < path.length ? path.at[i + 1] : '\0';
        if (path.at[i] == '%' || (path.at[i] == '/' && (next == '/' || next == '.')))
            return false;
    }
    return true;
}

char http_path_decode_one(const char *at, size_t left, size_t *taken)
{
    int high = at[0] == '%' && left > 2 ? http_hex_value(at[1]) : -1;
    int low = high >= 0 ? http_hex_value(at[2]) : -1;
    *taken = low >= 0 ? 3 : 1;
    return low >= 0 ? (char)(high << 4 | low) : at[0];
}

/* False: an encoded NUL. */
static bool decode(char *to, struct http_span path, size_t *length)
{
    size_t taken;
    *length = 0;
    for (size_t i = 0; i < path.length; i += taken) {
        char byte = http_path_decode_one(path.at + i, path.length - i, &taken);
        if (byte == '\0')
            return false;
        to[(*length)++] = byte;
    }
    return true;
}

static size_t segment_length(const char *at, const char *end)
{
    const char *slash = memchr(at, '/', (size_t)(end - at));
    return (size_t)((slash ? slash : end) - at);
}

/* Back behind the slash in front of the last segment; false: there is none. */
static bool climb(const char *text, size_t *length)
{
    if (*length <= 1)
        return false;
    for ((*length)--; text[*length - 1] != '/';)
        (*length)--;
    return true;
}

/* In place: what is kept never overtakes what is read. False: above the root. */
static bool follow_segments(char *text, size_t *length)
{
    const char *at = text + 1, *end = text + *length;
    size_t kept = 1;
    while (at < end) {
        size_t segment = segment_length(at, end);
        bool last = at + segment == end;
        if (segment == 2 && at[0] == '.' && at[1] == '.') {
            if (!climb(text, &kept))
                return false;
        } else if (segment > 0 && !(segment == 1 && at[0] == '.')) {
            memmove(text + kept, at, segment);
            kept += segment;
            if (!last)
                text[kept++] = '/';
        }
        at += segment + (last ? 0 : 1);
    }
    *length = kept;
    return true;
}

bool http_path_resolve(struct buf *out, struct http_span path)
{
    char *text = buf_reserve(out, path.length);
    size_t length;
    if (!decode(text, path, &length) || !follow_segments(text, &length))
        return false;
    out->end += length;
    return true;
}

void http_path_encode(struct buf *out, struct http_span path)
{
    static const char digits[] = "0123456789ABCDEF";
    for (uint32_t i = 0; i < path.length; i++) {
        unsigned char byte = (unsigned char)path.at[i];
        if (byte > ' ' && byte < 0x7f && !strchr("\"#%<>?\\^`{|}", byte))
            buf_append(out, &path.at[i], 1);
        else
            buf_append(out, (char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
    }
}
