/* SPDX-License-Identifier: MIT */
/* Reads a whole body as a gateway does, from pieces of any size, and keeps what came of it. */
#ifndef TAILGATE_TESTS_UNIT_HTTP_READING_H
#define TAILGATE_TESTS_UNIT_HTTP_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "lib/http/framing.h"
#include "tests/unit/http/sample.h"

struct reading {
    const char *problem;
    size_t used;
    bool complete;
    size_t payload_length;
    char payload[4096];
};

/* Takes what it can from one piece. False when the body ended there, well or not. */
static inline bool reading_take(struct reading *reading, struct http_body *body, const char *bytes,
                                size_t length)
{
    char *copy = sample_copy(bytes, length);
    size_t at = 0, used = 1;
    while (used > 0 && !body->complete && !reading->problem) {
        struct http_span payload = {copy, 0};
        reading->problem = http_body_take(body, copy + at, length - at, &used, &payload);
        if (reading->problem)
            break;
        memcpy(reading->payload + reading->payload_length, payload.at, payload.length);
        reading->payload_length += payload.length;
        at += used;
    }
    reading->used += at;
    reading->complete = body->complete;
    free(copy);
    return !reading->problem && !body->complete;
}

/* Reads from a first piece of `first` bytes and further ones of `step`. */
static inline struct reading reading_of(struct http_body body, const char *bytes, size_t length,
                                        size_t first, size_t step)
{
    struct reading reading = {.complete = body.complete};
    size_t piece = first < length ? first : length;
    for (size_t at = 0; reading_take(&reading, &body, bytes + at, piece) && at + piece < length;) {
        at += piece;
        piece = step < length - at ? step : length - at;
    }
    return reading;
}

#endif
