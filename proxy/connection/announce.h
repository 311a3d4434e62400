/* SPDX-License-Identifier: MIT */
#ifndef TAILGATE_PROXY_CONNECTION_ANNOUNCE_H
#define TAILGATE_PROXY_CONNECTION_ANNOUNCE_H

#include "proxy/connection/uplink.h"

/* PROXY headers for the endpoints of upstreams that want them, before anything else is sent. Both
 * return 0 or the errno of a failure. */

/* Tells the endpoint whose connection this is. */
int announce_client(struct uplink *uplink);

/* Tells it that the connection is the gateway's own, if it wants to be told anything. */
int announce_own(struct conn *conn, const struct upstream_config *config);

#endif
