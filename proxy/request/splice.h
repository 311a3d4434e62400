/* SPDX-License-Identifier: MIT */
/* Long bodies of responses, moved from the upstream's socket to the client's inside the kernel. */
#ifndef TAILGATE_PROXY_REQUEST_SPLICE_H
#define TAILGATE_PROXY_REQUEST_SPLICE_H

#include "proxy/request/exchange.h"

/* How much to read of a response whose head has not been seen. What stands behind the head is
 * copied, so it is little where the endpoint's last response was long. */
size_t splice_first_read(const struct exchange *exchange);

/* The head of a response is known: remembers whether its body is long. */
void splice_note_length(const struct exchange *exchange);

/* A pipe if the bytes that follow in the upstream's socket may go through one. NULL: they are read
 * and written, because too few will come for sure, because they do not travel as they are (TLS), or
 * because every pipe is taken. */
struct pipe *splice_pipe(const struct exchange *exchange);

/* Sends the client `parts` (count may be 0) and, behind them, what is there of the body; takes the
 * pipe over. `*got` is what conn_read would have returned for the body. False: the client has gone;
 * the exchange goes on until it is told so. */
bool splice_body(struct exchange *exchange, struct pipe *pipe, const struct iovec *parts, int count,
                 ssize_t *got);

#endif
