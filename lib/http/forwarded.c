/* SPDX-License-Identifier: MIT */
#include "lib/http/forwarded.h"

#include <string.h>

#define TEXT(text) (text), sizeof(text) - 1

struct cursor {
    const char *at, *end;
};

static void skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t'))
        cursor->at++;
}

static bool take_byte(struct cursor *cursor, char byte)
{
    if (cursor->at == cursor->end || *cursor->at != byte)
        return false;
    cursor->at++;
    return true;
}

static struct http_span take_token(struct cursor *cursor)
{
    const char *start = cursor->at;
    while (cursor->at < cursor->end && http_is_token_byte(*cursor->at))
        cursor->at++;
    return (struct http_span){start, (uint32_t)(cursor->at - start)};
}

/* What stands between the quotes, escapes left as they are: no address has one. */
static bool take_quoted(struct cursor *cursor, struct http_span *value)
{
    const char *start = ++cursor->at;
    while (cursor->at < cursor->end && *cursor->at != '"')
        cursor->at += *cursor->at == '\\' && cursor->at + 1 < cursor->end ? 2 : 1;
    *value = (struct http_span){start, (uint32_t)(cursor->at - start)};
    return take_byte(cursor, '"');
}

static bool take_value(struct cursor *cursor, struct http_span *value)
{
    if (cursor->at < cursor->end && *cursor->at == '"')
        return take_quoted(cursor, value);
    *value = take_token(cursor);
    return value->length > 0;
}

/* One `name=value`; none at all is right between two semicolons. */
static bool take_pair(struct cursor *cursor, struct http_span *node)
{
    struct http_span name = take_token(cursor), value;
    if (name.length == 0)
        return true;
    if (!take_byte(cursor, '=') || !take_value(cursor, &value))
        return false;
    if (http_span_is_nocase(name, "for")) {
        if (node->at)
            return false; /* RFC 7239 4: each parameter once */
        *node = value;
    }
    return true;
}

/* Pairs up to a comma or the end. */
static bool take_element(struct cursor *cursor, struct http_span *node)
{
    do {
        skip_space(cursor);
        if (!take_pair(cursor, node))
            return false;
        skip_space(cursor);
    } while (take_byte(cursor, ';'));
    return cursor->at == cursor->end || *cursor->at == ',';
}

bool forwarded_next(struct http_span *rest, struct ip_peer *peer)
{
    struct cursor cursor = {rest->at, rest->at + rest->length};
    struct http_span node = {NULL, 0};
    if (rest->length == 0)
        return false;
    bool right = take_element(&cursor, &node);
    if (!right) {
        const char *comma = memchr(rest->at, ',', rest->length);
        cursor.at = comma ? comma : cursor.end;
    }
    (void)take_byte(&cursor, ',');
    *rest = (struct http_span){cursor.at, (uint32_t)(cursor.end - cursor.at)};
    if (!right || !node.at || !ip_peer_parse(peer, node.at, node.length))
        *peer = (struct ip_peer){.kind = IP_PEER_UNKNOWN};
    return true;
}

static bool is_token(struct http_span text)
{
    for (uint32_t i = 0; i < text.length; i++)
        if (!http_is_token_byte(text.at[i]))
            return false;
    return text.length > 0;
}

/* A Host holds neither quotes nor backslashes (http_parse_request sees to it). */
static void append_value(struct buf *out, struct http_span value)
{
    const char *quote = is_token(value) ? "" : "\"";
    buf_append_text(out, quote);
    buf_append(out, value.at, value.length);
    buf_append_text(out, quote);
}

/* An IPv6 address stands in brackets, and therefore in quotes (RFC 7239 6). */
static void append_node(struct buf *out, const struct ip_peer *peer)
{
    char text[IP_TEXT];
    if (peer->kind != IP_PEER_IP) {
        buf_append(out, TEXT("unknown"));
        return;
    }
    bool v4 = ip_is_v4(&peer->ip);
    size_t length = ip_format(&peer->ip, text);
    buf_append_text(out, v4 ? "" : "\"[");
    buf_append(out, text, length);
    buf_append_text(out, v4 ? "" : "]\"");
}

void forwarded_append(struct buf *out, const struct ip_peer *peer, struct http_span host,
                      const char *proto)
{
    buf_append(out, TEXT("for="));
    append_node(out, peer);
    if (host.length > 0) {
        buf_append(out, TEXT(";host="));
        append_value(out, host);
    }
    buf_append(out, TEXT(";proto="));
    buf_append_text(out, proto);
}
