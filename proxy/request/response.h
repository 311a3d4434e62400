/* SPDX-License-Identifier: MIT */
/* What the head of a response decides: whether it is passed on, how its body travels, whether the
 * request is tried again instead, or the connection changes its protocol. */
#ifndef TAILGATE_PROXY_REQUEST_RESPONSE_H
#define TAILGATE_PROXY_REQUEST_RESPONSE_H

#include "proxy/request/exchange.h"

/* Takes heads (a final one may follow interim ones) from what came, and writes those for the
 * client. Sets how many bytes were used (0: not all of the head has arrived). Returns a cause when
 * it is wrong, and CAUSE_UPSTREAM_STATUS when another try has begun instead. */
enum cause response_take_head(struct exchange *exchange, const char *bytes, size_t available,
                              size_t *used);

/* Notes what the backend says itself of how long it took (Server-Timing), if it says so. */
void response_note_timing(struct attempt_record *record, const struct http_head *head);

#endif
