/* SPDX-License-Identifier: MIT */
/* Draws the consequences of how tries end and of what health checks find: tells the balance, ejects
 * and restores endpoints, opens and closes breakers, and writes down each of these changes. */
#ifndef TAILGATE_PROXY_REQUEST_GUARD_H
#define TAILGATE_PROXY_REQUEST_GUARD_H

#include "proxy/request/exchange.h"

/* Whether the upstream's breaker lets a try through; sets the ticket to begin it with. */
bool guard_admit(struct upstream *upstream, struct breaker_ticket *ticket);

/* Whether it would. */
bool guard_would_admit(const struct upstream *upstream);

/* A ticket is handed back without a try. */
void guard_hand_back(struct upstream *upstream, struct breaker_ticket *ticket);

/* The exchange's current try has begun. */
void guard_begin(struct exchange *exchange, struct breaker_ticket ticket);

/* It has ended. Does nothing the second time. */
void guard_settle(struct exchange *exchange, enum cause outcome);

/* Whether an endpoint may be used now: it is fit, or so few are that all must do. */
bool guard_is_usable(struct upstream *upstream, struct pool *pool);

/* Whether it may be used by a request that every one of those has refused: an ejection says what
 * became of other requests some time ago, and may be wrong by now. A health check is believed. */
bool guard_is_last_resort(const struct pool *pool);

/* Whether an endpoint that was restored not long ago takes this request: more and more often. */
bool guard_is_warm(const struct upstream *upstream, const struct pool *pool);

/* What health checks found out about an endpoint, so often in a row. `why` it is not fit. */
void guard_check_says(struct upstream *upstream, struct pool *pool, bool fit, int in_a_row,
                      const char *why);

/* The worker that ejected the endpoint may have lost sight of it: this pool ends the ejection. */
void guard_watch(struct pool *pool);

/* The endpoint's time out is over (loop_call of pool->restore). */
void guard_restore_due(void *pool);

#endif
