/* SPDX-License-Identifier: MIT */
/* Why requests fail: one row per cause. Everything that speaks of causes (the enum, the texts, the
 * status sent, the report, the manual) comes from this table.
 *
 * Columns: identifier, name, the status the gateway answers (0: none of its own), Envoy's response
 * flag, HAProxy's termination pair, the Proxy-Status error (RFC 9209), meaning, the tuning that
 * helps.
 */
#ifndef TAILGATE_LIB_RECORD_CAUSE_H
#define TAILGATE_LIB_RECORD_CAUSE_H

#include <stdbool.h>

/* clang-format off */
#define CAUSES(X)                                                                                  \
    X(NONE, "none", 0, "-", "--", "",                                                              \
      "the request was answered by the upstream", "")                                              \
    X(CONNECT_REFUSED, "connect_refused", 502, "UF", "SC", "connection_refused",                   \
      "nothing listens at the endpoint's address",                                                 \
      "retry on another endpoint (retry.on: connect); drain before stopping a backend")            \
    X(CONNECT_TIMEOUT, "connect_timeout", 504, "UF", "sC", "connection_timeout",                   \
      "the connection was not established in time: a full accept backlog or lost packets",         \
      "a short timeout.connect with a retry; a larger listen backlog on the backend")              \
    X(CONNECT_FAILED, "connect_failed", 502, "UF", "SC", "destination_ip_unroutable",              \
      "the connection could not be established for another reason",                                \
      "check the endpoint's address and the network between")                                      \
    X(DNS_FAILED, "dns_failed", 502, "DF", "SC", "dns_error",                                      \
      "the endpoint's name did not resolve", "cache names; check the resolver")                    \
    X(TLS_FAILED, "tls_failed", 502, "UF", "SC", "tls_protocol_error",                             \
      "the TLS handshake with the upstream failed", "check the certificate, its name and the CA")  \
    X(CLOSED_BEFORE_RESPONSE, "closed_before_response", 502, "UC", "SH", "connection_terminated",  \
      "the upstream closed a fresh connection before the first byte of a response",                \
      "mend the crash or early close behind it; retry idempotent requests")                        \
    X(RESET_BEFORE_RESPONSE, "reset_before_response", 502, "UC", "SH", "connection_terminated",    \
      "the upstream reset the connection before the first byte of a response",                     \
      "mend the crash or early close behind it; retry idempotent requests")                        \
    X(REUSED_CLOSED, "reused_closed", 502, "UC", "SH", "connection_terminated",                    \
      "a pooled connection was closed by the upstream as it was reused: the keep-alive race",      \
      "connections.idle_timeout below the backend's keep-alive timeout; retry.on: reused_closed")  \
    X(RESPONSE_TIMEOUT, "response_timeout", 504, "UT", "sH", "http_response_timeout",              \
      "no response head arrived in time",                                                          \
      "find the stall; timeout.response above the true p99.9; release locks before responding")    \
    X(SEND_TIMEOUT, "send_timeout", 504, "SI", "sH", "connection_write_timeout",                   \
      "the upstream took no more of the request for longer than timeout.idle",                     \
      "find the stall: the upstream does not read; timeout.idle above its longest pause")          \
    X(RESPONSE_MALFORMED, "response_malformed", 502, "UPE", "PH", "http_protocol_error",           \
      "what the upstream sent is not an HTTP/1.1 response",                                        \
      "check the endpoint's port and protocol; mend the application")                              \
    X(RESPONSE_HEAD_TOO_LARGE, "response_head_too_large", 502, "UPE", "PH",                        \
      "http_response_header_section_size", "the response's head is larger than the limit",         \
      "fewer or smaller header fields; a larger limits.response_head")                             \
    X(BODY_TRUNCATED, "body_truncated", 502, "UC", "SD", "http_response_incomplete",               \
      "the upstream closed before the end of the body", "mend the crash or early close behind it") \
    X(BODY_TIMEOUT, "body_timeout", 504, "SI", "sD", "connection_read_timeout",                    \
      "the response's body stopped for longer than timeout.idle",                                  \
      "find the stall; timeout.idle above the longest gap")                                        \
    X(TUNNEL_TIMEOUT, "tunnel_timeout", 504, "SI", "sD", "http_response_timeout",                  \
      "nothing came through an upgraded connection for longer than timeout.tunnel",                \
      "pings more often than timeout.tunnel; a larger timeout.tunnel")                             \
    X(TUNNEL_RESET, "tunnel_reset", 502, "UC", "SD", "connection_terminated",                      \
      "the upstream reset an upgraded connection", "mend the crash or early close behind it")      \
    X(TUNNEL_TRUNCATED, "tunnel_truncated", 502, "UC", "SD", "connection_terminated",              \
      "the upstream ended an upgraded TLS connection without a close_notify: what it sent may be "   \
      "incomplete, by mistake or by force",                                                          \
      "an upstream that says close_notify before it closes; look at who is between")               \
    X(TOTAL_TIMEOUT, "total_timeout", 504, "DT", "sD", "http_response_timeout",                    \
      "the whole exchange took longer than timeout.total", "a larger timeout.total, or none")      \
    X(NO_ENDPOINT, "no_endpoint", 503, "UH", "SC", "destination_unavailable",                      \
      "no endpoint of the upstream may be used",                                                   \
      "a cap on ejections; a panic threshold; more endpoints")                                     \
    X(QUEUE_FULL, "queue_full", 503, "UO", "PQ", "connection_limit_reached",                       \
      "every connection was in use and the queue was full",                                        \
      "connections.max and connections.queue by Little's law")                                     \
    X(QUEUE_TIMEOUT, "queue_timeout", 503, "UO", "sQ", "connection_limit_reached",                 \
      "no connection came free within timeout.queue",                                              \
      "connections.max by Little's law; find what holds the connections")                          \
    X(BREAKER_OPEN, "breaker_open", 503, "UO", "PR", "destination_unavailable",                    \
      "the circuit breaker was open", "the breaker's thresholds")                                  \
    X(RATE_LIMITED, "rate_limited", 429, "RL", "PR", "http_request_denied",                        \
      "the rate limit was reached", "the limit, or fewer requests")                                \
    X(RATE_WAIT_LIMIT, "rate_wait_limit", 429, "RL", "PR", "http_request_denied",                  \
      "under the rate limit its turn would have come later than rate_limit.max_wait",              \
      "a larger max_wait or rate, or fewer requests")                                              \
    X(SHED, "shed", 503, "UO", "PR", "connection_limit_reached",                                   \
      "as many requests were under way as the concurrency limit allows",                           \
      "a larger concurrency.limit or tolerance, by Little's law; a short queue")                   \
    X(DESCRIPTORS_EXHAUSTED, "descriptors_exhausted", 503, "OM", "RC", "proxy_internal_error",     \
      "the gateway had no file descriptor or port left for a connection",                          \
      "a larger descriptor limit; fewer idle connections")                                         \
    X(CLIENT_ABORT, "client_abort", 499, "DC", "CD", "",                                           \
      "the client went away before the answer was complete",                                       \
      "look at what the client waited for; keep it out of availability figures")                   \
    X(CLIENT_TRUNCATED, "client_truncated", 499, "DC", "CD", "",                                   \
      "the client ended an upgraded TLS connection without a close_notify: what it sent may be "     \
      "incomplete, by mistake or by force",                                                          \
      "clients that say close_notify before they close; keep it out of availability figures")      \
    X(CLIENT_TIMEOUT, "client_timeout", 408, "DC", "cR", "http_request_error",                     \
      "the client did not send its request, or did not read the answer, in time",                  \
      "the listener's timeouts; the client's network")                                             \
    X(REQUEST_MALFORMED, "request_malformed", 400, "DPE", "PR", "http_request_error",              \
      "the request is not correct HTTP/1.1", "mend the client")                                    \
    X(REQUEST_LOOP, "request_loop", 502, "LR", "PR", "proxy_loop_detected",                        \
      "the request's Via or CDN-Loop fields name this gateway as often as identity.loop_limit says", \
      "break the circle; give each gateway a name of its own (identity.name)")                     \
    X(REQUEST_TOO_LARGE, "request_too_large", 413, "DPE", "PR", "http_request_error",              \
      "the request, its head or its target is larger than a limit",                                \
      "a larger limit under limits; a smaller request")                                            \
    X(REQUEST_DENIED, "request_denied", 501, "DPE", "PR", "http_request_denied",                   \
      "the request asks for what the gateway does not do", "mend the client")                      \
    X(NO_ROUTE, "no_route", 404, "NR", "PR", "destination_not_found",                              \
      "no route matches the request", "add a route for the path")                                  \
    X(DRAIN_TIMEOUT, "drain_timeout", 503, "LR", "KD", "proxy_internal_error",                     \
      "the gateway was told to stop and the drain deadline passed before the exchange had ended",  \
      "a longer drain")                                                                            \
    X(FAULT_ABORT, "fault_abort", 503, "FI", "PR", "proxy_internal_response",                      \
      "an injected fault answered instead of the upstream", "")                                    \
    X(HEDGE_LOST, "hedge_lost", 0, "-", "--", "",                                                  \
      "another try of the same request was answered first, and this one was cancelled", "")        \
    X(UPSTREAM_STATUS, "upstream_status", 0, "-", "--", "",                                        \
      "the upstream's own 5xx, passed on", "look inside the upstream")                             \
    X(UNKNOWN, "unknown", 0, "-", "--", "",                                                        \
      "a gateway that is another program failed, and its log does not say why",                    \
      "a log line for each request, with traceparent: see configs/gateways")
/* clang-format on */

#define CAUSE_ENUM(id, ...) CAUSE_##id,
enum cause { CAUSES(CAUSE_ENUM) CAUSE_COUNT };
#undef CAUSE_ENUM

struct cause_row {
    const char *name;
    int status;
    const char *envoy_flag;
    const char *haproxy_pair;
    const char *proxy_status;
    const char *meaning;
    const char *advice;
};

/* The row of a cause; never NULL (an unknown number gives the row of CAUSE_NONE). */
const struct cause_row *cause_row(enum cause cause);

/* CAUSE_COUNT when no cause has that name. */
enum cause cause_by_name(const char *name);

/* A gateway failure: a request that ended in 502, 503 or 504, or was cut short after its head. */
bool cause_is_gateway_failure(enum cause cause, int status);

#endif
