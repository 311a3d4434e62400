/* SPDX-License-Identifier: MIT */
#include "lib/http/chunk.h"

#include <string.h>

#include "lib/http/head.h"
#include "lib/http/hex.h"

/* Extensions of one size line, or trailers of one body, in bytes. */
enum { MAX_SIZE_DIGITS = 16, MAX_EXTRA = 8192 };

void http_chunks_init(struct http_chunks *chunks)
{
    *chunks = (struct http_chunks){.state = CHUNK_SIZE_FIRST};
}

static bool is_text(char c)
{
    return c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f);
}

static const char *digit_byte(struct http_chunks *chunks, int digit)
{
    if (++chunks->digits > MAX_SIZE_DIGITS)
        return "a chunk size of more than 16 digits";
    if (chunks->left >> 59)
        return "a chunk size beyond reason";
    chunks->left = chunks->left << 4 | (uint64_t)digit;
    chunks->state = CHUNK_SIZE;
    return NULL;
}

/* A byte behind the digits of a size. Some servers pad the size with spaces. */
static const char *size_end_byte(struct http_chunks *chunks, char c)
{
    if (c == '\r')
        chunks->state = CHUNK_SIZE_LF;
    else if (c == ';')
        chunks->state = CHUNK_EXTENSION;
    else if (c == ' ' || c == '\t')
        chunks->state = CHUNK_SIZE_SPACE;
    else
        return "a character that is not allowed in a chunk size";
    if (++chunks->extra > MAX_EXTRA)
        return "chunk extensions of more than 8 KiB";
    return NULL;
}

static const char *size_byte(struct http_chunks *chunks, char c)
{
    int digit = http_hex_value(c);
    if (digit >= 0)
        return digit_byte(chunks, digit);
    if (chunks->state == CHUNK_SIZE_FIRST)
        return "a chunk size that does not start with a digit";
    return size_end_byte(chunks, c);
}

static const char *extension_byte(struct http_chunks *chunks, char c)
{
    if (c == '\r')
        chunks->state = CHUNK_SIZE_LF;
    else if (!is_text(c))
        return "a control character in a chunk extension";
    else if (++chunks->extra > MAX_EXTRA)
        return "chunk extensions of more than 8 KiB";
    return NULL;
}

