/* SPDX-License-Identifier: MIT */
#include "lib/http/head.h"

#include <endian.h>
#include <string.h>
#include <strings.h>

/* What a byte may be part of. */
enum { IS_TOKEN = 1, IS_TARGET = 2, IS_VALUE = 4, IS_HOST = 8 };

/* RFC 9110 5.6.2 token; visible ASCII for a target; field values also take space, tab and bytes
 * above 127 (obs-text); what RFC 3986 allows in a host. */
#define T (IS_TOKEN | IS_TARGET | IS_VALUE)
#define V (IS_TARGET | IS_VALUE)
#define H IS_HOST
static const uint8_t byte_class[256] = {
    ['\t'] = IS_VALUE,
    [' '] = IS_VALUE,
    ['!'] = T | H,
    ['"'] = V,
    ['#'] = T,
    ['$'] = T | H,
    ['%'] = T | H,
    ['&'] = T | H,
    ['\''] = T | H,
    ['('] = V | H,
    [')'] = V | H,
    ['*'] = T | H,
    ['+'] = T | H,
    [','] = V,
    ['-'] = T | H,
    ['.'] = T | H,
    ['/'] = V,
    ['0' ... '9'] = T | H,
    [':'] = V,
    [';'] = V | H,
    ['<'] = V,
    ['='] = V | H,
    ['>'] = V,
    ['?'] = V,
    ['@'] = V,
    ['A' ... 'Z'] = T | H,
    ['['] = V,
    ['\\'] = V,
    [']'] = V,
    ['^'] = T,
    ['_'] = T | H,
    ['`'] = T,
    ['a' ... 'z'] = T | H,
    ['{'] = V,
    ['|'] = T,
    ['}'] = V,
    ['~'] = T | H,
    [128 ... 255] = IS_VALUE,
};
#undef T
#undef V
#undef H

struct known_field {
    const char *name;
    uint32_t length;
};
#define KNOWN_FIELD(id, text) [HTTP_FIELD_##id] = {text, sizeof(text) - 1},
static const struct known_field known_fields[HTTP_FIELD_COUNT] = {HTTP_FIELDS(KNOWN_FIELD)};

const char http_too_many_fields[] = "too many fields";
const char http_other_version[] = "an HTTP version other than 1.x";

struct cursor {
    const char *at, *end;
};

static struct http_span span_between(const char *from, const char *to)
{
    return (struct http_span){from, (uint32_t)(to - from)};
}

static struct http_span take_class(struct cursor *cursor, uint8_t class)
{
    const char *start = cursor->at, *at = start;
    while (at < cursor->end && byte_class[(uint8_t)*at] & class)
        at++;
    cursor->at = at;
    return span_between(start, at);
}

/* Eight bytes at a time: a bit is set in the first byte that may not be part of a field's value, or
 * is a tab, and in no byte before it. */
static uint64_t first_odd_byte(const char *bytes)
{
    const uint64_t each = UINT64_C(0x0101010101010101), top = each << 7;
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    word = le64toh(word);
    uint64_t is_delete = word ^ (each * 0x7f);
    return (((word - each * 0x20) & ~word) | ((is_delete - each) & ~is_delete)) & top;
}

/* take_class with IS_VALUE: most of a head is values. */
static struct http_span take_value(struct cursor *cursor)
{
    const char *start = cursor->at, *at = start;
    while (cursor->end - at >= 8) {
        uint64_t odd = first_odd_byte(at);
        at += odd ? (size_t)__builtin_ctzll(odd) / 8 : 8;
        if (odd && *at != '\t')
            break;
        at += odd ? 1 : 0;
    }
    cursor->at = at;
    take_class(cursor, IS_VALUE);
    return span_between(start, cursor->at);
}

static bool take_byte(struct cursor *cursor, char byte)
{
    if (cursor->at == cursor->end || *cursor->at != byte)
        return false;
    cursor->at++;
    return true;
}

