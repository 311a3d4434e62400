/* SPDX-License-Identifier: MIT */
#include "proxy/config/route.h"

#include <string.h>
#include <strings.h>

bool route_is_prefix(const char *prefix, size_t length, struct http_span path)
{
    if (length > path.length || memcmp(prefix, path.at, length) != 0)
        return false;
    return length == path.length || prefix[length - 1] == '/' || path.at[length] == '/';
}

struct http_span route_path(struct http_span target)
{
    const char *query = memchr(target.at, '?', target.length);
    if (target.at[0] == '*' || target.at[0] == '?')
        return (struct http_span){"/", 1};
    return (struct http_span){target.at, query ? (uint32_t)(query - target.at) : target.length};
}

struct http_span route_target_query(struct http_span target)
{
    const char *query = memchr(target.at, '?', target.length);
    if (!query)
        return (struct http_span){"", 0};
    return (struct http_span){query, target.length - (uint32_t)(query - target.at)};
}

struct http_span route_host(struct http_span host)
{
    const char *end = host.at + host.length;
    const char *name =
        host.length && host.at[0] == '[' ? memchr(host.at, ']', host.length) : host.at;
    const char *colon = name ? memchr(name, ':', (size_t)(end - name)) : NULL;
    if (colon)
        host.length = (uint32_t)(colon - host.at);
    if (host.length && host.at[host.length - 1] == '.')
        host.length--;
    return host;
}

/* ---- one route, one request */

static bool is_wildcard(const struct route_config *route)
{
    return route->host && route->host[0] == '*';
}

/* `host` holds neither port nor dot at its end. */
static bool host_matches(const struct route_config *route, struct http_span host)
{
    const char *wanted = route->host;
    size_t length = route->host_length;
    if (!wanted)
        return true;
    if (is_wildcard(route)) {
        wanted++, length--; /* ".example.com" */
        if (host.length <= length)
            return false;
        host.at += host.length - length;
        host.length = (uint32_t)length;
    }
    return host.length == length && strncasecmp(host.at, wanted, length) == 0;
}

static bool path_matches(const struct route_config *route, struct http_span path)
{
    if (!route->exact)
        return route_is_prefix(route->path, route->path_length, path);
    return path.length == route->path_length &&
           memcmp(path.at, route->exact, route->path_length) == 0;
}

static bool method_matches(const struct route_config *route, struct http_span method)
{
    const char *const *methods = route->methods.items;
    for (size_t i = 0; i < route->methods.count; i++)
        if (http_span_is(method, methods[i]))
            return true;
    return route->methods.count == 0;
}

static bool value_matches(const struct header_match *match, struct http_span value)
{
    if (match->exact)
        return http_span_is(value, match->exact);
    size_t length = match->prefix ? strlen(match->prefix) : 0;
    return length <= value.length &&
           memcmp(value.at, match->prefix ? match->prefix : "", length) == 0;
}

static bool header_matches(const struct header_match *match, const struct http_head *head)
{
    size_t length = strlen(match->name);
    for (int i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (field->name.length == length && strncasecmp(field->name.at, match->name, length) == 0 &&
            (!match->present || value_matches(match, field->value)))
            return match->present;
    }
    return !match->present;
}

static bool headers_match(const struct route_config *route, const struct http_head *head)
{
    const struct header_match *matches = route->headers.items;
    for (size_t i = 0; i < route->headers.count; i++)
        if (!header_matches(&matches[i], head))
            return false;
    return true;
}

static struct http_span host_of(const struct route_query *query)
{
    const struct http_field *field = NULL;
    if (!query->host.at)
        field = http_field(query->head, HTTP_FIELD_HOST);
    if (!query->host.at && !field)
        return (struct http_span){"", 0};
    return route_host(field ? field->value : query->host);
}

struct http_span route_query_path(const struct route_query *query)
{
    return query->path.at ? query->path : route_path(query->target);
}

int route_find(const struct proxy_config *config, const struct route_query *query)
{
    const struct route_config *routes = config->routes.items;
    const struct routing *routing = &config->routing;
    struct http_span path = route_query_path(query);
    struct http_span host = routing->by_host ? host_of(query) : (struct http_span){"", 0};
    for (size_t i = 0; i < config->routes.count; i++) {
        const struct route_config *route = &routes[routing->ranked[i]];
        if (path_matches(route, path) && host_matches(route, host) &&
            method_matches(route, query->head->method) && headers_match(route, query->head))
            return (int)routing->ranked[i];
    }
    return -1;
}

/* ---- two routes */

static int more(size_t a, size_t b)
{
    return a > b ? -1 : a < b;
}

static size_t host_rank(const struct route_config *route)
{
    /* Every exact host comes before the longest wildcard. */
    return !route->host ? 0 : is_wildcard(route) ? route->host_length : SIZE_MAX;
}

int route_compare(const struct route_config *a, const struct route_config *b)
{
    int order = more(host_rank(a), host_rank(b));
    if (order == 0)
        order = more(a->exact != NULL, b->exact != NULL);
    if (order == 0)
        order = more(a->path_length, b->path_length);
    if (order == 0)
        order = more(a->methods.count > 0, b->methods.count > 0);
    if (order == 0)
        order = more(a->headers.count, b->headers.count);
    return order;
}

static bool host_covers(const struct route_config *a, const struct route_config *b)
{
    if (!a->host || !b->host)
        return !a->host;
    /* A wildcard stands for at least one label, also when another wildcard is held against it. */
    if (is_wildcard(b) && !is_wildcard(a))
        return false;
    if (is_wildcard(b) && a->host_length == b->host_length)
        return strcmp(a->host, b->host) == 0;
    return host_matches(a, (struct http_span){b->host, (uint32_t)b->host_length});
}

static bool path_covers(const struct route_config *a, const struct route_config *b)
{
    const char *path = b->exact ? b->exact : b->path;
    if (a->exact && !b->exact)
        return false;
    return path_matches(a, (struct http_span){path, (uint32_t)b->path_length});
}

static bool methods_cover(const struct route_config *a, const struct route_config *b)
{
    const char *const *methods = b->methods.items;
    for (size_t i = 0; i < b->methods.count; i++)
        if (!method_matches(a, (struct http_span){methods[i], (uint32_t)strlen(methods[i])}))
            return false;
    return a->methods.count == 0 || b->methods.count > 0;
}

/* Whether every request that meets `b` meets `a`. */
static bool follows(const struct header_match *a, const struct header_match *b)
{
    if (strcasecmp(a->name, b->name) != 0 || a->present != b->present)
        return false;
    if (!a->present || (!a->exact && !a->prefix))
        return true;
    if (a->exact)
        return b->exact && strcmp(a->exact, b->exact) == 0;
    const char *start = b->exact ? b->exact : b->prefix;
    return start && strncmp(start, a->prefix, strlen(a->prefix)) == 0;
}

static bool headers_cover(const struct route_config *a, const struct route_config *b)
{
    const struct header_match *wanted = a->headers.items, *given = b->headers.items;
    for (size_t i = 0; i < a->headers.count; i++) {
        bool met = false;
        for (size_t j = 0; j < b->headers.count && !met; j++)
            met = follows(&wanted[i], &given[j]);
        if (!met)
            return false;
    }
    return true;
}

bool route_covers(const struct route_config *a, const struct route_config *b)
{
    return host_covers(a, b) && path_covers(a, b) && methods_cover(a, b) && headers_cover(a, b);
}
