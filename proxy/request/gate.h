/* SPDX-License-Identifier: MIT */
/* Limits on how many requests are under way at a time: takes a permit for a request, or refuses it,
 * or lets it wait for a while; the limit is fixed, or follows latency (gradient.h). */
#ifndef TAILGATE_PROXY_REQUEST_GATE_H
#define TAILGATE_PROXY_REQUEST_GATE_H

#include "proxy/request/exchange.h"
#include "proxy/rules/episode.h"
#include "proxy/rules/gradient.h"
#include "proxy/worker/realm.h"

/* What all workers share. */
struct limiter {
    const struct concurrency_config *config;
    const char *name; /* of the upstream or route */
    uint16_t name_id; /* in records */
    atomic_int limit, in_flight;
    atomic_int waiting; /* requests in the queues of all workers */
    struct episode shedding;
    /* The current window. */
    _Atomic int64_t window_end;
    _Atomic int64_t latency_sum; /* ns */
    atomic_int samples, peak;
    /* Touched only by who has ended a window. */
    atomic_flag updating;
    struct gradient gradient;
    int recorded; /* the limit that the last record told */
    mono recorded_at;
};

/* A limiter as one worker sees it. */
struct gate {
    struct limiter *limiter; /* NULL: nothing is limited */
    struct worker *worker;
    struct list queue; /* struct exchange */
};

/* One limiter per upstream, then one per route; those without a limit stay zeroed. */
size_t limiters_count(const struct proxy_config *config);
struct limiter *limiters_new(const struct generation *generation);

/* A realm's gates, as many. */
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
