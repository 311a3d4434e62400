/* SPDX-License-Identifier: MIT */
#include "lib/base/utf8.h"

#include <string.h>

#include "lib/base/result.h"

/* Which first bytes begin a character of how many bytes, and what its second byte may be; the
 * others are 0x80..0xBF. */
static const struct lead {
    unsigned char first, last, length, second_low, second_high;
} leads[] = {
    {0x00, 0x7F, 1, 0, 0},       {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

static bool within(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

static bool continues(const struct lead *lead, const unsigned char *p)
{
    if (lead->length > 1 && !within(p[1], lead->second_low, lead->second_high))
        return false;
    for (size_t i = 2; i < lead->length; i++)
        if (!within(p[i], 0x80, 0xBF))
            return false;
    return true;
}

size_t utf8_length(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    if (n == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(leads); i++)
        if (within(p[0], leads[i].first, leads[i].last))
            return leads[i].length <= n && continues(&leads[i], p) ? leads[i].length : 0;
    return 0;
}

bool utf8_is_control(const char *text, size_t length)
{
    const unsigned char *p = (const unsigned char *)text;
    return (length == 1 && (p[0] < 0x20 || p[0] == 0x7F)) ||
           (length == 2 && p[0] == 0xC2 && p[1] < 0xA0);
}

void utf8_append_visible(struct buf *out, const char *text)
{
    for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
        length = utf8_length(text, left);
        if (length == 0 || utf8_is_control(text, length))
            buf_append_text(out, "?");
        else
            buf_append(out, text, length);
        length = length ? length : 1;
    }
}
