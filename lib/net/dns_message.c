/* SPDX-License-Identifier: MIT */
#include "lib/net/dns_message.h"

enum { HEADER = 12, QUESTION_TAIL = 4, RECORD_TAIL = 10, POINTER = 0xc0 };

struct walk {
    const uint8_t *at, *end;
};

static uint32_t number(const uint8_t *at, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static bool skip(struct walk *walk, size_t bytes)
{
    if ((size_t)(walk->end - walk->at) < bytes)
        return false;
    walk->at += bytes;
    return true;
}

/* Labels up to the empty one, or up to a pointer, which is the end of a name as well. */
static bool skip_name(struct walk *walk)
{
    while (walk->at < walk->end) {
        uint8_t length = *walk->at;
        if (length >= POINTER)
            return skip(walk, 2);
        if (!skip(walk, 1 + (size_t)length))
            return false;
        if (length == 0)
            return true;
    }
    return false;
}

static bool read_ttl(struct walk *walk, uint32_t *ttl)
{
    if (!skip_name(walk))
        return false;
    const uint8_t *tail = walk->at; /* type, class, TTL, length */
    if (!skip(walk, RECORD_TAIL) || !skip(walk, number(tail + 8, 2)))
        return false;
    *ttl = number(tail + 4, 4);
    if (*ttl > INT32_MAX)
        *ttl = 0;
    return true;
}

bool dns_least_ttl(const uint8_t *message, size_t length, uint32_t *least)
{
    struct walk walk = {message, message + length};
    if (!skip(&walk, HEADER))
        return false;
    uint32_t questions = number(message + 4, 2), answers = number(message + 6, 2);
    for (uint32_t i = 0; i < questions; i++)
        if (!skip_name(&walk) || !skip(&walk, QUESTION_TAIL))
            return false;
    *least = UINT32_MAX;
    for (uint32_t i = 0; i < answers; i++) {
        uint32_t ttl;
        if (!read_ttl(&walk, &ttl))
            return false;
        if (ttl < *least)
            *least = ttl;
    }
    return answers > 0;
}
