/* SPDX-License-Identifier: MIT */
#include "proxy/config/config_route.h"

#include <string.h>
#include <strings.h>

#include "proxy/config/effect.h"

#include "lib/http/path.h"

/* clang-format off */
#define KEY(key_name, key_type, holder, member, ...)                                               \
    {.name = (key_name), .type = (key_type), .offset = offsetof(holder, member), __VA_ARGS__}

static const struct conf_key header_match_keys[] = {
    KEY("exact", CONF_STRING, struct header_match, exact,
        .meaning = "The field has exactly this value."),
    KEY("prefix", CONF_STRING, struct header_match, prefix, .flags = CONF_NOT_EMPTY,
        .meaning = "The field's value starts like this."),
    KEY("present", CONF_BOOL, struct header_match, present, .otherwise = "true",
        .meaning = "Whether there is such a field at all, whatever its value."),
};
static enum result check_header_match(struct conf_read *read, void *object,
                                      const struct cJSON *item)
{
    const struct header_match *match = object;
    bool present = conf_member(item, "present") != NULL;
    if (!config_is_token(match->name))
        return conf_fail(read, item, "\"%s\" cannot be the name of a field", match->name);
    if ((match->exact != NULL) + (match->prefix != NULL) + present > 1)
        return conf_fail(read, item,
                         "a field is matched in one way (expected \"exact\", \"prefix\" or "
                         "\"present\")");
    return OK;
}
static const struct conf_table header_match_table = {
    .name = "header_match",
    .meaning = "What a field of the request must be like; of several fields with that name one is "
               "enough.",
    .size = sizeof(struct header_match), .name_offset = offsetof(struct header_match, name),
    .keys = header_match_keys, .key_count = ARRAY_LEN(header_match_keys), .shorthand = "exact",
    .check = check_header_match, .item_offset = offsetof(struct header_match, item),
};

static const struct conf_key header_value_keys[] = {
    KEY("value", CONF_STRING, struct header_value, value, .flags = CONF_REQUIRED,
        .meaning = "The field's value."),
};
static const struct conf_table header_value_table = {
    .name = "header_value", .meaning = "A field of a head.", .size = sizeof(struct header_value),
    .name_offset = offsetof(struct header_value, name), .keys = header_value_keys,
    .key_count = ARRAY_LEN(header_value_keys), .shorthand = "value",
    .item_offset = offsetof(struct header_value, item),
};

static const struct conf_key header_rules_keys[] = {
    KEY("set", CONF_MAP, struct header_rules, set, .sub = &header_value_table,
        .meaning = "Fields by name: each stands in place of those that came with that name."),
    KEY("add", CONF_MAP, struct header_rules, add, .sub = &header_value_table,
        .meaning = "Fields by name: each stands behind those that came with that name."),
    KEY("remove", CONF_LIST, struct header_rules, remove, .element = CONF_STRING,
        .meaning = "Names of fields that are not passed on."),
};
static const struct conf_table header_rules_table = {
    .name = "header_rules",
    .meaning = "Changes to a head. What frames the message or belongs to one connection is the "
               "gateway's own.",
    .size = sizeof(struct header_rules), .keys = header_rules_keys,
    .key_count = ARRAY_LEN(header_rules_keys), .item_offset = CONF_NO_ITEM,
};

static const struct conf_key split_keys[] = {
    KEY("upstream", CONF_STRING, struct split_config, upstream,
        .flags = CONF_REQUIRED | CONF_NOT_EMPTY, .meaning = "Name of the upstream."),
    KEY("weight", CONF_INT, struct split_config, weight, .otherwise = "1", .max = 1000000,
        .meaning = "Its share of the requests relative to the others; 0 = none."),
};
static const struct conf_table split_table = {
    .name = "split", .meaning = "One of several upstreams of a route.",
    .size = sizeof(struct split_config), .keys = split_keys, .key_count = ARRAY_LEN(split_keys),
    .shorthand = "upstream", .item_offset = offsetof(struct split_config, item),
};

static const struct conf_key redirect_keys[] = {
    KEY("location", CONF_STRING, struct redirect_config, location,
        .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
        .meaning = "Where to: a URL or a path, in which {host} stands for the request's host, "
                   "{authority} for its host and port, {path} for its path, {rest} for what follows the route's prefix in it and {query} for "
                   "its query with the question mark."),
    KEY("status", CONF_INT, struct redirect_config, status, .otherwise = "307", .min = 301,
        .max = 308,
        .meaning = "301 and 308 are for ever, 302, 303 and 307 for now; 307 and 308 keep the "
                   "method."),
};
static const struct conf_table redirect_table = {
    .name = "redirect", .meaning = "An answer that sends the client elsewhere.",
    .size = sizeof(struct redirect_config), .keys = redirect_keys,
    .key_count = ARRAY_LEN(redirect_keys), .shorthand = "location", .item_offset = CONF_NO_ITEM,
};

