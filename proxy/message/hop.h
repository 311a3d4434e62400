/* SPDX-License-Identifier: MIT */
/* Fields that are about one hop and that the gateway makes anew for the next one: Connection, TE,
 * Upgrade (RFC 9110 7.8) and Max-Forwards (7.6.2). */
#ifndef TAILGATE_PROXY_MESSAGE_HOP_H
#define TAILGATE_PROXY_MESSAGE_HOP_H

#include "proxy/request/exchange.h"

/* The protocols of the exchange's route that the client asks to change to: a bit set of positions
 * in route_config.upgrade. None when the request has a body, which would have to be sent first. */
unsigned hop_upgrades(const struct exchange *exchange, const struct http_head *head);

/* Whether a 101 changes to a protocol that was offered, at a time when it may. */
bool hop_accepts_upgrade(const struct exchange *exchange, const struct http_head *head);

/* Whether the request ends here: an OPTIONS or TRACE that may be forwarded no more. */
bool hop_is_last(const struct http_head *head);

/* Whether the gateway writes a Max-Forwards of its own in place of the request's. */
bool hop_counts_forwards(const struct http_head *head);

/* Append the fields for the upstream, and for the client. */
void hop_append_request(struct buf *out, const struct http_head *head,
                        const struct exchange *exchange);
void hop_append_response(struct buf *out, const struct http_head *head,
                         const struct exchange *exchange);

#endif
