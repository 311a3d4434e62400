/* SPDX-License-Identifier: MIT */
#include "proxy/rules/redirect.h"

#include <string.h>

#include "lib/http/path.h"
#include "proxy/config/config_route.h"

#define PARTS(X)                \
    X(HOST, "{host}")           \
    X(AUTHORITY, "{authority}") \
    X(PATH, "{path}")           \
    X(REST, "{rest}")           \
    X(QUERY, "{query}")
#define PART_ENUM(id, text) PART_##id,
enum part { PARTS(PART_ENUM) PART_COUNT };
#define PART_TEXT(id, text) text,
static const char *const part_texts[PART_COUNT] = {PARTS(PART_TEXT)};

/* The part whose text stands at `at`, or PART_COUNT. */
static enum part part_at(const char *at)
{
    for (int part = 0; part < PART_COUNT; part++)
        if (strncmp(at, part_texts[part], strlen(part_texts[part])) == 0)
            return (enum part)part;
    return PART_COUNT;
}

enum result redirect_check(struct conf_read *read, const struct route_config *route,
                           const struct cJSON *item)
{
    static const int statuses[] = {301, 302, 303, 307, 308};
    const struct cJSON *place = conf_member(item, "redirect");
    const char *location = route->redirect.location;
    bool known = !location;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        known |= route->redirect.status == statuses[i];
    if (!known)
        return conf_fail(read, place,
                         "%d is no redirect's status (expected 301, 302, 303, 307 or 308)",
                         (int)route->redirect.status);
    if (location && location[0] != '/' && strncmp(location, "http://", 7) != 0 &&
        strncmp(location, "https://", 8) != 0 && part_at(location) != PART_PATH &&
        part_at(location) != PART_REST)
        return conf_fail(read, place,
                         "\"%s\" leads nowhere (expected a text that starts with \"http://\", "
                         "\"https://\", \"/\", \"{path}\" or \"{rest}\")",
                         location);
    for (const char *at = location; at && *at; at++) {
        if (*at == '{' && part_at(at) == PART_COUNT)
            return conf_fail(
                read, place,
                "unknown part at \"%s\" (expected {host}, {authority}, {path}, {rest} or "
                "{query})",
                at);
        if (*at <= ' ' || *at > '~')
            return conf_fail(read, place, "a location is visible ASCII (percent-encode the rest)");
    }
    return OK;
}

/* What follows the prefix: nothing, or a path. */
static struct http_span rest_of(const struct route_config *route, struct http_span path)
{
    size_t skip = route->path_length;
    if (skip > 0 && path.length >= skip && path.at[skip - 1] == '/')
        skip--;
    if (skip > path.length)
        skip = path.length;
    return (struct http_span){path.at + skip, path.length - (uint32_t)skip};
}

static struct http_span authority_of(const struct route_query *query)
{
    const struct http_field *host = http_field(query->head, HTTP_FIELD_HOST);
    if (query->host.at)
        return query->host;
    return host ? host->value : (struct http_span){"", 0};
}

static struct http_span part_value(enum part part, const struct route_config *route,
                                   const struct route_query *query)
{
    struct http_span authority = authority_of(query);
    switch (part) {
    case PART_HOST:
        return route_host(authority);
    case PART_AUTHORITY:
        return authority;
    case PART_PATH:
        return route_path(query->target);
    case PART_REST:
        return rest_of(route, route_query_path(query));
    default:
        return route_target_query(query->target);
    }
}

/* Browsers read "//host", "/\host" and the like as another host. */
static void collapse_slashes(struct buf *out, size_t start)
{
    char *text = buf_head(out) + start;
    size_t length = buf_len(out) - start, extra = 0;
    if (length == 0 || text[0] != '/')
        return;
    while (1 + extra < length && (text[1 + extra] == '/' || text[1 + extra] == '\\'))
        extra++;
    memmove(text + 1, text + 1 + extra, length - 1 - extra);
    out->end -= extra;
}

bool redirect_lacks_host(const struct route_config *route, const struct route_query *query)
{
    const char *location = route->redirect.location;
    return authority_of(query).length == 0 && (strstr(location, part_texts[PART_HOST]) ||
                                               strstr(location, part_texts[PART_AUTHORITY]));
}

void redirect_location(struct buf *out, const struct route_config *route,
                       const struct route_query *query)
{
    const char *at = route->redirect.location;
    size_t start = buf_len(out);
    while (*at) {
        enum part part = part_at(at);
        if (part == PART_COUNT) {
            buf_append(out, at++, 1);
            continue;
        }
        struct http_span value = part_value(part, route, query);
        if (part == PART_REST && query->path.at)
            http_path_encode(out, value);
        else
            buf_append(out, value.at, value.length);
        at += strlen(part_texts[part]);
    }
    if (buf_len(out) == start)
        buf_append(out, "/", 1);
    collapse_slashes(out, start);
}
