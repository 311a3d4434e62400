/* SPDX-License-Identifier: MIT */
#include "lib/conf/token.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"

/* cJSON reads at most 63 bytes of a number. */
#define LONGEST_NUMBER 60

/* As much of a word as a message quotes. */
#define LONGEST_QUOTE 24

#define DIGITS "0123456789"

void conf_token_skip_space(struct conf_cursor *cursor)
{
    cursor->at += strspn(cursor->text + cursor->at, " \t\r\n");
}

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("_.+-%/", c));
}

static size_t word_length(const char *text)
{
    size_t length = 0;
    while (is_word_byte(text[length]))
        length++;
    return length;
}

static int quoted_length(size_t length)
{
    return length < LONGEST_QUOTE ? (int)length : LONGEST_QUOTE;
}

/* At the end of a text the flaw is placed right behind the last thing that stands there. */
static size_t end_of_content(const struct conf_cursor *cursor)
{
    size_t end = cursor->at;
    while (end > 0 && strchr(" \t\r\n", cursor->text[end - 1]))
        end--;
    return end;
}

bool conf_token_unexpected(struct conf_cursor *cursor, const char *expected)
{
    const char *here = cursor->text + cursor->at;
    if (*here == '\0')
        return conf_flaw_set(cursor->flaw, end_of_content(cursor),
                             "unexpected end of the text (expected %s)", expected);
    if (*here == '"')
        return conf_flaw_set(cursor->flaw, cursor->at, "unexpected string (expected %s)", expected);
    size_t length = word_length(here);
    if (length == 0)
        length = utf8_length(here, strlen(here));
    return conf_flaw_set(cursor->flaw, cursor->at, "unexpected '%.*s' (expected %s)",
                         quoted_length(length), here, expected);
}

bool conf_token_literal(struct conf_cursor *cursor)
{
    static const char *const literals[] = {"true", "false", "null"};
    const char *here = cursor->text + cursor->at;
    size_t length = word_length(here);
    for (size_t i = 0; i < ARRAY_LEN(literals); i++) {
        if (strlen(literals[i]) == length && strncmp(here, literals[i], length) == 0) {
            cursor->at += length;
            return true;
        }
    }
    return conf_token_unexpected(cursor, "a value: {, [, text in double quotes, a number, true, "
                                         "false or null");
}

/* The four hexadecimal digits at `text`, or -1. */
static int32_t hex4(const char *text)
{
    int32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        char c = text[i];
        if (!isxdigit((unsigned char)c))
            return -1;
        value = value * 16 + (isdigit((unsigned char)c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    return value;
}

/* "\u1234", or a pair of them that stands for one character. */
static bool unicode_escape(struct conf_cursor *cursor)
{
    const char *here = cursor->text + cursor->at;
    int32_t code = hex4(here + 2);
    if (code < 0)
        return conf_flaw_set(cursor->flaw, cursor->at,
                             "malformed escape (expected \\u and four hexadecimal digits)");
    if (code == 0)
        return conf_flaw_set(cursor->flaw, cursor->at,
                             "a NUL character in a string (expected text)");
    bool first_half = code >= 0xd800 && code < 0xdc00;
    int32_t second = first_half && here[6] == '\\' && here[7] == 'u' ? hex4(here + 8) : -1;
    if ((code >= 0xdc00 && code < 0xe000) || (first_half && (second < 0xdc00 || second > 0xdfff)))
        return conf_flaw_set(cursor->flaw, cursor->at,
                             "half a character (expected a pair such as \\ud83d\\ude00)");
    cursor->at += first_half ? 12 : 6;
    return true;
}

static bool escape(struct conf_cursor *cursor)
{
    char kind = cursor->text[cursor->at + 1];
    if (kind == 'u')
        return unicode_escape(cursor);
    if (kind == '\0' || !strchr("\"\\/bfnrt", kind))
        return conf_flaw_set(cursor->flaw, cursor->at,
                             "unknown escape in a string (expected \\\", \\\\, \\/, \\b, \\f, \\n, "
                             "\\r, \\t or \\u and four hexadecimal digits)");
    cursor->at += 2;
    return true;
}

bool conf_token_string(struct conf_cursor *cursor)
{
    size_t start = cursor->at++;
    for (;;) {
        char c = cursor->text[cursor->at];
        if (c == '"') {
            cursor->at++;
            return true;
        }
        if (c == '\0' || c == '\n' || c == '\r')
            return conf_flaw_set(cursor->flaw, start,
                                 "a string is not closed (expected a double quote on its line)");
        if ((unsigned char)c < ' ')
            return conf_flaw_set(cursor->flaw, cursor->at,
                                 "control character 0x%02x in a string (expected an escape such as "
                                 "\\t)",
                                 (unsigned)c);
        if (c != '\\')
            cursor->at++;
        else if (!escape(cursor))
            return false;
    }
}

/* The length of the number at `text` as JSON has it, or 0. */
static size_t number_length(const char *text)
{
    size_t at = text[0] == '-';
    size_t digits = strspn(text + at, DIGITS);
    if (digits == 0 || (digits > 1 && text[at] == '0'))
        return 0;
    at += digits;
    if (text[at] == '.') {
        digits = strspn(text + at + 1, DIGITS);
        if (digits == 0)
            return 0;
        at += 1 + digits;
    }
    if (text[at] == 'e' || text[at] == 'E') {
        at++;
        at += text[at] == '+' || text[at] == '-';
        digits = strspn(text + at, DIGITS);
        at = digits ? at + digits : 0;
    }
    return at;
}

/* Numbers are kept as IEEE doubles: what these would change silently is refused. */
static bool check_range(struct conf_cursor *cursor, size_t length)
{
    char number[LONGEST_NUMBER + 1];
    if (length > LONGEST_NUMBER)
        return conf_flaw_set(cursor->flaw, cursor->at,
                             "a number of %zu characters (expected at most %d)", length,
                             LONGEST_NUMBER);
    memcpy(number, cursor->text + cursor->at, length);
    number[length] = '\0';
    if (!isfinite(strtod(number, NULL)))
        return conf_flaw_set(cursor->flaw, cursor->at,
                             "%s is too large (expected at most 1.79e308)", number);
    const char *magnitude = number + (number[0] == '-');
    if (strspn(magnitude, DIGITS) == strlen(magnitude) &&
        (strlen(magnitude) > 16 || strtoull(magnitude, NULL, 10) > UINT64_C(1) << 53))
        return conf_flaw_set(cursor->flaw, cursor->at,
                             "%s cannot be kept exactly (expected at most 9007199254740992)",
                             number);
    return true;
}

bool conf_token_number(struct conf_cursor *cursor)
{
    const char *here = cursor->text + cursor->at;
    size_t length = number_length(here);
    size_t word = word_length(here);
    if (length == 0 || length != word)
        return conf_flaw_set(cursor->flaw, cursor->at,
                             "malformed number '%.*s' (expected digits such as 12 or -0.5; a value "
                             "with a unit stands in double quotes)",
                             quoted_length(word), here);
    if (!check_range(cursor, length))
        return false;
    cursor->at += length;
    return true;
}