static const struct conf_key respond_keys[] = {
    KEY("status", CONF_INT, struct fixed_response, status, .flags = CONF_REQUIRED, .min = 200,
        .max = 599, .meaning = "The answer's status."),
    KEY("body", CONF_STRING, struct fixed_response, body, .otherwise = "",
        .meaning = "The answer's body."),
    KEY("type", CONF_STRING, struct fixed_response, type, .flags = CONF_NOT_EMPTY,
        .otherwise = "text/plain; charset=utf-8", .meaning = "The body's Content-Type."),
};
static enum result check_respond(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct fixed_response *respond = object;
    bool bare = respond->status == 204 || respond->status == 304;
    if (bare && *respond->body)
        return conf_fail(read, conf_member(item, "body"), "a response with status %d has no body",
                         (int)respond->status);
    if (!config_is_value(respond->type))
        return conf_fail(read, conf_member(item, "type"), "\"type\" cannot be a field's value");
    return OK;
}
static const struct conf_table respond_table = {
    .name = "respond", .meaning = "An answer of the gateway's own; further fields come from "
                                  "response_headers.",
    .size = sizeof(struct fixed_response), .keys = respond_keys,
    .key_count = ARRAY_LEN(respond_keys), .check = check_respond, .item_offset = CONF_NO_ITEM,
};

static const struct conf_key route_keys[] = {
    KEY("name", CONF_STRING, struct route_config, name, .flags = CONF_NOT_EMPTY,
        .meaning = "What it is called in records and logs; without one, by what it matches."),
    KEY("host", CONF_STRING, struct route_config, host, .flags = CONF_NOT_EMPTY,
        .meaning = "The request's host without its port; \"*.example.com\" takes every name below "
                   "example.com. Absent = any."),
    KEY("path", CONF_STRING, struct route_config, path, .flags = CONF_NOT_EMPTY,
        .otherwise = "/",
        .meaning = "Prefix of the request's path, up to the end of a segment: \"/api\" takes \"/api\" "
                   "and \"/api/x\" but not \"/apix\". What is compared is the path that is really "
                   "named: \"/%61pi\", \"//api\" and \"/x/../api\" are \"/api\". It goes up as it came."),
    KEY("exact", CONF_STRING, struct route_config, exact, .flags = CONF_NOT_EMPTY,
        .meaning = "The request's whole path, in place of \"path\"."),
    KEY("methods", CONF_LIST, struct route_config, methods, .element = CONF_STRING,
        .flags = CONF_NOT_EMPTY,
        .meaning = "Only these methods (GET does not stand for HEAD). Absent = any."),
    KEY("headers", CONF_MAP, struct route_config, headers, .sub = &header_match_table,
        .meaning = "Only requests with these fields, by name. The most specific route wins: an exact "
                   "host before a wildcard (a longer one first) before none, then an exact path "
                   "before the longest prefix, then one with methods before one without, then the one "
                   "with more headers, then the one that stands first."),
    KEY("upstream", CONF_STRING, struct route_config, upstream, .flags = CONF_NOT_EMPTY,
        .meaning = "Name of the upstream it leads to. Each route has one of \"upstream\", \"split\", "
                   "\"redirect\" and \"respond\"."),
    KEY("split", CONF_LIST, struct route_config, split, .sub = &split_table, .flags = CONF_NOT_EMPTY,
        .meaning = "Several upstreams, each for its share of the requests. Which one a request takes is "
                   "a function of the seed and its trace id: all requests of a trace take the same."),
    KEY("redirect", CONF_OBJECT, struct route_config, redirect, .sub = &redirect_table,
        .meaning = "Sends the client elsewhere."),
    KEY("respond", CONF_OBJECT, struct route_config, respond, .sub = &respond_table,
        .meaning = "Answers without an upstream."),
    KEY("request_headers", CONF_OBJECT, struct route_config, request_headers,
        .sub = &header_rules_table, .meaning = "Changes to the request's head for the upstream."),
    KEY("response_headers", CONF_OBJECT, struct route_config, response_headers,
        .sub = &header_rules_table,
        .meaning = "Changes to the response's head for the client; the gateway's own errors stay as "
                   "they are."),
    KEY("upgrade", CONF_LIST, struct route_config, upgrade, .element = CONF_STRING,
        .otherwise = "[\"websocket\"]",
        .meaning = "Protocols that a client may change to with an Upgrade: the connection then "
                   "becomes a tunnel to the upstream, and no route, rule or limit holds inside it. "
                   "Others are not offered to the upstream. An empty list allows none."),
    KEY("rate_limit", CONF_OBJECT, struct route_config, rate_limit, .sub = &rate_limit_conf_table,
        .meaning = "How many of its requests are let through; absent = all."),
    KEY("concurrency", CONF_OBJECT, struct route_config, concurrency, .sub = &concurrency_conf_table,
        .meaning = "How many of its requests are under way at a time, in place of the upstream's "
                   "limit."),
    KEY("timeout", CONF_OBJECT, struct route_config, timeout, .sub = &upstream_timeout_table,
        .meaning = "The keys that stand here hold in place of the upstream's."),
    KEY("retry", CONF_OBJECT, struct route_config, retry, .sub = &upstream_retry_table,
        .meaning = "The keys that stand here hold in place of the upstream's."),
    KEY("hedge", CONF_OBJECT, struct route_config, hedge, .sub = &route_hedge_conf_table,
        .meaning = "The keys that stand here hold in place of the upstream's: \"delay\" in place of its "
                   "\"quantile\" as well, and the other way round, and \"max\": 0 switches hedging "
                   "off. With one of them, a quantile is that of the route's own responses."),
};
/* clang-format on */

