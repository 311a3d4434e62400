/* SPDX-License-Identifier: MIT */
#include "proxy/rules/affinity.h"

#include <string.h>

#include "lib/base/hash.h"
#include "proxy/config/route.h"

uint64_t affinity_of_client(const struct ip_peer *client)
{
    return client->kind == IP_PEER_IP ? hash_bytes(0, &client->ip, sizeof(client->ip)) : 0;
}

/* The value of `name` in "a=1; b=2"; none: {NULL, 0}. */
static struct http_span cookie_in(struct http_span cookies, const char *name)
{
    size_t length = strlen(name);
    const char *at = cookies.at, *end = cookies.at + cookies.length;
    while (at < end) {
        const char *stop = memchr(at, ';', (size_t)(end - at));
        stop = stop ? stop : end;
        while (at < stop && *at == ' ')
            at++;
        if ((size_t)(stop - at) > length && memcmp(at, name, length) == 0 && at[length] == '=')
            return (struct http_span){at + length + 1,
                                      (uint32_t)(stop - at - (ptrdiff_t)length - 1)};
        at = stop + 1;
    }
    return (struct http_span){NULL, 0};
}

/* Cookies may come in several fields. */
static struct http_span cookie_value(const struct http_head *head, const char *name)
{
    struct http_span found = {NULL, 0};
    for (int i = 0; i < head->field_count && !found.at; i++)
        if (http_span_is_nocase(head->fields[i].name, "cookie"))
            found = cookie_in(head->fields[i].value, name);
    return found;
}

static struct http_span header_value(const struct http_head *head, const char *name)
{
    const struct http_field *field = http_field_named(head, name);
    return field ? field->value : (struct http_span){NULL, 0};
}

uint64_t affinity_key(const struct balance_config *config, const struct http_head *head,
                      uint64_t client, struct rng *rng)
{
    struct http_span span = {NULL, 0};
    switch ((enum hash_key)config->by) {
    case HASH_CLIENT:
        return client != 0 ? client : rng_next(rng);
    case HASH_PATH:
        span = route_path(head->target);
        break;
    case HASH_HEADER:
        span = header_value(head, config->name);
        break;
    case HASH_COOKIE:
        span = cookie_value(head, config->name);
        break;
    }
    return span.at ? hash_bytes(0, span.at, span.length) : rng_next(rng);
}
