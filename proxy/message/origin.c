/* SPDX-License-Identifier: MIT */
#include "proxy/message/origin.h"

#include <stdio.h>
#include <string.h>

#include "lib/http/forwarded.h"
#include "lib/http/target.h"
#include "proxy/message/forward.h"

#define TEXT(text) (text), sizeof(text) - 1
#define FIELD(id)  (UINT32_C(1) << HTTP_FIELD_##id)

/* How the client reached the first gateway; the three belong together. */
#define REACHED_BY  (FIELD(X_FORWARDED_PROTO) | FIELD(X_FORWARDED_HOST) | FIELD(X_FORWARDED_PORT))
#define X_FORWARDED (FIELD(X_FORWARDED_FOR) | REACHED_BY)

static const struct origin_config *config_of(const struct client *client)
{
    return &client->entrance->config->origin;
}

/* ---- who it is */

bool origin_trusts(const struct origin_config *config, const struct ip_peer *peer)
{
    if (peer->kind == IP_PEER_UNIX)
        return config->trusts_unix;
    for (size_t i = 0; peer->kind == IP_PEER_IP && i < config->network_count; i++)
        if (ip_network_has(&config->networks[i], &peer->ip))
            return true;
    return false;
}

/* The account is heard from its start, where anybody may have written anything, to its end, which a
 * trusted peer wrote. Whoever stands in it and is not trusted has said what came before; so has
 * whoever wrote what cannot be read. */
static void hear(const struct origin_config *config, struct ip_peer *client,
                 const struct ip_peer *next)
{
    if (next->kind == IP_PEER_UNKNOWN || client->kind == IP_PEER_UNKNOWN ||
        !origin_trusts(config, next))
        *client = *next;
}

static struct ip_peer hear_x_forwarded(const struct origin_config *config,
                                       const struct http_head *head)
{
    struct ip_peer client = {.kind = IP_PEER_UNKNOWN}, next;
    struct http_span element;
    int field = 0;
    uint32_t offset = 0;
    while (http_list_next(head, HTTP_FIELD_X_FORWARDED_FOR, &field, &offset, &element)) {
        if (!ip_peer_parse(&next, element.at, element.length))
            next.kind = IP_PEER_UNKNOWN;
        hear(config, &client, &next);
    }
    return client;
}

static struct ip_peer hear_forwarded(const struct origin_config *config,
                                     const struct http_head *head)
{
    struct ip_peer client = {.kind = IP_PEER_UNKNOWN}, next;
    for (int i = 0; i < head->field_count; i++) {
        struct http_span rest = head->fields[i].value;
        while (head->fields[i].id == HTTP_FIELD_FORWARDED && forwarded_next(&rest, &next))
            hear(config, &client, &next);
    }
    return client;
}

struct ip_peer origin_client(const struct client *client, const struct http_head *head)
{
    const struct origin_config *config = config_of(client);
    struct ip_peer heard = {.kind = IP_PEER_UNKNOWN};
    if (!client->trusted)
        return client->peer;
    if (config->believe == ORIGIN_FORWARDED && http_has(head, HTTP_FIELD_FORWARDED))
        heard = hear_forwarded(config, head);
    else if (config->believe == ORIGIN_X_FORWARDED && http_has(head, HTTP_FIELD_X_FORWARDED_FOR))
        heard = hear_x_forwarded(config, head);
    return heard.kind == IP_PEER_UNKNOWN ? client->peer : heard;
}

/* ---- what the upstream is told */

static bool believes(const struct client *client, enum origin_family family)
{
    return client->trusted && config_of(client)->believe == (int)family;
}

/* Whether the peer said itself how its client reached it. */
static bool knows_reached_by(const struct client *client, const struct http_head *head)
{
    return config_of(client)->x_forwarded == ORIGIN_APPEND &&
           believes(client, ORIGIN_X_FORWARDED) && (head->present & REACHED_BY);
}

uint32_t origin_replaced(const struct client *client, const struct http_head *head)
{
    const struct origin_config *config = config_of(client);
    uint32_t replaced = 0;
    if (config->x_forwarded != ORIGIN_OFF)
        replaced |= knows_reached_by(client, head) ? FIELD(X_FORWARDED_FOR) : X_FORWARDED;
    if (config->forwarded != ORIGIN_OFF)
        replaced |= FIELD(FORWARDED);
    return replaced;
}

bool origin_imitates(const struct http_field *field)
{
    static const char *const family[] = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-port",
                                         "x-forwarded-proto"};
    if (field->id != HTTP_FIELD_OTHER || field->name.length < sizeof("x-forwarded-for") - 1)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(family); i++)
        if (http_name_reads_as(field->name, family[i]))
            return true;
    return false;
}

/* What came in all fields with that id, as one list; true when there was something. */
static bool append_list(struct buf *out, const struct http_head *head, enum http_field_id id)
{
    bool any = false;
    for (int i = 0; http_has(head, id) && i < head->field_count; i++) {
        const struct http_span *value = &head->fields[i].value;
        if (head->fields[i].id != id || value->length == 0)
            continue;
        if (any)
            buf_append(out, TEXT(", "));
        buf_append(out, value->at, value->length);
        any = true;
    }
    return any;
}

/* A line, put together where it will stand: every request gets several. */
static inline void append_line(struct buf *out, const char *start, size_t start_length,
                               const char *value, size_t length)
{
    char *at = buf_reserve(out, start_length + length + 2);
    memcpy(at, start, start_length);
    memcpy(at + start_length, value, length);
    memcpy(at + start_length + length, "\r\n", 2);
    out->end += start_length + length + 2;
}

