/* SPDX-License-Identifier: MIT */
/* One try upstream: choosing a connection, and what to do when it fails. */
#ifndef TAILGATE_PROXY_ATTEMPT_H
#define TAILGATE_PROXY_ATTEMPT_H

#include "proxy/exchange.h"

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

/* Closes its books: writes the record and, unless the connection was given back, closes it. Does
 * nothing when no try is open. */
void attempt_close(struct exchange *exchange, enum cause outcome, bool retried);

/* The response was received completely: gives the connection back as the cleanup strategy says. */
void attempt_received(struct exchange *exchange);

#endif
