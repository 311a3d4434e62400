/* SPDX-License-Identifier: MIT */
#include "proxy/message/hop.h"

#include <strings.h>

#include "proxy/worker/passage.h"

#define TEXT(text) (text), sizeof(text) - 1

/* ---- Upgrade */

/* Those of the route's protocols that the head's Upgrade fields name. */
static unsigned named_protocols(const struct route_config *route, const struct http_head *head)
{
    const char *const *known = route->upgrade.items;
    unsigned named = 0;
    int field = 0;
    uint32_t offset = 0;
    struct http_span element;
    while (http_list_next(head, HTTP_FIELD_UPGRADE, &field, &offset, &element))
        for (size_t i = 0; i < route->upgrade.count; i++)
            if (strncasecmp(known[i], element.at, element.length) == 0 &&
                known[i][element.length] == '\0')
                named |= 1U << i;
    return named;
}

unsigned hop_upgrades(const struct exchange *exchange, const struct http_head *head)
{
    if (!http_has(head, HTTP_FIELD_UPGRADE) || head->minor_version == 0 ||
        !exchange->request_body.complete || !(head->options & HTTP_OPTION_UPGRADE))
        return 0;
    return named_protocols(exchange->passage->route, head);
}

bool hop_accepts_upgrade(const struct exchange *exchange, const struct http_head *head)
{
    unsigned chosen = named_protocols(exchange->passage->route, head);
    return chosen != 0 && (chosen & ~exchange->upgrades) == 0 && head->minor_version == 1 &&
           mono_is_set(exchange->attempt.sent);
}

static void append_upgrade(struct buf *out, const struct route_config *route, unsigned protocols)
{
    const char *const *known = route->upgrade.items;
    const char *separator = "";
    buf_append(out, TEXT("Upgrade: "));
    for (size_t i = 0; i < route->upgrade.count; i++) {
        if (!(protocols >> i & 1))
            continue;
        buf_printf(out, "%s%s", separator, known[i]);
        separator = ", ";
    }
    buf_append(out, TEXT("\r\n"));
}

/* ---- Max-Forwards */

/* What Max-Forwards says, or -1 where it says nothing: it counts for two methods alone. */
static int64_t forwards_left(const struct http_head *head)
{
    const struct http_field *field = http_field(head, HTTP_FIELD_MAX_FORWARDS);
    int64_t left = 0;
    if (!field || field->value.length == 0 || field->value.length > 9 ||
        !(http_span_is(head->method, "OPTIONS") || http_span_is(head->method, "TRACE")))
        return -1;
    for (uint32_t i = 0; i < field->value.length; i++) {
        char digit = field->value.at[i];
        if (digit < '0' || digit > '9')
            return -1;
        left = left * 10 + (digit - '0');
    }
    return left;
}

bool hop_is_last(const struct http_head *head)
{
    return forwards_left(head) == 0;
}

bool hop_counts_forwards(const struct http_head *head)
{
    return forwards_left(head) > 0;
}

/* ---- heads */

static bool takes_trailers(const struct http_head *head)
{
    int field = 0;
    uint32_t offset = 0;
    struct http_span element;
    while (http_list_next(head, HTTP_FIELD_TE, &field, &offset, &element))
        if (http_span_is_nocase(element, "trailers"))
            return true;
    return false;
}

void hop_append_request(struct buf *out, const struct http_head *head,
                        const struct exchange *exchange)
{
    bool trailers = http_has(head, HTTP_FIELD_TE) && takes_trailers(head);
    bool upgrade = exchange->upgrades != 0;
    if (hop_counts_forwards(head))
        buf_printf(out, "Max-Forwards: %lld\r\n", (long long)forwards_left(head) - 1);
    if (trailers || upgrade)
        buf_printf(out, "Connection: %s%s%s\r\n", trailers ? "TE" : "",
                   trailers && upgrade ? ", " : "", upgrade ? "Upgrade" : "");
    if (trailers)
        buf_append(out, TEXT("TE: trailers\r\n"));
    if (upgrade)
        append_upgrade(out, exchange->passage->route, exchange->upgrades);
}

/* A 101 says what the connection changes to, a 426 what it should have changed to. */
static bool tells_protocols(const struct http_head *head)
{
    return (head->status == 101 || head->status == 426) && http_has(head, HTTP_FIELD_UPGRADE);
}

void hop_append_response(struct buf *out, const struct http_head *head,
                         const struct exchange *exchange)
{
    const struct route_config *route = exchange->passage->route;
    unsigned told = tells_protocols(head) ? named_protocols(route, head) : 0;
    if (told) {
        buf_append(out, TEXT("Connection: Upgrade\r\n"));
        append_upgrade(out, route, told);
    }
    if (head->status < 200)
        return;
    if (!exchange->client_keeps)
        buf_append(out, TEXT("Connection: close\r\n"));
    else if (exchange->client_http_1_0)
        buf_append(out, TEXT("Connection: keep-alive\r\n"));
}
