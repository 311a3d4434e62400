/* SPDX-License-Identifier: MIT */
/* The heads the gateway writes: hop-by-hop fields go, everything else is copied as it came, in runs
 * of whole lines. */
#ifndef TAILGATE_PROXY_MESSAGE_FORWARD_H
#define TAILGATE_PROXY_MESSAGE_FORWARD_H

#include "lib/http/trace.h"
#include "proxy/request/exchange.h"
#include "proxy/worker/passage.h"

/* Whether a field of that name is not passed on. */
bool header_rules_drop(const struct header_rules *rules, const char *name, size_t length);

/* Appends the request's head for the exchange's upstream, with `trace` as traceparent. */
void forward_request_head(struct buf *out, const struct http_head *head, const struct trace *trace,
                          const struct exchange *exchange);

/* Appends the response's head for the client. */
void forward_response_head(struct buf *out, const struct http_head *head,
                           const struct exchange *exchange);

#endif