/* The peer behind the list that came. */
static void append_to_list(struct buf *out, const struct http_head *head, const char *peer,
                           size_t length)
{
    buf_append(out, TEXT("X-Forwarded-For: "));
    if (append_list(out, head, HTTP_FIELD_X_FORWARDED_FOR) && length > 0)
        buf_append(out, TEXT(", "));
    buf_append(out, peer, length);
    buf_append(out, TEXT("\r\n"));
}

static void append_for(struct buf *out, const struct client *client, const struct http_head *head)
{
    char peer[IP_TEXT];
    bool known = client->peer.kind == IP_PEER_IP;
    size_t length = known ? ip_format(&client->peer.ip, peer) : 0;
    if (config_of(client)->x_forwarded == ORIGIN_APPEND && believes(client, ORIGIN_X_FORWARDED) &&
        http_has(head, HTTP_FIELD_X_FORWARDED_FOR))
        append_to_list(out, head, peer, length);
    else if (known)
        append_line(out, TEXT("X-Forwarded-For: "), peer, length);
}

static const char *scheme_of(const struct client *client)
{
    return tls_is_on(&client->conn) ? "https" : "http";
}

static void append_reached_by(struct buf *out, const struct client *client,
                              const struct http_head *head, const struct header_rules *rules)
{
    struct http_span host = http_host(head);
    const char *scheme = scheme_of(client);
    char other[6] = ""; /* the port that a PROXY header names */
    const char *port = client->local.kind == IP_PEER_UNKNOWN ? client->entrance->port : other;
    if (!header_rules_drop(rules, TEXT("x-forwarded-proto")))
        append_line(out, TEXT("X-Forwarded-Proto: "), scheme, strlen(scheme));
    if (host.length > 0 && !header_rules_drop(rules, TEXT("x-forwarded-host")))
        append_line(out, TEXT("X-Forwarded-Host: "), host.at, host.length);
    if (client->local.kind == IP_PEER_IP)
        snprintf(other, sizeof(other), "%u", client->local.port);
    if (*port && !header_rules_drop(rules, TEXT("x-forwarded-port")))
        append_line(out, TEXT("X-Forwarded-Port: "), port, strlen(port));
}

static void append_forwarded(struct buf *out, const struct client *client,
                             const struct http_head *head)
{
    buf_append(out, TEXT("Forwarded: "));
    if (config_of(client)->forwarded == ORIGIN_APPEND && believes(client, ORIGIN_FORWARDED) &&
        append_list(out, head, HTTP_FIELD_FORWARDED))
        buf_append(out, TEXT(", "));
    forwarded_append(out, &client->peer, http_host(head), scheme_of(client));
    buf_append(out, TEXT("\r\n"));
}

static bool adds(int mode)
{
    return mode == ORIGIN_APPEND || mode == ORIGIN_REPLACE;
}

void origin_append(struct buf *out, const struct client *client, const struct http_head *head,
                   const struct header_rules *rules)
{
    const struct origin_config *config = config_of(client);
    if (adds(config->x_forwarded)) {
        if (!header_rules_drop(rules, TEXT("x-forwarded-for")))
            append_for(out, client, head);
        if (!knows_reached_by(client, head))
            append_reached_by(out, client, head, rules);
    }
    if (adds(config->forwarded) && !header_rules_drop(rules, TEXT("forwarded")))
        append_forwarded(out, client, head);
}

/* ---- Via */

void origin_append_via(struct buf *out, const struct identity_config *identity, int minor_version)
{
    append_line(out, minor_version ? "Via: 1.1 " : "Via: 1.0 ", sizeof("Via: 1.0 ") - 1,
                identity->name, strlen(identity->name));
}

void origin_append_mark(struct buf *out, const struct identity_config *identity,
                        const struct header_rules *rules, int minor_version)
{
    bool via = identity->via == VIA_BOTH || identity->via == VIA_REQUEST;
    if (via && !header_rules_drop(rules, TEXT("via")))
        origin_append_via(out, identity, minor_version);
    else if (identity->loop_limit > 0 && !header_rules_drop(rules, TEXT("cdn-loop")))
        append_line(out, TEXT("CDN-Loop: "), identity->name, strlen(identity->name));
}

/* The name, and then nothing or what no name holds. */
static bool begins_with_name(const char *at, const char *end, const char *name)
{
    size_t length = strlen(name);
    return (size_t)(end - at) >= length && memcmp(at, name, length) == 0 &&
           (at + length == end || strchr(" \t;", at[length]));
}

/* An element of Via is the version the message came in, who received it, and perhaps a comment. */
static bool received_by(struct http_span element, const char *name)
{
    const char *end = element.at + element.length, *at = element.at;
    while (at < end && *at != ' ' && *at != '\t')
        at++;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return begins_with_name(at, end, name);
}

bool origin_is_loop(const struct identity_config *identity, const struct http_head *head)
{
    struct http_span element;
    int field = 0;
    uint32_t offset = 0;
    int64_t times = 0;
    if (identity->loop_limit == 0)
        return false;
    while (http_list_next(head, HTTP_FIELD_VIA, &field, &offset, &element))
        times += received_by(element, identity->name);
    field = 0;
    offset = 0;
    while (http_list_next(head, HTTP_FIELD_CDN_LOOP, &field, &offset, &element))
        times += begins_with_name(element.at, element.at + element.length, identity->name);
    return times >= identity->loop_limit;
}
