/* SPDX-License-Identifier: MIT */
/* What a route answers without an upstream: a redirect or a fixed response. */
#ifndef TAILGATE_PROXY_REPLY_H
#define TAILGATE_PROXY_REPLY_H

#include "proxy/exchange.h"
#include "proxy/route.h"

/* Answers as the route says. What has arrived of the request's body is taken; when there is more to
 * come the connection ends behind the answer. May end the exchange. */
void reply(struct exchange *exchange, const struct route_config *route,
           const struct route_query *query);

#endif
