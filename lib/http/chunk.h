/* SPDX-License-Identifier: MIT */
/* The chunked coding (RFC 9112 7.1), byte by byte and strict: sizes without signs, at most 16 hex
 * digits and below 2^63 (who counts with a sign must not see a negative one), extensions and
 * trailers of bounded length, CRLF everywhere, and no trailer that would frame, route or vouch for
 * the message if somebody put it among the header fields (RFC 9110 6.5.1), as CGI reads its name
 * too. */
#ifndef TAILGATE_LIB_HTTP_CHUNK_H
#define TAILGATE_LIB_HTTP_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest name that a trailer must not have, and a NUL. */
enum { CHUNK_NAME_SIZE = 64 };

enum http_chunk_state {
    CHUNK_SIZE_FIRST, /* the first digit of a size */
    CHUNK_SIZE,
    CHUNK_SIZE_SPACE, /* space between the size and an extension or the line's end */
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_START, /* the start of a trailer line */
    CHUNK_TRAILER_NAME,
    CHUNK_TRAILER_VALUE,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
    CHUNK_DONE,
};

struct http_chunks {
    enum http_chunk_state state;
    uint64_t left; /* of the chunk's size line or data */
    uint32_t digits;
    uint32_t extra;             /* bytes of extensions or trailers so far */
    bool extension;             /* what the last call used is not passed on */
    uint8_t name_length;        /* of the trailer that is being read; what is longer is not kept */
    char name[CHUNK_NAME_SIZE]; /* lower case, "-" for "_" */
    const char *const *refused; /* further names that no trailer may have, written so */
    size_t refused_count;
};

void http_chunks_init(struct http_chunks *chunks);

/* Takes bytes up to the end of the next run of data, of the body, or of the input, and up to either
 * end of an extension: who passes the coding on leaves out what a call used when
 * `chunks->extension` is set then (RFC 9112 7.1.1: an extension is for one hop). Sets how many were
 * used and where the data lies (data_length 0: none). Returns NULL, or what is wrong. */
const char *http_chunks_take(struct http_chunks *chunks, const char *bytes, size_t length,
                             size_t *used, size_t *data_at, size_t *data_length);

/* Bytes of the current chunk's data that are still to come, and taking `n` of them unseen. */
uint64_t http_chunks_run(const struct http_chunks *chunks);
void http_chunks_skip(struct http_chunks *chunks, uint64_t n);

#endif
