/* SPDX-License-Identifier: MIT */
#include "chaos/fault/match.h"

#include <string.h>
#include <strings.h>

/* ---- the tables */

static const struct conf_key header_keys[] = {
    {.name = "exact",
     .type = CONF_STRING,
     .offset = offsetof(struct fault_header, exact),
     .meaning = "The field's whole value."},
    {.name = "prefix",
     .type = CONF_STRING,
     .offset = offsetof(struct fault_header, prefix),
     .flags = CONF_NOT_EMPTY,
     .meaning = "What its value begins with."},
    {.name = "present",
     .type = CONF_BOOL,
     .offset = offsetof(struct fault_header, present),
     .otherwise = "true",
     .meaning = "Whether there must be such a field, or must not."},
};

static bool is_token(const char *text)
{
    const char *at = text;
    while (http_is_token_byte(*at))
        at++;
    return at != text && !*at;
}

static enum result check_header(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct fault_header *header = object;
    if (!is_token(header->name))
        return conf_fail(read, item, "\"%.64s\" is no name of a field", header->name);
    if ((header->exact && header->prefix) ||
        ((header->exact || header->prefix) && !header->present))
        return conf_fail(read, item,
                         "a field is asked for by one of \"exact\", \"prefix\" and \"present\"");
    return OK;
}

static const struct conf_table header_table = {
    .name = "fault_header",
    .meaning = "What a field of a request must be like; a bare string is its whole value.",
    .size = sizeof(struct fault_header),
    .name_offset = offsetof(struct fault_header, name),
    .keys = header_keys,
    .key_count = ARRAY_LEN(header_keys),
    .shorthand = "exact",
    .check = check_header,
    .item_offset = CONF_NO_ITEM,
};

static const struct conf_key match_keys[] = {
    {.name = "methods",
     .type = CONF_LIST,
     .offset = offsetof(struct fault_match, methods),
     .element = CONF_STRING,
     .flags = CONF_NOT_EMPTY,
     .meaning = "Only requests with one of these methods."},
    {.name = "path",
     .type = CONF_STRING,
     .offset = offsetof(struct fault_match, path),
     .meaning = "Only requests for this path and what is below it."},
    {.name = "exact",
     .type = CONF_STRING,
     .offset = offsetof(struct fault_match, exact),
     .meaning = "Only requests for this very path, whatever its query."},
    {.name = "headers",
     .type = CONF_MAP,
     .offset = offsetof(struct fault_match, headers),
     .sub = &header_table,
     .flags = CONF_NOT_EMPTY,
     .meaning = "Only requests with all of these header fields, by name."},
    {.name = "route",
     .type = CONF_STRING,
     .offset = offsetof(struct fault_match, route),
     .flags = CONF_NOT_EMPTY,
     .meaning = "Only requests that take this route, by its name or path; in a gateway."},
    {.name = "upstream",
     .type = CONF_STRING,
     .offset = offsetof(struct fault_match, upstream),
     .flags = CONF_NOT_EMPTY,
     .meaning = "Only connections to endpoints of this upstream, and what is sent on them; in a "
                "gateway."},
    {.name = "endpoint",
     .type = CONF_STRING,
     .offset = offsetof(struct fault_match, endpoint),
     .flags = CONF_NOT_EMPTY,
     .meaning = "Only connections to this endpoint, and what is sent on them; in a gateway."},
};

static enum result check_match(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct fault_match *match = object;
    const char *const *methods = match->methods.items;
    if (match->path && match->exact)
        return conf_fail(read, conf_member(item, "exact"),
                         "\"path\" and \"exact\" exclude one another");
    if (match->path && match->path[0] != '/')
        return conf_fail(read, conf_member(item, "path"), "\"path\" must begin with \"/\"");
    if (match->exact && match->exact[0] != '/')
        return conf_fail(read, conf_member(item, "exact"), "\"exact\" must begin with \"/\"");
    for (size_t i = 0; i < match->methods.count; i++)
        if (!is_token(methods[i]))
            return conf_fail(read, conf_member(item, "methods"), "\"%.64s\" is no method",
                             methods[i]);
    return OK;
}

const struct conf_table fault_match_table = {
    .name = "match",
    .meaning = "Which requests a fault is for; what is absent matches everything.",
    .size = sizeof(struct fault_match),
    .keys = match_keys,
    .key_count = ARRAY_LEN(match_keys),
    .check = check_match,
    .item_offset = CONF_NO_ITEM,
};

/* ---- the questions */

bool fault_match_asks_request(const struct fault_match *match)
{
    return match->methods.count > 0 || match->path || match->exact || match->headers.count > 0 ||
           match->route;
}

bool fault_match_asks_gateway(const struct fault_match *match)
{
    return match->route || match->upstream || match->endpoint;
}

static bool has_method(const struct fault_match *match, struct http_span method)
{
    const char *const *methods = match->methods.items;
    size_t i = 0;
    while (i < match->methods.count && !http_span_is(method, methods[i]))
        i++;
    return match->methods.count == 0 || i < match->methods.count;
}

/* The path of a target whose form was checked: "*", "/path?query", or the query alone. */
static struct http_span path_of(struct http_span target)
{
    const char *query = memchr(target.at, '?', target.length);
    uint32_t length = query ? (uint32_t)(query - target.at) : target.length;
    return length > 0 ? (struct http_span){target.at, length} : (struct http_span){"/", 1};
}

static bool has_path(const struct fault_match *match, struct http_span path)
{
    if (match->exact)
        return http_span_is(path, match->exact);
    size_t length = match->path ? strlen(match->path) : 0;
    if (length == 0)
        return true;
    if (length > path.length || memcmp(match->path, path.at, length) != 0)
        return false;
    return length == path.length || match->path[length - 1] == '/' || path.at[length] == '/';
}

static bool fits(const struct fault_header *header, struct http_span value)
{
    if (header->exact)
        return http_span_is(value, header->exact);
    size_t length = header->prefix ? strlen(header->prefix) : 0;
    return length == 0 || (length <= value.length && memcmp(value.at, header->prefix, length) == 0);
}

static bool has_header(const struct fault_header *header, const struct http_head *head)
{
    size_t length = strlen(header->name);
    bool found = false;
    for (int i = 0; i < head->field_count && !found; i++)
        found = head->fields[i].name.length == length &&
                strncasecmp(head->fields[i].name.at, header->name, length) == 0 &&
                fits(header, head->fields[i].value);
    return found == header->present;
}

bool fault_match_request(const struct fault_match *match, const struct http_head *head)
{
    const struct fault_header *headers = match->headers.items;
    if (!has_method(match, head->method) || !has_path(match, path_of(head->target)))
        return false;
    for (size_t i = 0; i < match->headers.count; i++)
        if (!has_header(&headers[i], head))
            return false;
    return true;
}

bool fault_match_route(const struct fault_match *match, const char *name, const char *path)
{
    return !match->route || (name && strcmp(match->route, name) == 0) ||
           (path && strcmp(match->route, path) == 0);
}

bool fault_match_upstream(const struct fault_match *match, const char *upstream)
{
    return !match->upstream || strcmp(match->upstream, upstream) == 0;
}

bool fault_match_endpoint(const struct fault_match *match, const char *endpoint)
{
    return !match->endpoint || strcmp(match->endpoint, endpoint) == 0;
}
