/* SPDX-License-Identifier: MIT */
#include "chaos/fault/draw.h"

#include "lib/base/hash.h"
#include "lib/http/trace.h"

void draw_stream(struct rng *rng, uint64_t seed, const char *name, uint64_t ordinal,
                 enum draw_purpose purpose)
{
    rng_init_stream(rng, seed, name, ordinal * DRAW_PURPOSE_COUNT + purpose);
}

double draw_position(uint64_t seed, const char *name, uint64_t ordinal)
{
    struct rng rng;
    draw_stream(&rng, seed, name, ordinal, DRAW_TOUCH);
    return rng_unit(&rng);
}

bool draw_touches(uint64_t seed, const char *name, uint64_t ordinal, double share)
{
    return draw_position(seed, name, ordinal) < share;
}

bool draw_trace_key(const struct http_head *head, uint64_t *key)
{
    struct trace trace;
    const struct http_field *field = http_only_field(head, HTTP_FIELD_TRACEPARENT);
    if (!field || !trace_parse(&trace, field->value.at, field->value.length))
        return false;
    /* Without its highest bit: who reads records may count with a sign. */
    *key = hash_bytes(0, trace.trace_id, sizeof(trace.trace_id)) >> 1;
    return true;
}

uint64_t draw_key(const struct http_head *head, uint64_t number)
{
    uint64_t key = number;
    (void)draw_trace_key(head, &key);
    return key;
}

uint64_t draw_key_of_try(uint64_t key, uint64_t number)
{
    return number <= 1 ? key : hash_mix(key + number) >> 1;
}
