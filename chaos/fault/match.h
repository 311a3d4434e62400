/* SPDX-License-Identifier: MIT */
/* Which requests a fault is for, as "match" says it. */
#ifndef TAILGATE_CHAOS_FAULT_MATCH_H
#define TAILGATE_CHAOS_FAULT_MATCH_H

#include "lib/conf/conf.h"
#include "lib/http/head.h"

/* What a field of a request must be like. */
struct fault_header {
    const char *name;
    const char *exact, *prefix; /* of its value; both NULL: any */
    bool present;               /* false: there must be no such field */
};

/* What is absent (NULL, or an empty list) matches everything. */
struct fault_match {
    struct conf_list methods; /* const char * */
    const char *path;         /* and what is below it */
    const char *exact;        /* this very path */
    struct conf_list headers; /* struct fault_header: all of them */
    const char *route;        /* of a gateway, by its name or path */
    const char *upstream;     /* of a gateway */
    const char *endpoint;     /* of a gateway, "HOST:PORT" as it is configured */
};

extern const struct conf_table fault_match_table;

/* Whether it asks for something of a request, and so can be answered only for a request. */
bool fault_match_asks_request(const struct fault_match *match);
/* Whether it asks for something that only a gateway knows: its routes and endpoints. */
bool fault_match_asks_gateway(const struct fault_match *match);

/* Whether method, path and fields of a request are what is asked for. The head is parsed, and its
 * target resolved (http_resolve_target). The path is compared as it stands in the request. */
bool fault_match_request(const struct fault_match *match, const struct http_head *head);

/* Whether a route of that name (NULL: it has none) and path, an upstream, or an endpoint, is asked
 * for. */
bool fault_match_route(const struct fault_match *match, const char *name, const char *path);
bool fault_match_upstream(const struct fault_match *match, const char *upstream);
bool fault_match_endpoint(const struct fault_match *match, const char *endpoint);

#endif
