/* SPDX-License-Identifier: MIT */
/* What all workers know of an upstream and its endpoints, and must know exactly: it is the same
 * object for every worker, and goes on when a reload brings a configuration that names the same
 * upstream and endpoint. The main thread makes, finds and releases them; workers use the atomics.
 */
#ifndef TAILGATE_PROXY_PROCESS_SHARED_H
#define TAILGATE_PROXY_PROCESS_SHARED_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net/address.h"
#include "proxy/observe/latency.h"
#include "proxy/rules/breaker.h"
#include "proxy/rules/episode.h"
#include "proxy/rules/health.h"

/* What one worker counts of an endpoint, for the metrics. Each worker has a cache line of its own.
 */
struct endpoint_counters {
    _Atomic uint64_t attempts; /* tries */
    char padding[56];
};

struct shared_endpoint {
    struct address address;
    atomic_int connections; /* open or being opened */
    struct health health;
    struct endpoint_counters *counters; /* by worker */
    int uses;                           /* by generations */
};

/* The idle connections that one worker keeps to an upstream's endpoints; others look, when they
 * need one. Each count has a cache line of its own. */
struct shared_idle {
    atomic_int count;
    char padding[60];
};

struct shared_upstream {
    atomic_int waiting;       /* requests in the queues of all workers */
    struct shared_idle *idle; /* by worker */
    struct latency *latency;  /* by worker */
    struct health_group group;
    struct breaker breaker;
    struct episode pool_exhausted, queue_shed, no_descriptors, no_retries, no_hedges;
    int uses; /* by generations */
};

/* New ones, used once. The endpoint does not count among its upstream's until health_join. */
struct shared_endpoint *shared_endpoint_new(const struct address *address, size_t workers);
struct shared_upstream *shared_upstream_new(size_t workers);

/* One use ends; with the last one the object does. Harmless on NULL. */
void shared_endpoint_drop(struct shared_endpoint *endpoint, struct shared_upstream *upstream);
void shared_upstream_drop(struct shared_upstream *upstream);

#endif