/* Requests' paths are compared as they are once they have been resolved, so the route's is, too. */
static enum result resolve_path(struct conf_read *read, struct route_config *route,
                                const struct cJSON *at)
{
    const char **path = route->exact ? &route->exact : &route->path;
    struct buf resolved = {0};
    bool right = http_path_resolve(&resolved, (struct http_span){*path, (uint32_t)strlen(*path)});
    const char *text =
        arena_text(conf_read_arena(read), right ? buf_head(&resolved) : "", buf_len(&resolved));
    buf_free(&resolved);
    for (const char *byte = text; *byte; byte++)
        right = right && (unsigned char)*byte >= ' ' && *byte != 0x7f;
    if (!right)
        return conf_fail(read, at,
                         "no request's path is like \"%s\": it climbs above its root, or "
                         "holds a control character",
                         *path);
    *path = text;
    return OK;
}

static enum result check_path(struct conf_read *read, struct route_config *route,
                              const struct cJSON *item)
{
    const char *key = route->exact ? "exact" : "path";
    const char *path = route->exact ? route->exact : route->path;
    if (route->exact && conf_member(item, "path"))
        return conf_fail(read, conf_member(item, "path"),
                         "a route has either \"path\" or \"exact\", not both");
    if (path[0] != '/')
        return conf_fail(read, conf_member(item, key),
                         "\"%s\" must start with \"/\", not \"%s\" (no other request can match)",
                         key, path);
    for (const char *at = path; *at; at++)
        if (*at <= ' ' || *at > '~' || *at == '?' || *at == '#')
            return conf_fail(read, conf_member(item, key),
                             "no request's path is like \"%s\": it holds a %s (write it "
                             "percent-encoded; the query is no part of it)",
                             path,
                             *at == '?'   ? "\"?\""
                             : *at == '#' ? "\"#\""
                                          : "byte that is no "
                                            "visible ASCII");
    return resolve_path(read, route, conf_member(item, key));
}

/* Letters, digits, "-", "_" and ".", or an IPv6 address in brackets, behind an optional "*.". */
static bool is_host(const char *host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    const char *name = strncmp(host, "*.", 2) == 0 ? host + 2 : host;
    size_t length = strlen(name);
    if (name[0] == '[')
        return name == host && length > 2 && strspn(name + 1, "0123456789abcdef:.") == length - 2 &&
               name[length - 1] == ']';
    return length > 0 && name[0] != '.' && name[length - 1] != '.' &&
           strspn(name, letters) == length && !strstr(name, "..");
}

static enum result check_host(struct conf_read *read, struct route_config *route,
                              const struct cJSON *item)
{
    if (!route->host)
        return OK;
    route->host = config_lower(read, route->host);
    if (is_host(route->host))
        return OK;
    return conf_fail(read, conf_member(item, "host"),
                     "no request's host is like \"%s\" (expected a name without a port, such as "
                     "\"example.com\" or \"*.example.com\")",
                     route->host);
}

/* Upper and lower case are two methods (RFC 9110 9.1), of which clients use one. */
static bool is_common_method(const char *text, bool exactly)
{
    static const char *const common[] = {"GET",    "HEAD",    "POST",    "PUT",  "PATCH",
                                         "DELETE", "OPTIONS", "CONNECT", "TRACE"};
    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        if ((exactly ? strcmp : strcasecmp)(text, common[i]) == 0)
            return true;
    return false;
}

