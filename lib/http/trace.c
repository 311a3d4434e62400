/* SPDX-License-Identifier: MIT */
#include "lib/http/trace.h"

#include <endian.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(uint8_t *bytes, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i])
            return false;
    return true;
}

bool trace_parse(struct trace *trace, const char *text, size_t length)
{
    uint8_t version, flags;
    if (length < TRACE_TEXT || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return false;
    if (!take_hex(&version, 1, text) || !take_hex(trace->trace_id, 16, text + 3) ||
        !take_hex(trace->span_id, 8, text + 36) || !take_hex(&flags, 1, text + 53))
        return false;
    /* Later versions may append fields behind a dash; version 00 has none. */
    if (version == 0xff || (length > TRACE_TEXT && (version == 0 || text[TRACE_TEXT] != '-')))
        return false;
    trace->sampled = flags & 1;
    return !all_zero(trace->trace_id, 16) && !all_zero(trace->span_id, 8);
}

/* Eight bytes of text for four, all at once: each half byte is put into a byte of its own, and
 * those above nine are moved up to the letters. */
static void hex_of_four(char *out, const uint8_t *bytes)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint32_t four;
    memcpy(&four, bytes, sizeof(four));
    uint64_t halves = be32toh(four);
    halves = (halves | halves << 16) & UINT64_C(0x0000ffff0000ffff);
    halves = (halves | halves << 8) & UINT64_C(0x00ff00ff00ff00ff);
    halves = (halves | halves << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    uint64_t above_nine = (halves + each * 6) >> 4 & each;
    uint64_t text = htobe64(halves + each * '0' + above_nine * ('a' - '9' - 1));
    memcpy(out, &text, sizeof(text));
}

void trace_hex(char *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i += 4)
        hex_of_four(out + 2 * i, bytes + i);
}

void trace_format(const struct trace *trace, char *out)
{
    memcpy(out, "00-", 3);
    trace_hex(out + 3, trace->trace_id, 16);
    out[35] = '-';
    trace_hex(out + 36, trace->span_id, 8);
    memcpy(out + 52, trace->sampled ? "-01" : "-00", 3);
}
