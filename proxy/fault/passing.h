/* SPDX-License-Identifier: MIT */
/* What requests and connections meet on their way to an endpoint: where the faults are asked. Who
 * calls has looked first whether any could match, which is all that others pay. */
#ifndef TAILGATE_PROXY_FAULT_PASSING_H
#define TAILGATE_PROXY_FAULT_PASSING_H

#include "proxy/request/exchange.h"

/* The request has taken its passage: notes which of its faults it matches, and which it asks for.
 */
void passing_match(struct exchange *exchange, const struct http_head *head);

/* A connection is about to be made to an endpoint (of an upstream whose `faults` are not 0). True:
 * it is refused, by a fault whose name the order has then. */
bool passing_refuses(struct upstream *upstream, struct uplink_order *order);

/* The connection is being made. */
void passing_dialed(struct uplink *uplink, const struct uplink_order *order);

/* Whether a fault keeps it from being connected yet; its `ready` is called when it does no more. */
bool passing_holds(const struct uplink *uplink);

/* An attempt has its connection, and is about to send. */
void passing_begin(struct exchange *exchange);

/* The current attempt is over, and faults have had to do with its connection: its record says
 * which, and those that came for the request go, unless they are to `stay`. */
void passing_end(struct exchange *exchange, bool stay);

/* The connection is about to be closed. */
void passing_left(struct uplink *uplink);

#endif
