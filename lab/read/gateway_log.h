/* SPDX-License-Identifier: MIT */
/* Reads the log of another gateway, a line at a time. A line that begins with "tailgate " is about
 * a request, and made of words that the gateway's own log format puts there:
 *
 *     trace="00-..."      the request's traceparent
 *     status=502          what was sent to the client; -1 or 0: nothing
 *     seconds=0.003 or ms=3            from the request's first byte to the end of its response
 *     upstream="127.0.0.1:9001, 127.0.0.1:9002"     whom it was sent to, all tries
 *     tries=2 or retries=1             unless `upstream` has all of them
 *     upstream_status="502, 200"       nginx
 *     connection=17                    nginx: the number that its error log has behind "*"
 *     state=SC                         HAProxy: its termination state
 *     flags=UF details="..."           Envoy: %RESPONSE_FLAGS% and %RESPONSE_CODE_DETAILS%
 *
 * Values stand in quotes where they may hold a blank; "\xHH" in quotes is a byte. nginx's error log
 * may be the same file: a message about a connection belongs to the request on it that is logged
 * next. It is a stranger's text: what is not understood is counted, and the first of it kept. Pure.
 */
#ifndef TAILGATE_LAB_READ_GATEWAY_LOG_H
#define TAILGATE_LAB_READ_GATEWAY_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lab/plan/gateway.h"
#include "lab/read/gateway_reason.h"

#define GATEWAY_LOG_TEXT 200

/* What a line says of a request. */
struct gateway_log_entry {
    bool has_trace;
    uint8_t trace_id[16];
    int status;       /* 0: none was sent */
    int64_t total_ns; /* -1: not said */
    int tries;        /* upstream; 0 also when that is not said */
    struct gateway_causes causes;
    char upstream[GATEWAY_LOG_TEXT];
    char reason[GATEWAY_LOG_TEXT]; /* in the gateway's own words; "" */
};

#define GATEWAY_LOG_SLOTS 1024

/* A message of an error log that waits for the line of its request. */
struct gateway_log_message {
    uint64_t connection;
    char text[GATEWAY_LOG_TEXT];
};

struct gateway_log_reader {
    enum gateway_log_format format;
    bool reuses;
    uint64_t lines;
    uint64_t requests;              /* lines about requests that were understood */
    uint64_t untraced;              /* of these had no traceparent */
    uint64_t messages;              /* lines of an error log about requests */
    uint64_t others;                /* lines about something else */
    uint64_t not_understood;        /* lines that were to be about requests */
    char example[GATEWAY_LOG_TEXT]; /* the first of them */
    struct gateway_log_message waiting[GATEWAY_LOG_SLOTS];
};

/* `reuses`: whether it uses connections to backends again; otherwise nothing is
 * CAUSE_REUSED_CLOSED. */
struct gateway_log_reader *gateway_log_reader_new(enum gateway_log_format format, bool reuses);
void gateway_log_reader_free(struct gateway_log_reader **reader);

/* Takes a line without its end; true: it is about a request, and `entry` says what. */
bool gateway_log_take(struct gateway_log_reader *reader, const char *line, size_t length,
                      struct gateway_log_entry *entry);

#endif
