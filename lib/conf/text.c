/* SPDX-License-Identifier: MIT */
#include "lib/conf/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/utf8.h"

bool conf_flaw_set(struct conf_flaw *flaw, size_t at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(flaw->what, sizeof(flaw->what), format, args);
    va_end(args);
    flaw->at = at;
    return false;
}

static bool check_bytes(const char *text, size_t length, struct conf_flaw *flaw)
{
    for (size_t at = 0, step; at < length; at += step) {
        if (text[at] == '\0')
            return conf_flaw_set(flaw, at, "a NUL byte (expected text)");
        step = utf8_length(text + at, length - at);
        if (step == 0)
            return conf_flaw_set(flaw, at, "byte 0x%02x is not UTF-8 (expected text in UTF-8)",
                                 (unsigned)(uint8_t)text[at]);
    }
    return true;
}

/* The end of the comment that starts at `at`, or 0 when it has none. A line comment ends before its
 * newline, or with the text. */
static size_t comment_end(const char *text, size_t length, size_t at)
{
    if (text[at + 1] == '/')
        return at + strcspn(text + at, "\n");
    const char *end = length - at >= 4 ? strstr(text + at + 2, "*/") : NULL;
    return end ? (size_t)(end - text) + 2 : 0;
}

/* The end of the string that opens at `at`. A string ends with its line, closed or not. */
static size_t string_end(const char *text, size_t at)
{
    for (at++; text[at] != '\0' && text[at] != '\n' && text[at] != '"'; at++)
        if (text[at] == '\\' && (text[at + 1] == '"' || text[at + 1] == '\\'))
            at++;
    return text[at] == '"' ? at + 1 : at;
}

/* Newlines stay, so that lines stay lines. */
static void blank(char *text, size_t from, size_t to)
{
    for (; from < to; from++)
        if (text[from] != '\n')
            text[from] = ' ';
}

static bool blank_comments(char *text, size_t length, struct conf_flaw *flaw)
{
    size_t at = 0;
    while (at < length) {
        if (text[at] == '"') {
            at = string_end(text, at);
        } else if (text[at] == '/' && (text[at + 1] == '/' || text[at + 1] == '*')) {
            size_t end = comment_end(text, length, at);
            if (end == 0)
                return conf_flaw_set(flaw, at, "a comment is not closed (expected \"*/\")");
            blank(text, at, end);
            at = end;
        } else {
            at++;
        }
    }
    return true;
}

bool conf_text_clean(char *text, size_t length, struct conf_flaw *flaw)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (!check_bytes(text, length, flaw))
        return false;
    if (strncmp(text, byte_order_mark, sizeof(byte_order_mark) - 1) == 0)
        blank(text, 0, sizeof(byte_order_mark) - 1);
    return blank_comments(text, length, flaw);
}

void conf_text_position(const char *text, size_t offset, size_t *line, size_t *column)
{
    size_t line_start = 0;
    *line = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            ++*line;
            line_start = i + 1;
        }
    }
    *column = offset - line_start + 1;
}
