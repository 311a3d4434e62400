/* SPDX-License-Identifier: MIT */
/* Late arrivals. A timeout hides what it ends: the answer might have come a moment later, or never.
 * So the connection of a try that was given up is listened to for a while, when the configuration
 * says so, and the try's record gets how late the response really was, or for how long none came.
 */
#ifndef TAILGATE_PROXY_REQUEST_LATE_H
#define TAILGATE_PROXY_REQUEST_LATE_H

#include "proxy/request/exchange.h"

/* Whether the current try, which ends so, is to be listened to: its request was sent, no response's
 * head is there, it is recorded, and not too many are listened to already (counted). */
bool late_wants(const struct exchange *exchange, enum cause outcome);

/* Takes over its connection, which counts no more among its endpoint's, and its record, which is
 * written when something is known. */
void late_listen(struct exchange *exchange);

/* The connection is readable, or was closed. */
void late_ready(struct uplink *uplink);

/* Nothing more is waited for: writes the records of all. */
void late_end_all(struct worker *worker);

#endif
