/* SPDX-License-Identifier: MIT */
/* What is recorded: one X-macro per kind of record, from which come the struct that a process
 * appends to its segment, the table in SQLite, the JSON line, the CSV column and the manual.
 *
 * A column is X(type, member, text). The types:
 *   U16 U32 U64  plain numbers                     BOOL  0 or 1
 *   MONO         a moment, CLOCK_MONOTONIC ns; 0 = not reached (NULL)
 *   SPAN         a length of time in ns; negative = not reached or not known (NULL)
 *   NAME         index into the segment's names (NAME_NONE = NULL); exported as text
 *   NAMES        several of them; exported as text with commas between, and "+2" behind them when
 *                there were two more (none = NULL)
 *   CAUSE        enum cause, exported as its name
 *   TRACE        16 bytes, exported as 32 hex digits (all zero = NULL)
 *   PEER         an IP address and port, exported as "127.0.0.1:80" or "[::1]:80" (without the port
 *                when that is not known), or "unix:" (all zero = NULL)
 *   TEXT16, TEXT112  NUL-padded text; what does not fit is cut
 *   CLIENT_ERROR, PAUSE_KIND, STATE_KIND  enums below, exported as their names
 */
#ifndef TAILGATE_LIB_RECORD_TABLES_H
#define TAILGATE_LIB_RECORD_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/ip.h"

#define NAME_NONE UINT16_MAX

/* clang-format off */

/* Columns that mostly say nothing, or little, stand last: entries end where nothing more is said. */

/* One row per request the gateway read. The phases follow one another and add up to `total`, save for
 * what several attempts and their pauses took; those of the last attempt stand here. */
#define RECORD_REQUEST(X)                                                                          \
    X(MONO, started, "the first byte of the request was read")                                     \
    X(TRACE, trace_id, "W3C trace id, accepted or created")                                        \
    X(PEER, client, "the client's address, as a trusted peer says it is or as the connection has it")  \
    X(NAME, route, "the route that matched")                                                       \
    X(NAME, upstream, "the upstream it leads to")                                                  \
    X(U16, status, "status sent to the client; 499 when it went away first")                       \
    X(CAUSE, cause, "why it failed")                                                               \
    X(BOOL, cut_short, "the connection was cut after the response's head")                         \
    X(U16, attempts, "tries upstream")                                                             \
    X(U32, client_requests, "requests this client connection had carried before")                  \
    X(SPAN, read, "from the first byte of the request to the end of its head")                     \
    X(SPAN, queue, "waiting for its turn under a limit, or for a connection")                                           \
    X(SPAN, connect, "establishing the upstream connection")                                       \
    X(SPAN, tls, "TLS handshake with the upstream")                                                \
    X(SPAN, send, "sending the request upstream")                                                  \
    X(SPAN, wait, "from the request sent to the first byte of the response")                       \
    X(SPAN, receive, "from the first to the last byte of the response read")                       \
    X(SPAN, deliver, "from the last byte read to the last byte written to the client")             \
    X(SPAN, cleanup, "giving resources back after that")                                           \
    X(SPAN, total, "from the first byte of the request to the last byte written")                  \
    X(U64, bytes_in, "bytes received from the client")                                             \
    X(U64, bytes_out, "bytes sent to the client")                                                  \
    X(TEXT16, method, "request method")                                                            \
    X(TEXT112, path, "request target, cut to 112 bytes")                                           \
    X(NAMES, faults, "the injected faults that touched a try of it")

/* One row per try upstream. */
#define RECORD_ATTEMPT(X)                                                                          \
    X(MONO, started, "an endpoint was chosen")                                                     \
    X(TRACE, trace_id, "the request's")                                                            \
    X(U16, number, "1 for the first try")                                                          \
    X(NAME, upstream, "the upstream")                                                              \
    X(NAME, endpoint, "the endpoint")                                                              \
    X(U64, connection, "number of the connection within its worker")                               \
    X(SPAN, connection_age, "how old the connection was")                                          \
    X(U32, connection_requests, "requests the connection had carried before; 0 = fresh")           \
    X(SPAN, connect, "establishing the connection")                                                \
    X(SPAN, tls, "TLS handshake")                                                                  \
    X(SPAN, send, "sending the request")                                                           \
    X(SPAN, wait, "from the request sent to the first byte of the response")                       \
    X(SPAN, receive, "from the first to the last byte of the response read")                       \
    X(SPAN, total, "from its start to its end, whatever that was")                                 \
    X(CAUSE, outcome, "how the try ended")                                                         \
    X(U16, status, "status of the upstream's response; 0 = none")                                  \
    X(BOOL, retried, "another try followed")                                                       \
    X(SPAN, late, "how long after its timeout the response really came")                           \
    X(SPAN, listened, "how long after its timeout it was listened for")                            \
    X(SPAN, backend_queue, "Server-Timing: waiting for locks")                                     \
    X(SPAN, backend_lock, "Server-Timing: holding locks")                                          \
    X(SPAN, backend_work, "Server-Timing: work")                                                   \
    X(SPAN, backend_gc, "Server-Timing: stopped by the collector or a pause")                      \
    X(SPAN, backend_cleanup, "Server-Timing: cleanup")                                             \
    X(NAMES, faults, "the injected faults that touched it")

