/* SPDX-License-Identifier: MIT */
/* A client's connection: reads requests one after the other, hands each to an exchange, and holds
 * what the client has not taken yet. */
#ifndef TAILGATE_PROXY_CONNECTION_CLIENT_H
#define TAILGATE_PROXY_CONNECTION_CLIENT_H

#include "proxy/worker/worker.h"

struct exchange;

/* client_set_state draws the legal steps between them. */
#define CLIENT_STATES(X)                                                                 \
    X(GREETING, "greeting")   /* a PROXY header is to come */                            \
    X(HANDSHAKE, "handshake") /* TLS is being set up */                                  \
    X(IDLE, "idle")           /* nothing of a request has arrived */                     \
    X(HEAD, "head")           /* part of a head has arrived */                           \
    X(BUSY, "busy")           /* an exchange is under way */                             \
    X(LINGERING, "lingering") /* all was said; waiting for the client to stop sending */ \
    X(CLOSED, "closed")

#define CLIENT_STATE_ENUM(id, name) CLIENT_##id,
enum client_state { CLIENT_STATES(CLIENT_STATE_ENUM) CLIENT_STATE_COUNT };
#undef CLIENT_STATE_ENUM

struct client {
    struct conn conn;
    struct worker *worker;
    struct entrance *entrance;
    struct exchange *exchange; /* when BUSY */
    enum client_state state;
    bool taking;       /* client_continue is running further up the stack */
    struct buf in;     /* received and not yet used */
    struct buf out;    /* to be sent; empty most of the time */
    struct pipe *pipe; /* holds what is to be sent behind `out`; NULL most of the time */
    struct timeout timeout;
    struct list node; /* in worker->clients */
    struct grave grave;
    mono lingering;    /* since when; see LINGERING */
    mono head_started; /* the first byte of the current request was read */
    size_t head_scanned;
    size_t head_bytes; /* of the current request's head */
    uint32_t requests; /* carried before the current one */
    uint64_t number;
    struct ip_peer peer;           /* at the other end, or whom it speaks for */
    struct ip_peer local;          /* the end it knows, from a PROXY header */
    struct list uplinks;           /* struct uplink: connections that are this client's alone */
    struct credential *credential; /* NULL: nothing is told of a certificate */
    bool trusted;                  /* what it says about its clients is believed */
};

/* Takes over an accepted socket. */
void client_accept(struct entrance *entrance, int fd, const struct address *peer);

/* Sends, or keeps in `out` what the socket does not take. Returns false when the client is gone. */
bool client_send(struct client *client, const struct iovec *parts, int count);

/* Whether everything sent so far has been taken by the socket. */
static inline bool client_drained(const struct client *client)
{
    return buf_len(&client->out) == 0 && !client->pipe;
}

/* As client_send, for what the connection's end follows at once (exchange_ends_connection): a small
 * answer and the end of the connection then leave in one segment. */
bool client_send_last(struct client *client, const struct iovec *parts, int count);

/* As client_send, what the pipe holds, and gives the pipe back once it is empty. */
bool client_send_pipe(struct client *client, struct pipe *pipe);

/* Sends what is kept, as far as the socket takes it. Returns false when the client is gone. */
bool client_flush(struct client *client);

/* Gives back the pipe with what is in it. */
void client_release_pipe(struct client *client);

/* What follows an exchange: the next request; an orderly end; an orderly end that first takes what
 * the client still sends (or a reset would swallow the answer); a cut the client notices. */
enum client_next { CLIENT_KEEP, CLIENT_FINISH, CLIENT_LINGER, CLIENT_CUT };

void client_exchange_ended(struct client *client, enum client_next next);

/* Reads more of the current request's body into `in`; false when the client has gone. Sets
 * `*stalled` when nothing more is there yet. */
bool client_read_body(struct client *client, bool *stalled);

/* Whether it may send another request: not when the gateway drains, or does not listen any more
 * where the client came in. */
bool client_may_stay(const struct client *client);

/* After a reload: a client without a request under way goes over to the current configuration's
 * listener. */
void client_follow(struct client *client);

/* A worker that drains closes its idle clients. */
void client_drain(struct client *client);

/* Ends the connection at once, with what it was doing. */
void client_stop(struct client *client);

#endif
