/* SPDX-License-Identifier: MIT */
/* Hedging: when an answer takes long, the request is sent a second time, to another endpoint, and
 * the first response head wins. An exchange still has one current try: the others stand aside, and
 * whichever has news becomes the current one first, so that all that is done with a try is done in
 * one way. Once a head has come, the others are cancelled. */
#ifndef TAILGATE_PROXY_REQUEST_HEDGE_H
#define TAILGATE_PROXY_REQUEST_HEDGE_H

#include "proxy/request/exchange.h"
#include "proxy/rules/quantile.h"

/* Requests that are hedged by one policy, as one worker sees it: an upstream's, or that of a route
 * on its way there. What a quantile is taken of is the policy's own, as one route's responses may
 * take longer than another's. The budget is the upstream's: it keeps the endpoints from work,
 * whoever sends it there. */
struct hedging {
    const struct hedge_config *config;
    struct slab slab;            /* struct hedge */
    struct timeout_queue delays; /* until a further try */
    struct quantile_window latency;
    duration delay; /* what the quantile was when it was looked at last; negative: not known */
    mono delay_until;
};

/* NULL when its requests are not hedged. */
struct hedging *hedging_new(const struct hedge_config *config, struct loop *loop);
void hedging_free(struct hedging **hedging);

/* A quantile goes on from what another policy (NULL: there is none) has seen, if it remembers as
 * long. Harmless when there is no policy. */
void hedging_inherit(struct hedging *hedging, const struct hedging *from);

/* The first try has begun: a further one is thought of after the delay. */
void hedge_plan(struct exchange *exchange);

/* A connection of one of the tries has news: that try becomes the current one. */
void hedge_turn_to(struct exchange *exchange, const struct uplink *uplink);

/* The current try has failed. True: its books are closed, and another that was under way is the
 * current one now. */
bool hedge_goes_on(struct exchange *exchange, enum cause cause);

/* The current try has got a response's head: the others are cancelled. */
void hedge_won(struct exchange *exchange);

/* Nothing more is done upstream: the other tries end with that cause. */
void hedge_drop(struct exchange *exchange, enum cause cause);

#endif