/* What was injected. */
#define RECORD_FAULT(X)                                                                            \
    X(NAME, name, "the fault's name in the configuration")                                         \
    X(NAME, target, "what it was injected into")                                                   \
    X(TEXT16, kind, "pause")                                                                       \
    X(U64, ordinal, "0 for its first occurrence; the number of the connection that it touched, or of the request, which for one with a trace id is a hash of that") \
    X(SPAN, planned_at, "planned start, from the start of the measured load")                      \
    X(SPAN, planned_for, "planned length")                                                         \
    X(MONO, started, "real start")                                                                 \
    X(MONO, ended, "real end")                                                                     \
    X(TRACE, trace_id, "of the request that it touched")

/* A stall as the backend itself saw it. */
#define RECORD_PAUSE(X)                                                                            \
    X(PAUSE_KIND, kind, "what stopped the process")                                                \
    X(NAME, name, "the pause's or fault's name")                                                   \
    X(MONO, started, "from")                                                                       \
    X(MONO, ended, "to")                                                                           \
    X(U64, live_bytes, "collector: bytes found alive")                                             \
    X(U64, freed_bytes, "collector: bytes given back")

/* A transition of something that converts stalls into failures. */
#define RECORD_STATE(X)                                                                            \
    X(MONO, at, "when")                                                                            \
    X(STATE_KIND, kind, "what changed")                                                            \
    X(NAME, subject, "the upstream, endpoint or resource")                                         \
    X(U64, value, "the figure that made it change (waiting requests, failures, ms out of use, addresses, ns); at the end of what happened many times, how often")

/* One row per request of the load generator, measured or not. */
#define RECORD_CLIENT(X)                                                                           \
    X(U64, ordinal, "number of the arrival, from 0")                                               \
    X(TRACE, trace_id, "sent as traceparent")                                                      \
    X(BOOL, warmup, "not part of the measurement")                                                 \
    X(TEXT16, method, "request method")                                                            \
    X(TEXT112, path, "request target")                                                             \
    X(MONO, intended, "when the schedule says it should have been sent")                           \
    X(SPAN, lag, "how late the generator itself was to act on it")                                 \
    X(MONO, sent, "when it was sent")                                                              \
    X(MONO, first_byte, "first byte of the response")                                              \
    X(MONO, done, "complete, failed or given up")                                                  \
    X(U16, status, "0 = no complete response head")                                                \
    X(CLIENT_ERROR, error, "what went wrong on the client's side")                                 \
    X(U64, bytes, "bytes of the response's body")

/* One row per request that a backend was asked to record, whoever sent it. */
#define RECORD_SERVED(X)                                                                           \
    X(MONO, started, "its head was there")                                                         \
    X(TRACE, trace_id, "of its traceparent")                                                       \
    X(SPAN, total, "until its exchange had ended")                                                 \
    X(SPAN, queue, "of it: waiting for resources")                                                 \
    X(SPAN, lock, "holding them")                                                                  \
    X(SPAN, work, "work without them")                                                             \
    X(SPAN, gc, "stopped by the collector or a pause")                                             \
    X(SPAN, cleanup, "giving things back")                                                         \
    X(BOOL, abandoned, "whoever asked left before it had the whole response")                      \
    X(BOOL, gave_up, "the handler's own timeout ended it")                                         \
    X(TEXT16, method, "request method")

#define RECORDS(X)                                                                                 \
    X(REQUEST, request, RECORD_REQUEST)                                                            \
    X(ATTEMPT, attempt, RECORD_ATTEMPT)                                                            \
    X(FAULT, fault, RECORD_FAULT)                                                                  \
    X(PAUSE, pause, RECORD_PAUSE)                                                                  \
    X(STATE, state, RECORD_STATE)                                                                  \
    X(CLIENT, client, RECORD_CLIENT)                                                               \
    X(SERVED, served, RECORD_SERVED)

#define CLIENT_ERRORS(X)                                                                           \
    X(NONE, "none") X(CONNECT, "connect") X(TIMEOUT, "timeout") X(CLOSED, "closed")                \
    X(RESET, "reset") X(MALFORMED, "malformed") X(TRUNCATED, "truncated") X(UNFINISHED, "unfinished")

#define PAUSE_KINDS(X)                                                                             \
    X(COLLECTION, "collection") X(SCHEDULED, "scheduled") X(INJECTED, "injected")