static const char *end_size_line(struct http_chunks *chunks, char c)
{
    if (c != '\n')
        return "a chunk size line that does not end in CRLF";
    chunks->extra = 0;
    chunks->state = chunks->left ? CHUNK_DATA : CHUNK_TRAILER_START;
    return NULL;
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Fields that say how long a message is, where it goes, what becomes of its connection, or whom it
 * comes from. */
static bool is_refused_trailer(const struct http_chunks *chunks)
{
    static const char *const refused[] = {"authorization",
                                          "connection",
                                          "content-length",
                                          "cookie",
                                          "expect",
                                          "forwarded",
                                          "host",
                                          "keep-alive",
                                          "max-forwards",
                                          "proxy-authorization",
                                          "proxy-connection",
                                          "te",
                                          "transfer-encoding",
                                          "upgrade",
                                          "via",
                                          "x-forwarded-for",
                                          "x-forwarded-host",
                                          "x-forwarded-port",
                                          "x-forwarded-proto"};
    return is_among(chunks->name, refused, sizeof(refused) / sizeof(refused[0])) ||
           is_among(chunks->name, chunks->refused, chunks->refused_count);
}

static char plain_letter(char c)
{
    if (c == '_')
        return '-';
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* A byte of a trailer's name, or the colon behind it. */
static const char *name_byte(struct http_chunks *chunks, char c)
{
    if (chunks->state == CHUNK_TRAILER_START)
        chunks->name_length = 0;
    if (chunks->state == CHUNK_TRAILER_NAME && c == ':') {
        chunks->name[chunks->name_length] = '\0';
        chunks->state = CHUNK_TRAILER_VALUE;
        return is_refused_trailer(chunks)
                   ? "a trailer that frames, routes or vouches for the message"
                   : NULL;
    }
    if (!http_is_token_byte(c))
        return "a character that is not allowed in a trailer's name";
    chunks->state = CHUNK_TRAILER_NAME;
    if (chunks->name_length == CHUNK_NAME_SIZE - 1)
        chunks->name[0] = '\0'; /* too long to be one of those */
    else
        chunks->name[chunks->name_length++] = plain_letter(c);
    return NULL;
}

static const char *trailer_byte(struct http_chunks *chunks, char c)
{
    if (++chunks->extra > MAX_EXTRA)
        return "trailers of more than 8 KiB";
    if (chunks->state == CHUNK_TRAILER_START && c == '\r') {
        chunks->state = CHUNK_END_LF;
    } else if (chunks->state == CHUNK_TRAILER_VALUE) {
        if (c == '\r')
            chunks->state = CHUNK_TRAILER_LF;
        else if (!is_text(c))
            return "a control character in a trailer";
    } else {
        return name_byte(chunks, c);
    }
    return NULL;
}

static const char *expect(struct http_chunks *chunks, char c, char expected,
                          enum http_chunk_state next)
{
    if (c != expected)
        return "chunk data or a trailer that does not end in CRLF";
    chunks->state = next;
    return NULL;
}

static const char *take_one(struct http_chunks *chunks, char c)
{
    switch (chunks->state) {
    case CHUNK_SIZE_FIRST:
    case CHUNK_SIZE:
        return size_byte(chunks, c);
    case CHUNK_SIZE_SPACE:
        return size_end_byte(chunks, c);
    case CHUNK_EXTENSION:
        return extension_byte(chunks, c);
    case CHUNK_SIZE_LF:
        return end_size_line(chunks, c);
    case CHUNK_DATA_CR:
        return expect(chunks, c, '\r', CHUNK_DATA_LF);
    case CHUNK_DATA_LF:
        chunks->digits = 0;
        return expect(chunks, c, '\n', CHUNK_SIZE_FIRST);
    case CHUNK_TRAILER_LF:
        return expect(chunks, c, '\n', CHUNK_TRAILER_START);
    case CHUNK_END_LF:
        return expect(chunks, c, '\n', CHUNK_DONE);
    default:
        return trailer_byte(chunks, c);
    }
}

uint64_t http_chunks_run(const struct http_chunks *chunks)
{
    return chunks->state == CHUNK_DATA ? chunks->left : 0;
}

void http_chunks_skip(struct http_chunks *chunks, uint64_t n)
{
    chunks->left -= n;
    if (chunks->left == 0)
        chunks->state = CHUNK_DATA_CR;
}

/* Whether the next byte belongs to an extension, its semicolon and the space around it included. */
static bool extends(const struct http_chunks *chunks, char c)
{
    if (chunks->state == CHUNK_SIZE)
        return c == ';' || c == ' ' || c == '\t';
    return (chunks->state == CHUNK_SIZE_SPACE || chunks->state == CHUNK_EXTENSION) && c != '\r';
}

const char *http_chunks_take(struct http_chunks *chunks, const char *bytes, size_t length,
                             size_t *used, size_t *data_at, size_t *data_length)
{
    size_t at = 0;
    *data_at = *data_length = 0;
    chunks->extension = length > 0 && extends(chunks, bytes[0]);
    while (at < length && chunks->state != CHUNK_DATA && chunks->state != CHUNK_DONE &&
           extends(chunks, bytes[at]) == chunks->extension) {
        const char *problem = take_one(chunks, bytes[at++]);
        if (problem)
            return problem;
    }
    if (chunks->state == CHUNK_DATA && at < length) {
        size_t run = length - at < chunks->left ? length - at : (size_t)chunks->left;
        *data_at = at;
        *data_length = run;
        at += run;
        http_chunks_skip(chunks, run);
    }
    *used = at;
    return NULL;
}