static bool take_crlf(struct cursor *cursor)
{
    if (cursor->end - cursor->at < 2 || cursor->at[0] != '\r' || cursor->at[1] != '\n')
        return false;
    cursor->at += 2;
    return true;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* "HTTP/1.0" or "HTTP/1.1"; names are case-sensitive (RFC 9112 2.3). */
static const char *take_version(struct cursor *cursor, struct http_head *head)
{
    if (cursor->end - cursor->at < 8 || memcmp(cursor->at, "HTTP/", 5) != 0)
        return "no HTTP version";
    const char *digits = cursor->at + 5;
    if (!is_digit(digits[0]) || digits[1] != '.' || !is_digit(digits[2]))
        return "no HTTP version";
    if (digits[0] != '1')
        return http_other_version;
    head->minor_version = digits[2] == '0' ? 0 : 1;
    cursor->at += 8;
    return NULL;
}

/* The first of the known fields whose name begins with a letter; 0: none does. */
#define FIRST(letter, id) [(letter) - 'a'] = HTTP_FIELD_##id
static const uint8_t first_with[26] = {
    FIRST('c', CDN_LOOP),
    FIRST('d', DATE),
    FIRST('e', EXPECT),
    FIRST('f', FORWARDED),
    FIRST('h', HOST),
    FIRST('k', KEEP_ALIVE),
    FIRST('m', MAX_FORWARDS),
    FIRST('p', PROXY_CONNECTION),
    FIRST('s', SERVER_TIMING),
    FIRST('t', TE),
    FIRST('u', UPGRADE),
    FIRST('v', VIA),
    FIRST('x', X_FORWARDED_FOR),
};
#undef FIRST

static enum http_field_id identify(struct http_span name)
{
    unsigned letter = (unsigned char)name.at[0] | 0x20;
    if (letter < 'a' || letter > 'z')
        return HTTP_FIELD_OTHER;
    unsigned id = first_with[letter - 'a'];
    for (; id && id < HTTP_FIELD_COUNT && (unsigned char)known_fields[id].name[0] == letter; id++)
        if (known_fields[id].length == name.length &&
            strncasecmp(known_fields[id].name, name.at, name.length) == 0)
            return (enum http_field_id)id;
    return HTTP_FIELD_OTHER;
}

static struct http_span trim_end(struct http_span span)
{
    while (span.length && (span.at[span.length - 1] == ' ' || span.at[span.length - 1] == '\t'))
        span.length--;
    return span;
}

static const char *field_name_problem(const struct cursor *cursor, struct http_span name)
{
    char next = cursor->at < cursor->end ? *cursor->at : '\0';
    if (next == ' ' || next == '\t')
        return name.length ? "whitespace before the colon of a field" : "a folded field line";
    return name.length ? "a character that is not allowed in a field name" : "an empty field name";
}

static const char *value_problem(const struct cursor *cursor)
{
    char next = cursor->at < cursor->end ? *cursor->at : '\0';
    if (next == '\n' || next == '\r')
        return "a line end that is not CRLF";
    return "a control character in a field value";
}

static const char *take_field(struct cursor *cursor, struct http_head *head)
{
    if (head->field_count == HTTP_MAX_FIELDS)
        return http_too_many_fields;
    struct http_field *field = &head->fields[head->field_count++];
    const char *start = cursor->at;
    field->name = take_class(cursor, IS_TOKEN);
    if (field->name.length == 0 || !take_byte(cursor, ':'))
        return field_name_problem(cursor, field->name);
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t'))
        cursor->at++;
    field->value = trim_end(take_value(cursor));
    if (!take_crlf(cursor))
        return value_problem(cursor);
    field->line = span_between(start, cursor->at);
    field->id = identify(field->name);
    head->present |= UINT32_C(1) << field->id;
    return NULL;
}

static unsigned option(struct http_span element)
{
    if (http_span_is_nocase(element, "close"))
        return HTTP_OPTION_CLOSE;
    if (http_span_is_nocase(element, "keep-alive"))
        return HTTP_OPTION_KEEP_ALIVE;
    return http_span_is_nocase(element, "upgrade") ? HTTP_OPTION_UPGRADE : HTTP_OPTION_OTHER;
}

static void read_options(struct http_head *head)
{
    int field = 0;
    uint32_t offset = 0;
    struct http_span element;
    while (http_list_next(head, HTTP_FIELD_CONNECTION, &field, &offset, &element))
        head->options |= option(element);
}

static const char *take_fields(struct cursor *cursor, struct http_head *head)
{
    while (cursor->at < cursor->end && *cursor->at != '\r') {
        const char *problem = take_field(cursor, head);
        if (problem)
            return problem;
    }
    if (!take_crlf(cursor) || cursor->at != cursor->end)
        return "a line end that is not CRLF";
    if (http_has(head, HTTP_FIELD_CONNECTION))
        read_options(head);
    return NULL;
}

static void head_clear(struct http_head *head)
{
    head->status = 0;
    head->minor_version = 0;
    head->present = 0;
    head->options = 0;
    head->field_count = 0;
    head->method = head->target = head->authority = (struct http_span){"", 0};
}

/* A colon and a port, or nothing. */
static bool is_port(const char *at, const char *end)
{
    unsigned port = 0;
    if (at == end)
        return true;
    if (*at++ != ':' || end - at > 5)
        return false;
    for (; at < end && is_digit(*at); at++)
        port = port * 10 + (unsigned)(*at - '0');
    return at == end && port <= UINT16_MAX;
}

bool http_is_host(struct http_span value)
{
    const char *at = value.at, *end = value.at + value.length;
    bool brackets = at < end && *at == '[';
    if (brackets) {
        while (++at < end && (is_digit(*at) || strchr("abcdefABCDEF:.", *at)))
            continue;
        return at > value.at + 1 && at < end && *at == ']' && is_port(at + 1, end);
    }
    while (at < end && byte_class[(uint8_t)*at] & IS_HOST)
        at++;
    return (at > value.at || at == end) && is_port(at, end);
}

/* RFC 9112 3.2: a 1.1 request has exactly one Host field, and no message has more. */
static const char *host_problem(const struct http_head *head)
{
    int hosts = 0;
    for (int i = 0; http_has(head, HTTP_FIELD_HOST) && i < head->field_count; i++)
        if (head->fields[i].id == HTTP_FIELD_HOST &&
            (hosts++ || !http_is_host(head->fields[i].value)))
            return hosts > 1 ? "more than one Host field" : "a Host that is not a name and a port";
    if (hosts == 0 && head->minor_version == 1)
        return "no Host field";
    return NULL;
}

const char *http_parse_request(struct http_head *head, const char *bytes, size_t length)
{
    struct cursor cursor = {bytes, bytes + length};
    head_clear(head);
    head->method = take_class(&cursor, IS_TOKEN);
    if (head->method.length == 0 || !take_byte(&cursor, ' '))
        return "no method";
    head->target = take_class(&cursor, IS_TARGET);
    if (head->target.length == 0 || !take_byte(&cursor, ' '))
        return "no request target, or a character that is not allowed in it";
    const char *problem = take_version(&cursor, head);
    if (problem)
        return problem;
    head->start_line = span_between(bytes, cursor.at);
    if (!take_crlf(&cursor))
        return "a line end that is not CRLF";
    problem = take_fields(&cursor, head);
    return problem ? problem : host_problem(head);
}

static const char *take_status(struct cursor *cursor, struct http_head *head)
{
    if (cursor->end - cursor->at < 3)
        return "no status code";
    for (int i = 0; i < 3; i++) {
        char digit = *cursor->at++;
        if (digit < '0' || digit > '9')
            return "a status code that is not three digits";
        head->status = head->status * 10 + (digit - '0');
    }
    return head->status < 100 ? "a status code below 100" : NULL;
}

const char *http_parse_response(struct http_head *head, const char *bytes, size_t length)
{
    struct cursor cursor = {bytes, bytes + length};
    head_clear(head);
    const char *problem = take_version(&cursor, head);
    if (problem)
        return problem;
    if (!take_byte(&cursor, ' '))
        return "no status code";
    problem = take_status(&cursor, head);
    if (problem)
        return problem;
    /* Many servers leave out the space before an empty reason. */
    if (take_byte(&cursor, ' '))
        take_class(&cursor, IS_VALUE);
    head->start_line = span_between(bytes, cursor.at);
    if (!take_crlf(&cursor))
        return "a status line that does not end in CRLF";
    return take_fields(&cursor, head);
}

size_t http_head_end(const char *bytes, size_t length, size_t *scanned)
{
    size_t at = *scanned;
    while (at < length) {
        const char *newline = memchr(bytes + at, '\n', length - at);
        if (!newline) {
            *scanned = length;
            return 0;
        }
        size_t next = (size_t)(newline - bytes) + 1;
        if (next < length && bytes[next] == '\n')
            return next + 1;
        if (next + 1 < length && bytes[next] == '\r' && bytes[next + 1] == '\n')
            return next + 2;
        /* What follows the newline may still be on its way: look at this one again. */
        if (next + 1 >= length) {
            *scanned = next - 1;
            return 0;
        }
        at = next;
    }
    *scanned = at;
    return 0;
}

const struct http_field *http_field(const struct http_head *head, enum http_field_id id)
{
    if (!http_has(head, id))
        return NULL;
    for (int i = 0; i < head->field_count; i++)
        if (head->fields[i].id == id)
            return &head->fields[i];
    return NULL;
}

const struct http_field *http_only_field(const struct http_head *head, enum http_field_id id)
{
    const struct http_field *first = http_field(head, id);
    const struct http_field *end = head->fields + head->field_count;
    for (const struct http_field *other = first ? first + 1 : end; other < end; other++)
        if (other->id == id)
            return NULL;
    return first;
}

const struct http_field *http_field_named(const struct http_head *head, const char *name)
{
    for (int i = 0; i < head->field_count; i++)
        if (http_span_is_nocase(head->fields[i].name, name))
            return &head->fields[i];
    return NULL;
}

bool http_is_token_byte(char byte)
{
    return byte_class[(uint8_t)byte] & IS_TOKEN;
}

bool http_span_is(struct http_span span, const char *text)
{
    return strlen(text) == span.length && memcmp(span.at, text, span.length) == 0;
}

bool http_span_is_nocase(struct http_span span, const char *lower_case)
{
    return strlen(lower_case) == span.length && strncasecmp(span.at, lower_case, span.length) == 0;
}

bool http_name_reads_as(struct http_span name, const char *lower_case)
{
    if (strlen(lower_case) != name.length)
        return false;
    for (uint32_t i = 0; i < name.length; i++) {
        char letter = name.at[i] == '_' ? '-' : (char)(name.at[i] | 0x20);
        if (letter != lower_case[i])
            return false;
    }
    return true;
}

/* The next non-empty element of one field's value. */
static bool element_next(struct http_span value, uint32_t *offset, struct http_span *element)
{
    while (*offset < value.length) {
        const char *start = value.at + *offset;
        uint32_t rest = value.length - *offset;
        const char *comma = memchr(start, ',', rest);
        uint32_t length = comma ? (uint32_t)(comma - start) : rest;
        *offset += length + (comma ? 1 : 0);
        while (length && (*start == ' ' || *start == '\t'))
            start++, length--;
        *element = trim_end((struct http_span){start, length});
        if (element->length)
            return true;
    }
    return false;
}

bool http_list_next(const struct http_head *head, enum http_field_id id, int *field,
                    uint32_t *offset, struct http_span *element)
{
    if (!http_has(head, id))
        return false;
    for (; *field < head->field_count; (*field)++, *offset = 0)
        if (head->fields[*field].id == id &&
            element_next(head->fields[*field].value, offset, element))
            return true;
    return false;
}

bool http_keeps_alive(const struct http_head *head)
{
    if (head->options & HTTP_OPTION_CLOSE)
        return false;
    return head->minor_version == 1 || head->options & HTTP_OPTION_KEEP_ALIVE;
}

/* Spares most messages the search: options that are no fields of their own are common. */
static bool may_be_named(const struct http_head *head, struct http_span name)
{
    return head->options & HTTP_OPTION_OTHER ||
           (head->options & HTTP_OPTION_CLOSE && name.length == sizeof("close") - 1);
}

static bool named_by_connection(const struct http_head *head, struct http_span name)
{
    int field = 0;
    uint32_t offset = 0;
    struct http_span element;
    while (http_list_next(head, HTTP_FIELD_CONNECTION, &field, &offset, &element))
        if (element.length == name.length && strncasecmp(element.at, name.at, name.length) == 0)
            return true;
    return false;
}

bool http_is_hop_by_hop(const struct http_head *head, const struct http_field *field)
{
    switch (field->id) {
    case HTTP_FIELD_CONNECTION:
    case HTTP_FIELD_KEEP_ALIVE:
    case HTTP_FIELD_PROXY_CONNECTION:
    case HTTP_FIELD_TE:
    case HTTP_FIELD_UPGRADE:
        return true;
    case HTTP_FIELD_TRANSFER_ENCODING:
    case HTTP_FIELD_CONTENT_LENGTH:
    case HTTP_FIELD_HOST:
        /* A Connection field must not be able to strip what frames or routes the message. */
        return false;
    default:
        return may_be_named(head, field->name) && named_by_connection(head, field->name);
    }
}

bool http_expects_continue(const struct http_head *head)
{
    const struct http_field *expect = http_field(head, HTTP_FIELD_EXPECT);
    return expect && head->minor_version == 1 && http_span_is_nocase(expect->value, "100-continue");
}

bool http_method_is_idempotent(struct http_span method)
{
    static const char *const idempotent[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    for (size_t i = 0; i < sizeof(idempotent) / sizeof(idempotent[0]); i++)
        if (http_span_is(method, idempotent[i]))
            return true;
    return false;
}
