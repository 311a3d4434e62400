/* SPDX-License-Identifier: MIT */
/* The chunked coding (RFC 9112 7.1), byte by byte and strict: sizes without signs, at most 16 hex
 * digits and below 2^63 (who counts with a sign must not see a negative one), extensions and
 * trailers of bounded length, CRLF everywhere. */
#ifndef TAILGATE_LIB_HTTP_CHUNK_H
#define TAILGATE_LIB_HTTP_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    uint32_t extra; /* bytes of extensions or trailers so far */
};

void http_chunks_init(struct http_chunks *chunks);

/* Takes bytes up to the end of the next run of data, of the body, or of the input. Sets how many
 * were used and where the data lies (data_length 0: none). Returns NULL, or what is wrong. */
const char *http_chunks_take(struct http_chunks *chunks, const char *bytes, size_t length,
                             size_t *used, size_t *data_at, size_t *data_length);

#endif