#define STATE_KINDS(X)                                                                             \
    X(POOL_EXHAUSTED, "pool_exhausted") X(POOL_AVAILABLE, "pool_available")                        \
    X(QUEUE_SHED, "queue_shed") X(QUEUE_SHED_ENDED, "queue_shed_ended")                            \
    X(ACCEPT_PAUSED, "accept_paused") X(ACCEPT_RESUMED, "accept_resumed")                          \
    X(DESCRIPTORS_EXHAUSTED, "descriptors_exhausted")                                              \
    X(DESCRIPTORS_AVAILABLE, "descriptors_available")                                              \
    X(DRAINING, "draining") X(RELOADED, "reloaded")                                                \
    X(ENDPOINTS_CHANGED, "endpoints_changed")                                                     \
    X(RETRIES_EXHAUSTED, "retries_exhausted") X(RETRIES_AVAILABLE, "retries_available")            \
    X(HEDGES_EXHAUSTED, "hedges_exhausted") X(HEDGES_AVAILABLE, "hedges_available")                \
    X(ENDPOINT_EJECTED, "endpoint_ejected") X(ENDPOINT_RESTORED, "endpoint_restored")              \
    X(ENDPOINT_DOWN, "endpoint_down") X(ENDPOINT_UP, "endpoint_up")                                \
    X(BREAKER_OPENED, "breaker_opened") X(BREAKER_HALF_OPEN, "breaker_half_open")                  \
    X(BREAKER_CLOSED, "breaker_closed")                                                            \
    X(PANIC_BEGUN, "panic_begun") X(PANIC_ENDED, "panic_ended") \
    X(RATE_LIMITING_BEGUN, "rate_limiting_begun") X(RATE_LIMITING_ENDED, "rate_limiting_ended") \
    X(SHEDDING_BEGUN, "shedding_begun") X(SHEDDING_ENDED, "shedding_ended")                        \
    X(CONCURRENCY_LIMIT, "concurrency_limit") X(CONCURRENCY_BASELINE, "concurrency_baseline")     \
    X(DNS_FAILED, "dns_failed") X(DNS_ANSWERED, "dns_answered")                                    \
    X(RESTARTS_GIVEN_UP, "restarts_given_up")

/* clang-format on */

#define RECORD_ENUM_VALUE_CLIENT(id, name) CLIENT_ERROR_##id,
enum client_error { CLIENT_ERRORS(RECORD_ENUM_VALUE_CLIENT) CLIENT_ERROR_COUNT };
#define RECORD_ENUM_VALUE_PAUSE(id, name) PAUSE_##id,
enum pause_kind { PAUSE_KINDS(RECORD_ENUM_VALUE_PAUSE) PAUSE_KIND_COUNT };
#define RECORD_ENUM_VALUE_STATE(id, name) STATE_##id,
enum state_kind { STATE_KINDS(RECORD_ENUM_VALUE_STATE) STATE_KIND_COUNT };

/* The C type of each column type. */
struct record_trace {
    uint8_t bytes[16];
};
enum { RECORD_NAMES = 7 };
struct record_names {
    uint16_t of[RECORD_NAMES]; /* a NAME and 1; 0: there is none */
    uint16_t more;             /* for which there was no room */
};
typedef uint16_t record_U16;
typedef uint32_t record_U32;
typedef uint64_t record_U64;
typedef uint8_t record_BOOL;
typedef int64_t record_MONO;
typedef int64_t record_SPAN;
typedef uint16_t record_NAME;
typedef struct record_names record_NAMES;
typedef uint16_t record_CAUSE;
typedef struct record_trace record_TRACE;
typedef struct ip_peer record_PEER;
typedef char record_TEXT16[16];
typedef char record_TEXT112[112];
typedef uint16_t record_CLIENT_ERROR;
typedef uint16_t record_PAUSE_KIND;
typedef uint16_t record_STATE_KIND;

/* struct request_record, struct attempt_record, ... */
#define RECORD_MEMBER(type, member, text) record_##type member;
#define RECORD_STRUCT(ID, name, COLUMNS) \
    struct name##_record {               \
        COLUMNS(RECORD_MEMBER)           \
    };
RECORDS(RECORD_STRUCT)

/* Adds a name; one that is there already is there once. */
static inline void record_names_add(struct record_names *names, uint16_t name)
{
    size_t i = 0;
    while (i < RECORD_NAMES && names->of[i] != 0 && names->of[i] != name + 1)
        i++;
    if (i < RECORD_NAMES && name != NAME_NONE)
        names->of[i] = (uint16_t)(name + 1);
    else
        names->more++;
}

#define RECORD_KIND(ID, name, COLUMNS) RECORD_KIND_##ID,
enum record_kind { RECORDS(RECORD_KIND) RECORD_KIND_COUNT };

#endif
