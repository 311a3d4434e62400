/* SPDX-License-Identifier: MIT */
/* The way from a route to one of its upstreams, as one worker sees it: with the timeouts, retries
 * and hedging that hold for its requests, which are the upstream's where the route says nothing. */
#ifndef TAILGATE_PROXY_WORKER_PASSAGE_H
#define TAILGATE_PROXY_WORKER_PASSAGE_H

#include "proxy/worker/realm.h"

/* Timeouts of a route's own. */
struct passage_timeouts {
    struct timeout_queue connect, response, body, total, wait, tunnel;
};

struct passage {
    const struct route_config *route;
    struct upstream *upstream;
    const struct retry_config *retry;
    uint64_t faults;   /* by their bits: those that may touch requests on the way */
    struct gate *gate; /* NULL: nothing limits how many requests are under way */
    struct timeout_queue *connect, *response, *body, *total, *wait, *tunnel;
    struct passage_timeouts *own; /* NULL: the upstream's are used */
    struct timeout_queue per_try;
    struct hedging *hedging;     /* NULL: no request is sent twice at a time */
    struct hedging *own_hedging; /* NULL: it is the upstream's, or there is none */
};

/* One per target of each route; the realm's upstreams stand already. */
void passages_init(struct realm *realm);
void passages_release(struct realm *realm);

/* What was learnt in the worker's realm before about the responses to requests that are hedged goes
 * on. */
void passages_inherit(struct realm *realm, const struct realm *before);

/* The passage a request takes through a route that leads to an upstream: of several, one is chosen
 * by weight as a function of the proxy's seed, the route and the trace id. */
struct passage *passage_choose(struct realm *realm, size_t route,
                               const struct record_trace *trace_id);

#endif
