/* SPDX-License-Identifier: MIT */
/* A connection to an endpoint. */
#ifndef TAILGATE_PROXY_CONNECTION_UPLINK_H
#define TAILGATE_PROXY_CONNECTION_UPLINK_H

#include "proxy/rules/keepalive.h"
#include "proxy/worker/worker.h"

struct exchange;
struct late;

#define UPLINK_STATES(X)        \
    X(CONNECTING, "connecting") \
    X(SECURING, "securing")     \
    X(BUSY, "busy")             \
    X(IDLE, "idle")             \
    X(LATE, "listened to")      \
    X(CLOSED, "closed")

#define UPLINK_STATE_ENUM(id, name) UPLINK_##id,
enum uplink_state { UPLINK_STATES(UPLINK_STATE_ENUM) UPLINK_STATE_COUNT };
#undef UPLINK_STATE_ENUM

struct uplink {
    struct conn conn;
    struct upstream *upstream;
    struct pool *pool;
    struct exchange *exchange; /* when CONNECTING, SECURING or BUSY */
    enum uplink_state state;
    struct buf in; /* part of a response head, or bytes behind one */
    size_t head_scanned;
    struct client *client; /* whose requests alone it carries; NULL: anybody's */
    struct list of_client; /* in client->uplinks */
    struct timeout idle_timeout;
    struct list node; /* in pool->idle */
    struct grave grave;
    struct list of_worker;                /* in engine->uplinks */
    struct uplink_faults *faults;         /* NULL: none has touched it */
    struct late *late;                    /* when LATE */
    uint64_t faults_asked, faults_barred; /* by their bits: counted for, and not among the first */
    uint64_t draw; /* its number among those drawn for, from 1; 0 = none yet */
    mono opened;
    mono answered;              /* the end of the last response */
    mono use_before;            /* when IDLE: not used from then on; 0 = any time */
    struct keepalive keepalive; /* as the endpoint said with its last response */
    uint32_t requests;          /* carried so far, without the current one */
    uint64_t number;
};

/* What became of asking for a connection. */
enum uplink_result {
    UPLINK_READY,     /* connected and handed over */
    UPLINK_PENDING,   /* being connected: attempt_connected or attempt_connect_failed will follow */
    UPLINK_EXHAUSTED, /* every endpoint is at its limit: wait for one */
    UPLINK_NO_ENDPOINT, /* none is fit to be used */
    UPLINK_FAILED       /* errno says why */
};

/* What is asked for, and what was chosen. */
struct uplink_order {
    struct exchange *exchange;
    bool fresh;                 /* not a connection that was used before */
    uint64_t avoid;             /* endpoints (uplink_bit) to be used when there is no other */
    uint64_t refused;           /* those that this request could not be brought to */
    uint64_t affinity;          /* the key of a consistent hash */
    struct pool *pool;          /* set: the endpoint chosen, unless EXHAUSTED or NO_ENDPOINT */
    struct uplink *uplink;      /* set for READY and PENDING */
    uint64_t draw;              /* see struct uplink; where faults may touch it */
    struct record_names faults; /* that have refused it */
};

/* The bit of an endpoint in a set; a 65th shares the first's. */
static inline uint64_t uplink_bit(const struct upstream *upstream, const struct pool *pool)
{
    return UINT64_C(1) << ((size_t)(pool - upstream->pools) % 64);
}

/* Opens a connection to the endpoint chosen, for whom a place has been reserved: PENDING or FAILED.
 */
enum uplink_result uplink_dial(struct upstream *upstream, struct uplink_order *order);

/* The only place where the state changes. */
void uplink_set_state(struct uplink *uplink, enum uplink_state to);

void uplink_close(struct uplink *uplink, const char *reason);

/* Its try was given up, and it is listened to from now on: its place among the endpoint's
 * connections is another's. */
void uplink_set_apart(struct uplink *uplink, struct late *late);

/* The client whose connection it is has gone. */
void uplink_orphan(struct uplink *uplink);

/* Closes one that no further request may go over. */
void uplink_close_spent(struct uplink *uplink);

/* Bytes behind a response are nobody's answer: not those kept here, and not those that a read which
 * ended with the response has left in the socket. TLS may have had a word of its own to say. */
bool uplink_has_more(struct uplink *uplink);

#endif