static enum result check_method(struct conf_read *read, const char *method, const struct cJSON *at)
{
    if (!config_is_token(method))
        return conf_fail(read, at, "\"%s\" is no method", method);
    if (strcmp(method, "CONNECT") == 0)
        return conf_fail(read, at, "no route takes \"CONNECT\": the gateway refuses it");
    if (is_common_method(method, false) && !is_common_method(method, true))
        return conf_fail(read, at, "no request has the method \"%s\" (expected capital letters)",
                         method);
    return OK;
}

static enum result check_methods(struct conf_read *read, const struct route_config *route,
                                 const struct cJSON *item)
{
    const char *const *methods = route->methods.items;
    enum result result = OK;
    for (size_t i = 0; i < route->methods.count && result == OK; i++)
        result = check_method(read, methods[i], conf_member(item, "methods"));
    return result;
}

/* A token, or two with a slash between them (RFC 9110 7.8). */
static bool is_protocol(const char *text)
{
    const char *slash = strchr(text, '/');
    char name[64];
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    if (length >= sizeof(name))
        return false;
    memcpy(name, text, length);
    name[length] = '\0';
    return config_is_token(name) && (!slash || config_is_token(slash + 1));
}

static enum result check_upgrade(struct conf_read *read, const struct route_config *route,
                                 const struct cJSON *item)
{
    const char *const *protocols = route->upgrade.items;
    if (route->upgrade.count > ROUTE_MAX_UPGRADES)
        return conf_fail(read, conf_member(item, "upgrade"), "more than %d protocols",
                         ROUTE_MAX_UPGRADES);
    for (size_t i = 0; i < route->upgrade.count; i++)
        if (!is_protocol(protocols[i]))
            return conf_fail(read, conf_member(item, "upgrade"),
                             "\"%s\" is no protocol's name (expected one such as \"websocket\")",
                             protocols[i]);
    return OK;
}

static enum result check_action(struct conf_read *read, const struct route_config *route,
                                const struct cJSON *item)
{
    int actions = (route->upstream != NULL) + (route->split.count > 0) +
                  (route->redirect.location != NULL) + (route->respond.status != 0);
    if (actions == 1)
        return OK;
    return conf_fail(read, item,
                     "a route has %s of \"upstream\", \"split\", \"redirect\" and "
                     "\"respond\" (expected exactly one)",
                     actions ? "more than one" : "none");
}

/* Of the keys that are about what happens on the way to an upstream. */
static enum result check_way(struct conf_read *read, const struct route_config *route,
                             const struct cJSON *item)
{
    bool leads = route->upstream || route->split.count > 0;
    const char *why = "on a route that leads to no upstream";
    const struct effect effects[] = {
        {"request_headers", leads, why}, {"upgrade", leads, why}, {"concurrency", leads, why},
        {"timeout", leads, why},         {"retry", leads, why},   {"hedge", leads, why},
    };
    return effects_check(read, item, effects, ARRAY_LEN(effects));
}

/* What is held back goes on as a request for an upstream. */
static enum result check_queue(struct conf_read *read, const struct route_config *route,
                               const struct cJSON *item)
{
    bool leads = route->upstream || route->split.count > 0;
    if (route->rate_limit.rate > 0 && route->rate_limit.mode == RATE_QUEUE && !leads)
        return conf_fail(read, conf_member(item, "rate_limit"),
                         "requests that no upstream answers cannot be queued (expected another "
                         "\"mode\")");
    return OK;
}

static enum result check_route(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct route_config *route = object;
    enum result result = check_path(read, route, item);
    if (result == OK)
        result = check_host(read, route, item);
    if (result == OK)
        result = check_methods(read, route, item);
    if (result == OK)
        result = check_upgrade(read, route, item);
    if (result == OK)
        result = check_action(read, route, item);
    if (result == OK)
        result = check_way(read, route, item);
    if (result == OK)
        result = check_queue(read, route, item);
    if (result == OK)
        result = redirect_check(read, route, item);
    if (result == OK)
        result = header_rules_build(read, &route->request_headers, item, "request_headers");
    if (result == OK)
        result = header_rules_build(read, &route->response_headers, item, "response_headers");
    return result;
}

const struct conf_table route_table = {
    .name = "route",
    .meaning = "Which requests go where.",
    .size = sizeof(struct route_config),
    .keys = route_keys,
    .key_count = ARRAY_LEN(route_keys),
    .check = check_route,
    .item_offset = offsetof(struct route_config, item),
};
