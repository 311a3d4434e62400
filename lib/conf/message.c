/* SPDX-License-Identifier: MIT */
#include "lib/conf/message.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/conf/text.h"

/* As much of a text as is quoted. */
#define LONGEST_QUOTE 64

static void make_one_line(char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = utf8_length(text, left);
        if (length == 0 || utf8_is_control(text, length)) {
            length = length ? length : 1;
            memset(text, '?', length);
        }
        text += length;
        left -= length;
    }
}

enum result conf_message(struct error *error, const char *name, const char *text, size_t offset,
                         const char *what)
{
    size_t line, column;
    conf_text_position(text, offset, &line, &column);
    error_set(error, FAILED_INPUT, "%s:%zu:%zu: %s", name, line, column, what);
    make_one_line(error->text);
    return FAILED_INPUT;
}

const char *conf_quote(char out[CONF_QUOTE], const char *text)
{
    size_t whole = strlen(text);
    size_t length = whole <= LONGEST_QUOTE ? whole : LONGEST_QUOTE;
    /* Not in the middle of a character. */
    while (length < whole && length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    snprintf(out, CONF_QUOTE, "\"%.*s%s\"", (int)length, text, length < whole ? "..." : "");
    return out;
}

const char *conf_list_names(char out[CONF_NAMES], const char *const *names, size_t count)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *before = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        if (used + strlen(before) + strlen(names[i]) + sizeof("\"\", ...") > CONF_NAMES) {
            snprintf(out + used, CONF_NAMES - used, ", ...");
            break;
        }
        used += (size_t)snprintf(out + used, CONF_NAMES - used, "%s\"%s\"", before, names[i]);
    }
    return out;
}
