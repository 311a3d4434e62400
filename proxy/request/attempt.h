/* SPDX-License-Identifier: MIT */
/* One try upstream: choosing a connection, and what to do when it fails. */
#ifndef TAILGATE_PROXY_REQUEST_ATTEMPT_H
#define TAILGATE_PROXY_REQUEST_ATTEMPT_H

#include "proxy/request/exchange.h"

/* Begins a try (the first or a further one). May end the exchange. */
void attempt_start(struct exchange *exchange);

/* It failed before a response's head was delivered: tries again if that is safe and allowed, and
 * fails the exchange otherwise. May end the exchange. */
void attempt_failed(struct exchange *exchange, enum cause cause);

/* A final response's head has come. True: it is not passed on, and another try has begun. May end
 * the exchange. */
bool attempt_retries_response(struct exchange *exchange, const struct http_head *head);

/* No further try is waited for. */
void attempt_stop_pausing(struct exchange *exchange);

/* As attempt_failed, in a way that is no reason to try again. */
void attempt_broken(struct exchange *exchange, enum cause cause);

/* Whether the request may be sent twice. */
bool attempt_may_repeat(const struct exchange *exchange);

/* A try that is about to begin. */
struct attempt_order {
    struct uplink_order uplink;
    struct breaker_ticket ticket;
    enum uplink_result result;
    int problem;        /* errno, when the result is UPLINK_FAILED */
    enum cause refusal; /* why there is none; NONE: every connection is in use */
    bool hedge;         /* beside another */
};

/* Asks the breaker for leave, and for a connection. False: `refusal`. */
bool attempt_order(struct exchange *exchange, struct attempt_order *order);

/* Begins the try that was ordered. May end the exchange. */
void attempt_begin(struct exchange *exchange, const struct attempt_order *order);

/* Closes its books: writes the record and, unless the connection was given back, closes it. Does
 * nothing when no try is open. */
void attempt_close(struct exchange *exchange, enum cause outcome, bool retried);

/* Why the current try's response has a status from 500 on: the upstream, or a fault in its place.
 */
enum cause attempt_cause_of_status(const struct attempt *attempt);

/* The response was received completely: gives the connection back as the cleanup strategy says. */
void attempt_received(struct exchange *exchange);

#endif
