/* SPDX-License-Identifier: MIT */
/* One request and its response: from the first byte of the request to the last byte written to the
 * client, over one or several attempts. */
#ifndef TAILGATE_PROXY_REQUEST_EXCHANGE_H
#define TAILGATE_PROXY_REQUEST_EXCHANGE_H

#include "lib/http/framing.h"
#include "lib/http/timing.h"
#include "proxy/connection/client.h"
#include "proxy/connection/uplink.h"
#include "proxy/request/defer.h"

#define EXCHANGE_STATES(X)                                                                   \
    X(STARTED, "started") /* the head was read */                                            \
    X(HELD, "held")       /* a limit does not let it go on yet */                            \
    X(QUEUED, "queued")   /* every connection is in use */                                   \
    X(PAUSING, "pausing") /* before another try */                                           \
    X(CONNECTING, "connecting")                                                              \
    X(SENDING, "sending")       /* the request goes up */                                    \
    X(WAITING, "waiting")       /* the request was sent, nothing of the response is there */ \
    X(RECEIVING, "receiving")   /* the response comes down */                                \
    X(TUNNELING, "tunneling")   /* the connection has changed its protocol */                \
    X(DELIVERING, "delivering") /* all was received; the client takes the rest */            \
    X(ENDED, "ended")

#define EXCHANGE_STATE_ENUM(id, name) EXCHANGE_##id,
enum exchange_state { EXCHANGE_STATES(EXCHANGE_STATE_ENUM) EXCHANGE_STATE_COUNT };
#undef EXCHANGE_STATE_ENUM

/* The moments of the current attempt, for its phases. */
struct attempt {
    struct uplink *uplink; /* NULL once it was given back */
    struct pool *pool;
    mono started, connecting, connected, secured, sent, first_byte, last_byte;
    bool reused;
    bool hedge;            /* begun beside another try */
    uint16_t fault_status; /* a fault answers with it; 0 = none does */
    struct breaker_ticket ticket;
    bool open; /* counted among its endpoint's requests under way */
    struct attempt_record record;
};

struct refusal;

struct exchange {
    struct worker *worker;
    struct realm *realm; /* the configuration it began under, and goes by */
    struct client *client;
    struct upstream *upstream; /* NULL: the route leads to none */
    struct passage *passage;   /* the way there */
    enum exchange_state state;
    struct list node; /* in upstream->queue */
    struct timeout timeout, total_timeout, try_timeout;
    struct timer *pause;    /* until the next try; NULL = none */
    struct attempt attempt; /* the current one */
    struct hedge *hedge;    /* others beside it; NULL: none, nor will there be */
    int attempts;
    uint64_t tried;   /* endpoints, as uplink_bit */
    uint64_t refused; /* those that could not be connected to */

    struct buf request;  /* head and body for the upstream */
    size_t request_sent; /* of it */
    bool replayable;     /* nothing of the request has been dropped from `request` */
    struct http_body request_body;
    uint64_t body_taken; /* bytes of its content */
    unsigned upgrades;   /* protocols offered to the upstream; see hop_upgrades */

    uint64_t faults;     /* by their bits: those that match it */
    uint64_t fault_key;  /* by which they draw */
    struct asked *asked; /* faults it has asked for itself; NULL: none */
    uint64_t affinity;   /* the key of a consistent hash */
    bool fault_delayed;  /* a fault that delays has touched a try */
    bool idempotent;
    bool answers_head; /* the method was HEAD */
    bool client_keeps; /* the client's side stays open behind this request */
    bool client_http_1_0;
    bool uplink_keeps;     /* the upstream's side stays open behind the response */
    bool head_delivered;   /* the client has been sent a response head */
    bool unframe;          /* chunked from the upstream, plain to an HTTP/1.0 client */
    bool enchunk;          /* ended by close from the upstream, chunked to the client */
    bool client_ended;     /* a tunnel: the client has sent its last byte */
    bool uplink_ended;     /* a tunnel: so has the upstream */
    bool awaits_continue;  /* the client waits for a 100 before it sends its body */
    bool fresh_connection; /* the next attempt must not use a pooled one */
    struct http_body response_body;

    struct defer_stack cleanup;
    mono started, head_read, queued, dequeued, received, delivered;
    int64_t queue_ns;
    struct gate *gate;       /* HELD: it waits there; otherwise it has a permit; NULL = neither */
    mono permitted;          /* when it got it */
    duration hold;           /* how long the rate limit holds it back before the first try */
    uint32_t retry_after;    /* s, for the gateway's own answer; 0 = not said */
    int queued_behind;       /* requests that waited already when it began to wait */
    uint64_t head_bytes_out; /* of the response's heads */
    struct access_texts *texts; /* NULL: the access log needs none */
    struct request_record record;
};

/* A whole head has arrived and was parsed: takes the request from there. The client's `in` holds
 * what follows the head. */
void exchange_start(struct client *client, struct http_head *head);

/* No usable request has arrived: answers so, and the connection ends. */
void exchange_refuse(struct client *client, const struct refusal *refusal);

/* Events, from the client's side: its body has arrived or it has room again, and it has gone. */
void exchange_client_ready(struct exchange *exchange);
void exchange_client_gone(struct exchange *exchange, enum cause cause);

/* Events, from the upstream's side. */
/* The connection stands, and its TLS handshake begins; connected follows, or tls_failed. */
void exchange_securing(struct exchange *exchange);
void exchange_tls_failed(struct exchange *exchange);
void exchange_connected(struct exchange *exchange);
void exchange_connect_failed(struct exchange *exchange, int problem);
void exchange_uplink_ready(struct exchange *exchange);

/* A connection may be free: tries again; called for a queued exchange. False when it still waits.
 */
bool exchange_dequeue(struct exchange *exchange);

/* Whether it has not got a connection to an endpoint yet. */
static inline bool exchange_waits(const struct exchange *exchange)
{
    return exchange->state == EXCHANGE_HELD || exchange->state == EXCHANGE_QUEUED ||
           exchange->state == EXCHANGE_CONNECTING;
}

/* Ends it for a reason of the gateway's own: answers with the cause's status, or cuts the response
 * short in a way the client notices. */
void exchange_fail(struct exchange *exchange, enum cause cause);

/* Whether the client's connection ends, by our closing it, as soon as the answer has been written.
 * With deferred cleanup it waits for the client's reading first. */
bool exchange_ends_connection(const struct exchange *exchange);

/* The gateway's own answer is sent; the client takes it. */
void exchange_deliver_own(struct exchange *exchange, const struct iovec *parts, int count);

/* Everything for the client has been received: ends the exchange once the client has taken it. */
void exchange_deliver(struct exchange *exchange);

/* Gives everything back, writes the record and lets the client go on. The exchange is gone. */
void exchange_end(struct exchange *exchange, enum client_next next);

/* Deferred cleanup of the request's buffer is registered. */
void exchange_defer_request(struct exchange *exchange);

/* A queued exchange no longer waits. */
void exchange_leave_queue(struct exchange *exchange);

/* Each request adds its share to what the retry budget allows. */
void upstream_earn_retries(struct upstream *upstream, double share);

void exchange_set_state(struct exchange *exchange, enum exchange_state state);

#endif
