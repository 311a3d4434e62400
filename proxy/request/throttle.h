/* SPDX-License-Identifier: MIT */
/* Rate limits at work: asks the bucket that a request counts for, and refuses it, holds it back for
 * a while or lets it go on. */
#ifndef TAILGATE_PROXY_REQUEST_THROTTLE_H
#define TAILGATE_PROXY_REQUEST_THROTTLE_H

#include "proxy/process/throttles.h"
#include "proxy/request/exchange.h"

/* Whether the request may go on, at once or after exchange->hold. False: it was refused, and the
 * exchange may have ended. `route` is its index. */
bool throttle_admit(struct exchange *exchange, size_t route, const struct http_head *head);

/* Holds it back for exchange->hold, then begins the first try. */
void throttle_hold(struct exchange *exchange);

/* It is held back no longer, whatever comes next. */
void throttle_leave(struct exchange *exchange);

#endif
