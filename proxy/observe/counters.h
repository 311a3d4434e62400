/* SPDX-License-Identifier: MIT */
/* What a worker counts; readers sum across workers. Written by one thread, read by any: relaxed
 * atomics, which cost the writer what a plain increment costs. */
#ifndef TAILGATE_PROXY_OBSERVE_COUNTERS_H
#define TAILGATE_PROXY_OBSERVE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "lib/record/cause.h"

/* identifier, metric name, meaning */
#define COUNTERS(X)                                                                              \
    X(CONNECTIONS, "client_connections_total", "client connections accepted")                    \
    X(REQUESTS, "requests_total", "requests read")                                               \
    X(ATTEMPTS, "attempts_total", "tries upstream")                                              \
    X(RETRIES, "retries_total", "tries that followed a failed one")                              \
    X(RETRIES_DENIED, "retries_denied_total", "retries that the budget did not allow")           \
    X(UPLINKS, "upstream_connections_total", "connections opened to endpoints")                  \
    X(REUSES, "upstream_reuses_total", "tries on a connection that had carried others")          \
    X(QUEUED, "queued_total", "requests that waited for a connection")                           \
    X(UPGRADES, "upgrades_total", "connections that changed their protocol to a tunnel")         \
    X(TLS_HANDSHAKES, "client_tls_handshakes_total", "TLS handshakes with clients")              \
    X(TLS_RESUMED, "client_tls_resumed_total", "of these, those that resumed a session")         \
    X(TLS_FAILED, "client_tls_failed_total", "those with clients that failed")                   \
    X(UPLINK_TLS, "upstream_tls_handshakes_total", "TLS handshakes with endpoints")              \
    X(UPLINK_TLS_RESUMED, "upstream_tls_resumed_total", "of these, those that resumed")          \
    X(UPLINK_TLS_FAILED, "upstream_tls_failed_total", "those with endpoints that failed")        \
    X(PROXY_HEADERS, "proxy_headers_total", "PROXY headers read from clients")                   \
    X(PROXY_HEADERS_REFUSED, "proxy_headers_refused_total",                                      \
      "client connections closed for want of a right one in time")                               \
    X(ACCESS_LOST, "access_lines_lost_total", "access log lines that could not be written")      \
    X(UPLINKS_SPENT, "upstream_connections_spent_total",                                         \
      "closed for their age or number of requests, or before the endpoint would")                \
    X(EJECTIONS, "ejections_total", "times an endpoint was ejected because its requests failed") \
    X(EJECTIONS_DENIED, "ejections_denied_total", "ejections that max_ejected did not allow")    \
    X(LAST_RESORTS, "last_resorts_total",                                                        \
      "tries of an ejected endpoint because all others had refused the request")                 \
    X(PANICS, "panics_total", "times so few endpoints were fit that all were used")              \
    X(BREAKERS, "breaker_openings_total", "times a breaker opened")                              \
    X(PROBES, "health_checks_total", "health checks answered or given up")                       \
    X(PROBES_FAILED, "health_check_failures_total", "health checks that failed")                 \
    X(HEDGES, "hedges_total", "tries beside another of the same request")                        \
    X(HEDGES_WON, "hedges_won_total", "of these, those that were answered first")                \
    X(HEDGES_LOST, "hedges_lost_total", "tries cancelled because another was answered first")    \
    X(HEDGES_DENIED, "hedges_denied_total", "hedges that the budget did not allow")              \
    X(LATE_LISTENED, "late_listened_total", "tries that were given up and then listened to")     \
    X(LATE_REFUSED, "late_refused_total", "those that were not, for as many were already")       \
    X(RATE_HELD, "rate_held_total", "requests that waited for their turn under a rate limit")    \
    X(RATE_OVERFLOWS, "rate_key_overflows_total", "requests whose key had no place of its own")  \
    X(GATE_HELD, "concurrency_held_total", "requests that waited under a concurrency limit")     \
    X(FAULT_FIELDS_REFUSED, "fault_fields_refused_total",                                        \
      "header fields that asked for a fault and got none")                                       \
    X(ACCEPT_PAUSES, "accept_pauses_total", "times accepting paused for want of descriptors")

#define COUNTER_ENUM(id, name, meaning) COUNTER_##id,
enum counter { COUNTERS(COUNTER_ENUM) COUNTER_COUNT };
#undef COUNTER_ENUM

enum { STATUS_SLOTS = 600 };

struct counters {
    _Atomic uint64_t of[COUNTER_COUNT];
    _Atomic uint64_t status[STATUS_SLOTS];
    _Atomic uint64_t cause[CAUSE_COUNT];
};

static inline void counter_add(_Atomic uint64_t *counter)
{
    /* One writer: no read-modify-write instruction is needed. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static inline uint64_t counter_read(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
