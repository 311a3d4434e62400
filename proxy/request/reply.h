/* SPDX-License-Identifier: MIT */
/* What is answered without an upstream that is no failure: a route's redirect or fixed response,
 * and what an OPTIONS or TRACE that goes no further is told. */
#ifndef TAILGATE_PROXY_REQUEST_REPLY_H
#define TAILGATE_PROXY_REQUEST_REPLY_H

#include "proxy/config/route.h"
#include "proxy/request/exchange.h"

/* Answers as the route says. What has arrived of the request's body is taken; when there is more to
 * come the connection ends behind the answer. May end the exchange. */
void reply(struct exchange *exchange, const struct route_config *route,
           const struct route_query *query);

/* Answers a request whose Max-Forwards has run out here (RFC 9110 7.6.2). As above. */
void reply_last(struct exchange *exchange, const struct http_head *head);

#endif
