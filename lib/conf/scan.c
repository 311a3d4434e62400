/* SPDX-License-Identifier: MIT */
#include "lib/conf/scan.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/conf/token.h"

/* Far above what a person nests, far below what would exhaust a stack. */
#define DEEPEST 100

#define NO_KEY SIZE_MAX

struct scan {
    struct conf_cursor cursor;
    unsigned depth;
    struct conf_place *places;
    size_t count, capacity;
};

static bool scan_value(struct scan *scan, size_t key);

static char peek(struct scan *scan)
{
    conf_token_skip_space(&scan->cursor);
    return scan->cursor.text[scan->cursor.at];
}

static void add_place(struct scan *scan, size_t key)
{
    if (scan->count == scan->capacity) {
        scan->capacity = scan->capacity ? scan->capacity * 2 : 64;
        scan->places = mem_grow(scan->places, scan->capacity, sizeof(*scan->places));
    }
    size_t value = scan->cursor.at;
    scan->places[scan->count++] =
        (struct conf_place){.key = key == NO_KEY ? value : key, .value = value};
}

static bool scan_member(struct scan *scan)
{
    if (peek(scan) != '"')
        return conf_token_unexpected(&scan->cursor, "a key in double quotes");
    size_t key = scan->cursor.at;
    if (!conf_token_string(&scan->cursor))
        return false;
    if (peek(scan) != ':')
        return conf_token_unexpected(&scan->cursor, "\":\" after the key");
    scan->cursor.at++;
    return scan_value(scan, key);
}

/* After a member: moves past the comma, sets `last` at the closing bracket. */
static bool scan_separator(struct scan *scan, size_t opening, char close, bool *last)
{
    char next = peek(scan);
    *last = next == close;
    if (next == ',' || next == close) {
        scan->cursor.at++;
        if (*last || peek(scan) != close)
            return true;
        return conf_token_unexpected(&scan->cursor, "no comma after the last entry");
    }
    size_t line, column;
    conf_text_position(scan->cursor.text, opening, &line, &column);
    char expected[96];
    snprintf(expected, sizeof(expected), "\",\" or \"%c\" for the \"%c\" of line %zu", close,
             scan->cursor.text[opening], line);
    return conf_token_unexpected(&scan->cursor, expected);
}

/* An object or an array: what it holds differs, how it is held does not. */
static bool scan_members(struct scan *scan, char close)
{
    size_t opening = scan->cursor.at;
    if (++scan->depth > DEEPEST)
        return conf_flaw_set(scan->cursor.flaw, opening,
                             "nested too deep (expected at most %d levels)", DEEPEST);
    scan->cursor.at++;
    bool last = peek(scan) == close;
    if (last)
        scan->cursor.at++;
    while (!last) {
        bool member = close == '}' ? scan_member(scan) : scan_value(scan, NO_KEY);
        if (!member || !scan_separator(scan, opening, close, &last))
            return false;
    }
    scan->depth--;
    return true;
}

static bool scan_value(struct scan *scan, size_t key)
{
    char first = peek(scan);
    add_place(scan, key);
    switch (first) {
    case '{':
        return scan_members(scan, '}');
    case '[':
        return scan_members(scan, ']');
    case '"':
        return conf_token_string(&scan->cursor);
    default:
        if (first == '-' || (first >= '0' && first <= '9'))
            return conf_token_number(&scan->cursor);
        return conf_token_literal(&scan->cursor);
    }
}

static bool scan_document(struct scan *scan)
{
    if (peek(scan) == '\0')
        return conf_flaw_set(
            scan->cursor.flaw, 0,
            scan->cursor.text[0] == '\0'
                ? "the file is empty (expected {...})"
                : "the file is empty but for blanks and comments (expected {...})");
    if (!scan_value(scan, NO_KEY))
        return false;
    if (peek(scan) == '\0')
        return true;
    return conf_token_unexpected(&scan->cursor, "nothing after the first value");
}

bool conf_scan(const char *text, struct conf_place **places, struct conf_flaw *flaw)
{
    struct scan scan = {.cursor = {.text = text, .flaw = flaw}};
    bool good = scan_document(&scan);
    if (!good) {
        free(scan.places);
        scan.places = NULL;
    }
    *places = scan.places;
    return good;
}
