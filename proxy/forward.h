/* SPDX-License-Identifier: MIT */
/* The heads the gateway writes: hop-by-hop fields go, everything else is copied as it came, in runs
 * of whole lines. */
#ifndef TAILGATE_PROXY_FORWARD_H
#define TAILGATE_PROXY_FORWARD_H

#include "lib/http/trace.h"
#include "proxy/exchange.h"

/* Appends the request's head for `upstream`, with `trace` as traceparent. */
void forward_request_head(struct buf *out, const struct http_head *head, const struct trace *trace,
                          const struct upstream_config *upstream);

/* Appends the response's head for the client. */
void forward_response_head(struct buf *out, const struct http_head *head,
                           const struct exchange *exchange);

#endif
