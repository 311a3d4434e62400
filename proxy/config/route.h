/* SPDX-License-Identifier: MIT */
/* Which route a request takes. Pure: it looks at the configuration and at the request alone.
 *
 * The most specific route wins, compared in this order: an exact host before a wildcard, a longer
 * wildcard before a shorter one and before no host; an exact path before a prefix, a longer prefix
 * before a shorter one; methods before none; more headers before fewer. Among equals the one that
 * stands first in the file wins. */
#ifndef TAILGATE_PROXY_CONFIG_ROUTE_H
#define TAILGATE_PROXY_CONFIG_ROUTE_H

#include "lib/http/head.h"
#include "proxy/config/config.h"

/* What of a request is matched. */
struct route_query {
    struct http_span host; /* with or without a port; at = NULL: what the Host field says */
    struct http_span target;
    struct http_span path; /* what the target's names, when that has to be resolved; at = NULL: as
                              it stands there (lib/http/path.h) */
    const struct http_head *head;
};

/* The index of the route that takes the request, or -1. A prefix ends at a segment's end: "/api"
 * matches "/api" and "/api/x" but not "/apix". The path is compared byte by byte.
 * "*" matches what "/" does. */
int route_find(const struct proxy_config *config, const struct route_query *query);

/* The path that is compared with those of routes. */
struct http_span route_query_path(const struct route_query *query);

/* A target's path without its query, and its query with the question mark (or nothing). "*" has the
 * path "/". */
struct http_span route_path(struct http_span target);
struct http_span route_target_query(struct http_span target);

/* The host without its port and without a dot at its end. */
struct http_span route_host(struct http_span host);

/* Whether `prefix` is one of `path` that ends at a segment's end. */
bool route_is_prefix(const char *prefix, size_t length, struct http_span path);

/* Whether `a` is tried before `b` for being more specific; negative: yes, positive: `b` is, 0: they
 * are equal. */
int route_compare(const struct route_config *a, const struct route_config *b);

/* Whether `a` takes every request that `b` would take. */
bool route_covers(const struct route_config *a, const struct route_config *b);

#endif
