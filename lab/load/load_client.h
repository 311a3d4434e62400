/* SPDX-License-Identifier: MIT */
/* One connection of the load generator and the request on it. */
#ifndef TAILGATE_LAB_LOAD_LOAD_CLIENT_H
#define TAILGATE_LAB_LOAD_LOAD_CLIENT_H

#include "lab/load/load.h"
#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/http/framing.h"
#include "lib/net/conn.h"
#include "lib/record/store.h"

#define CLIENT_STATES(X)                                                  \
    X(CLOSED, "closed")         /* no connection */                       \
    X(IDLE, "idle")             /* connected, without a request */        \
    X(CONNECTING, "connecting") /* with a request, as all below */        \
    X(SENDING, "sending")                                                 \
    X(WAITING, "waiting") /* sent; the response's head is not complete */ \
    X(RECEIVING, "receiving")

#define CLIENT_STATE_ENUM(id, name) CLIENT_##id,
enum load_client_state { CLIENT_STATES(CLIENT_STATE_ENUM) CLIENT_STATE_COUNT };
#undef CLIENT_STATE_ENUM

struct load;

struct load_client {
    struct load *load;
    struct list node; /* in the load's free or busy list */
    struct conn conn;
    enum load_client_state state;
    uint64_t number;

    const struct arrival *arrival; /* the request it carries */
    uint64_t ordinal;
    mono sent, first_byte;
    int status;
    uint64_t bytes;
    struct buf out;     /* the request's head */
    uint64_t body_left; /* of the request, behind `out` */
    struct buf in;      /* the response's head, until it is complete */
    size_t scanned;
    bool head_complete, keep_alive;
    struct http_body body;
};

/* What the connections share. */
struct load {
    struct load_job *job;
    struct log log;
    struct loop loop;
    struct record_writer *writer;
    uint64_t trace_prefix;
    char host[ADDRESS_TEXT];
    struct load_client *clients;
    struct list idle; /* connected ones, the last used first */
    struct list closed;
    struct list busy; /* by rising deadline of their requests */
    size_t next;      /* the next arrival whose moment comes */
    size_t waiting;   /* arrivals waiting..next-1 wait for a connection */
    struct timer arrival_timer, tick;
    struct soon assign;
    unsigned ticks;
    struct hist *latency; /* of the measured requests */
    struct http_head head;
    char bytes[65536];
    enum exit_status status;
};

void load_client_init(struct load_client *client, struct load *load, uint64_t number);

/* Sends the request of an arrival, over the open connection or a new one. */
void load_client_send(struct load_client *client, size_t ordinal);

/* Ends the request it carries: counted and recorded as done at `done`. An open connection that may
 * not be used again is closed. */
void load_client_finish(struct load_client *client, enum client_error error, mono done);

/* Closes an idle connection; one with a request is finished first. */
void load_client_close(struct load_client *client);

/* The moment an arrival was meant for, and the moment it is given up. */
mono load_intended(const struct load *load, const struct arrival *arrival);
mono load_deadline(const struct load *load, const struct arrival *arrival);

/* Counts and records an arrival that has ended; `client` is NULL when it never got a connection. */
void load_record(struct load *load, size_t ordinal, const struct load_client *client,
                 enum client_error error, mono done);

#endif
