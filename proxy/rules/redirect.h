/* SPDX-License-Identifier: MIT */
/* Where a redirect leads: its location with the request's parts filled in. Pure. */
#ifndef TAILGATE_PROXY_RULES_REDIRECT_H
#define TAILGATE_PROXY_RULES_REDIRECT_H

#include "lib/base/buf.h"
#include "proxy/config/route.h"

/* Appends the location for a request. A client cannot make a path lead to another host ("//host"
 * and its kin have one slash left). */
/* Whether the location takes a part of the host that the request does not have (HTTP/1.0). */
bool redirect_lacks_host(const struct route_config *route, const struct route_query *query);

void redirect_location(struct buf *out, const struct route_config *route,
                       const struct route_query *query);

#endif
