/* SPDX-License-Identifier: MIT */
/* A worker's connections to the endpoints of an upstream: which one a request gets, how many there
 * may be, and what becomes of one when its request has ended. */
#ifndef TAILGATE_PROXY_CONNECTION_POOL_H
#define TAILGATE_PROXY_CONNECTION_POOL_H

#include "proxy/connection/uplink.h"

/* A connection to an endpoint chosen by the upstream's balance: an idle one when there is one, or a
 * new one. */
enum uplink_result pool_acquire(struct upstream *upstream, struct uplink_order *order);

/* The exchange has no more use for it: back to the pool when it is `reusable`, and closed
 * otherwise. Whoever waits for a connection is served. */
void pool_put_back(struct uplink *uplink, bool reusable);

/* It is idle no more: taken for a request, moved or closed. */
void pool_take_out(struct uplink *uplink);

/* It is closed: its place is another's. */
void pool_free_slot(struct uplink *uplink);

void pool_close_idle(struct pool *pool, const char *reason);

/* Idle connections go over to the worker's current realm; those it has no use for are closed. */
void upstream_move_idle(struct upstream *upstream);

/* Closes as many idle connections as requests of other workers wait for, when none of this worker's
 * does. */
void upstream_share_idle(struct upstream *upstream);

/* Requests that wait are given what connections there are. */
void upstream_serve_queue(struct upstream *upstream);

#endif
