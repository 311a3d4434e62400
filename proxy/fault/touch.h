/* SPDX-License-Identifier: MIT */
/* A fault that touches a connection to an endpoint, for the connection's time or for a request's.
 */
#ifndef TAILGATE_PROXY_FAULT_TOUCH_H
#define TAILGATE_PROXY_FAULT_TOUCH_H

#include "proxy/connection/uplink.h"
#include "proxy/fault/engine.h"

struct touch {
    struct list of_culprit, of_uplink;
    struct culprit *culprit;
    struct uplink *uplink;
    uint64_t key; /* of the connection or request, by which it was drawn */
    mono since;
    struct record_trace trace; /* of the request */
    bool for_request;          /* ends with the attempt that is under way */
};

/* What faults have to do with a connection. */
struct uplink_faults {
    struct list touches;
    struct record_names names; /* of those that have touched it during the current attempt */
    bool delays;               /* one of them does */
    struct alarm connecting;   /* until it counts as connected */
};

/* Makes room for them; harmless when there is. */
struct uplink_faults *touch_room(struct uplink *uplink);

/* The culprit has claimed it: for the request of that trace, or, NULL, for the connection. */
void touch_begin(struct culprit *culprit, struct uplink *uplink, uint64_t key,
                 const struct record_trace *trace);

/* An attempt begins with those that touch the connection already; `afresh`: with no others. */
void touch_recall(struct uplink_faults *faults, bool afresh);

/* Lets go, and writes that down. */
void touch_end(struct touch *touch);
void touch_end_all(struct culprit *culprit);

/* All that the culprit touches goes by another fault of the same kind. */
void touch_change_all(struct culprit *culprit, const struct fault_config *to, mono now);

/* Asks for all connections there are whether the culprit touches them; for those that it does not
 * touch already. */
void touch_connections(struct culprit *culprit, mono now);

/* Asks for one connection and all culprits that are for connections. */
void touch_connection(struct uplink *uplink, mono now);

/* No connection remembers that the culprit was asked about it. */
void touch_forget(const struct culprit *culprit);

#endif
