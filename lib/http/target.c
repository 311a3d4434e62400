/* SPDX-License-Identifier: MIT */
#include "lib/http/target.h"

#include <string.h>
#include <strings.h>

#define TEXT(text)               \
    (struct http_span)           \
    {                            \
        (text), sizeof(text) - 1 \
    }

/* The length of "http://" or "https://" at the start, or 0. */
static uint32_t scheme_length(struct http_span target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        uint32_t length = (uint32_t)strlen(schemes[i]);
        if (target.length >= length && strncasecmp(target.at, schemes[i], length) == 0)
            return length;
    }
    return 0;
}

static const char *resolve_absolute(struct http_head *head)
{
    struct http_span rest = head->target;
    uint32_t scheme = scheme_length(rest), host = 0;
    if (scheme == 0)
        return "a request target that is neither a path nor an http address";
    rest.at += scheme;
    rest.length -= scheme;
    while (host < rest.length && rest.at[host] != '/' && rest.at[host] != '?')
        host++;
    struct http_span authority = {rest.at, host};
    if (host == 0 || rest.at[0] == ':' || !http_is_host(authority))
        return "a request target without a right host";
    head->authority = authority;
    head->target = (struct http_span){rest.at + host, rest.length - host};
    if (head->target.length == 0)
        head->target = http_span_is(head->method, "OPTIONS") ? TEXT("*") : TEXT("/");
    return NULL;
}

const char *http_resolve_target(struct http_head *head)
{
    /* A fragment is never sent; a server that cuts it off would see another path than the routes
     * did. */
    if (memchr(head->target.at, '#', head->target.length))
        return "a request target with a fragment";
    if (head->target.at[0] == '/' || http_span_is(head->method, "CONNECT"))
        return NULL;
    if (http_span_is(head->target, "*"))
        return http_span_is(head->method, "OPTIONS") ? NULL : "a target of \"*\" without OPTIONS";
    return resolve_absolute(head);
}

struct http_span http_host(const struct http_head *head)
{
    const struct http_field *host = http_field(head, HTTP_FIELD_HOST);
    if (head->authority.length > 0)
        return head->authority;
    return host ? host->value : TEXT("");
}
