/* SPDX-License-Identifier: MIT */
/* A connection that has changed its protocol (RFC 9110 7.8, WebSocket): bytes go both ways as they
 * are, until both sides have ended, one is reset, or none has said anything for `timeout.tunnel`.
 * Who cannot be written to is not read for; an end is passed on as an end, a reset as a reset, and
 * so is an end of TLS without its close_notify. */
#ifndef TAILGATE_PROXY_REQUEST_TUNNEL_H
#define TAILGATE_PROXY_REQUEST_TUNNEL_H

#include "proxy/request/exchange.h"

/* The 101 and what came behind it have been sent to the client. The exchange may have ended when it
 * returns. */
void tunnel_begin(struct exchange *exchange);

/* One of the two connections is ready. The exchange may have ended when it returns. */
void tunnel_run(struct exchange *exchange);

#endif
