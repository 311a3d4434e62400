/* SPDX-License-Identifier: MIT */
/* Moves a request up and a response down, as far as the sockets allow. Neither direction holds more
 * than SCRATCH_SIZE and a head: who cannot be written to is not read for. Each function may end the
 * exchange; callers return at once when it says so (false). */
#ifndef TAILGATE_PROXY_REQUEST_RELAY_H
#define TAILGATE_PROXY_REQUEST_RELAY_H

#include "proxy/request/exchange.h"

/* What a piece of a body, be it a chunk of one byte, takes from a connection's turn beside its
 * bytes. */
enum { PIECE_COST = 128 };

/* Takes from the client's buffer what belongs to the request's body. Returns CAUSE_NONE, or why the
 * request is refused; the client's connection then ends with the answer. */
enum cause relay_take_body(struct exchange *exchange);

/* Bytes of the request that are here and have not been sent. */
static inline size_t relay_unsent(const struct exchange *exchange)
{
    return buf_len(&exchange->request) - exchange->request_sent;
}

bool relay_request(struct exchange *exchange);
bool relay_response(struct exchange *exchange);

#endif
