/* SPDX-License-Identifier: MIT */
/* Limits on how many requests are under way at a time: takes a permit for a request, or refuses it,
 * or lets it wait for a while; the limit is fixed, or follows latency (permits.h). */
#ifndef TAILGATE_PROXY_REQUEST_GATE_H
#define TAILGATE_PROXY_REQUEST_GATE_H

#include "proxy/process/limiters.h"
#include "proxy/request/exchange.h"
#include "proxy/worker/realm.h"

/* A limiter as one worker sees it. */
struct gate {
    struct limiter *limiter; /* NULL: nothing is limited */
    const struct concurrency_config *config;
    struct worker *worker;
    struct list queue; /* struct exchange */
};

/* A realm's gates, one per limiter of its generation. */
struct gate *gates_new(struct realm *realm);

/* The gate on the way through that route to that upstream; NULL when nothing is limited. A route's
 * own limit stands in place of its upstream's. */
struct gate *gate_find(struct realm *realm, size_t upstream, const struct route_config *route);

/* Whether the request may go on now. False: it waits, or was refused and may have ended. */
bool gate_admit(struct gate *gate, struct exchange *exchange);

/* Its time to wait is over. */
void gate_timed_out(struct exchange *exchange);

/* The exchange neither waits nor is under way any more; `cause` says how it went. Does nothing for
 * one that has no permit. */
void gate_leave(struct exchange *exchange, enum cause cause);

/* Requests that wait are let through as far as the limit allows. */
void gates_serve(struct realm *realm);

#endif
