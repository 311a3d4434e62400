/* SPDX-License-Identifier: MIT */
#include "lib/serve/guard.h"

#include <string.h>
#include <strings.h>

#include "lib/net/address.h"

static const struct guard_refusal browser = {403, "User agent not allowed"};
static const struct guard_refusal cross_site = {403, "Calls from other sites are not allowed"};
static const struct guard_refusal host = {
    403,
    "Host not allowed: call by localhost or an address of this machine, or add it to \"hosts\" "
    "in the configuration"};
static const struct guard_refusal no_token = {401, "A token is needed"};

bool guard_is_local(const char *text)
{
    struct address address;
    if (!address_parse(&address, text))
        return false;
    switch (address.u.any.sa_family) {
    case AF_UNIX:
        return true;
    case AF_INET:
        return ntohl(address.u.in.sin_addr.s_addr) >> 24 == 127;
    default:
        return IN6_IS_ADDR_LOOPBACK(&address.u.in6.sin6_addr);
    }
}

static struct http_span field_value(const struct http_head *head, const char *name)
{
    const struct http_field *field = http_field_named(head, name);
    return field ? field->value : (struct http_span){"", 0};
}

static bool begins(struct http_span span, const char *text)
{
    size_t length = strlen(text);
    return span.length >= length && strncasecmp(span.at, text, length) == 0;
}

static bool equals(struct http_span span, const char *text)
{
    return span.length == strlen(text) && begins(span, text);
}

/* Without its port, and without the brackets of an IPv6 address. */
static struct http_span host_name(struct http_span value)
{
    if (value.length > 0 && value.at[0] == '[') {
        const char *end = memchr(value.at, ']', value.length);
        size_t length = end ? (size_t)(end - value.at) - 1 : value.length - 1;
        return (struct http_span){value.at + 1, (uint32_t)length};
    }
    const char *colon = memchr(value.at, ':', value.length);
    return (struct http_span){value.at, colon ? (uint32_t)(colon - value.at) : value.length};
}

static bool is_ipv4(struct http_span name)
{
    for (uint32_t i = 0; i < name.length; i++)
        if (!strchr("0123456789.", name.at[i]))
            return false;
    return true;
}

static bool host_is_known(const struct guard *guard, const struct http_head *head)
{
    struct http_span value = field_value(head, "host");
    struct http_span name = host_name(value);
    /* A browser cannot be led here by another name when the path of a socket, or a token that it
     * does not know, is needed. */
    if (guard->token || strncmp(guard->address, "unix:", 5) == 0 || value.length == 0)
        return true;
    if (equals(name, "localhost") || equals(name, "::1") || equals(value, guard->address) ||
        (begins(name, "127.") && is_ipv4(name)))
        return true;
    for (size_t i = 0; i < guard->host_count; i++)
        if (equals(name, guard->hosts[i]) || equals(value, guard->hosts[i]))
            return true;
    return false;
}

/* An origin other than the API itself. */
static bool is_cross_site(const struct http_head *head)
{
    struct http_span origin = field_value(head, "origin");
    struct http_span site = field_value(head, "sec-fetch-site");
    struct http_span own = field_value(head, "host");
    if (site.length > 0 && !equals(site, "same-origin") && !equals(site, "none"))
        return true;
    if (origin.length == 0)
        return false;
    size_t scheme = strlen("http://");
    return !begins(origin, "http://") || origin.length != scheme + own.length ||
           strncasecmp(origin.at + scheme, own.at, own.length) != 0;
}

/* Takes as long for every value of the same length, so that it does not tell how much is right. */
static bool has_token(const char *token, const struct http_head *head)
{
    struct http_span value = field_value(head, "authorization");
    size_t length = strlen(token), scheme = strlen("Bearer ");
    unsigned char difference = 0;
    if (!begins(value, "Bearer ") || value.length != scheme + length)
        return false;
    for (size_t i = 0; i < length; i++)
        difference |= (unsigned char)(token[i] ^ value.at[scheme + i]);
    return difference == 0;
}

const struct guard_refusal *guard_check(const struct guard *guard, const struct http_head *head)
{
    if (begins(field_value(head, "user-agent"), "Mozilla/"))
        return &browser;
    if (is_cross_site(head))
        return &cross_site;
    if (!host_is_known(guard, head))
        return &host;
    if (guard->token && !has_token(guard->token, head))
        return &no_token;
    return NULL;
}
