/* SPDX-License-Identifier: MIT */
/* What the files of lib/serve share; not for use outside. */
#ifndef TAILGATE_LIB_SERVE_SERVE_INTERNAL_H
#define TAILGATE_LIB_SERVE_SERVE_INTERNAL_H

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/memory.h"
#include "lib/http/framing.h"
#include "lib/net/conn.h"
#include "lib/net/listener.h"
#include "lib/net/timeout.h"
#include "lib/serve/serve.h"

#define SERVE_SPARE_BUFFERS 8
#define SERVE_READ_SIZE     (16 * 1024)
#define SERVE_FILLER_SIZE   (64 * 1024)

/* identifier, name, what happens there */
#define SERVE_STATES(X)                                                                           \
    X(IDLE, "idle")           /* nothing of a request has arrived */                              \
    X(HEAD, "head")           /* a part of a head has */                                          \
    X(BODY, "body")           /* the request's body is being read */                              \
    X(HANDLING, "handling")   /* the owner has the request; nothing is sent yet */                \
    X(WRITING, "writing")     /* the owner has it; the response is being sent */                  \
    X(WRITTEN, "written")     /* the owner has it; the response is sent */                        \
    X(FLUSHING, "flushing")   /* the owner is done; the rest of the response is being sent */     \
    X(LINGERING, "lingering") /* our side is shut; what still comes is discarded, lest the kernel \
                                 answers it with a reset that destroys the response */            \
    X(GONE, "gone")           /* the socket is closed, the owner still has the request */         \
    X(CLOSED, "closed")       /* about to be freed */

#define SERVE_STATE_ENUM(id, name) SERVE_STATE_##id,
enum serve_state { SERVE_STATES(SERVE_STATE_ENUM) SERVE_STATE_COUNT };
#undef SERVE_STATE_ENUM

/* Why a connection was closed: identifier and text for the log. */
#define SERVE_REASONS(X)                                     \
    X(CLIENT_CLOSED, "the client closed it")                 \
    X(CLIENT_FAILED, "the client reset it")                  \
    X(IDLE, "the keep-alive timeout")                        \
    X(STALLED, "the client stalled")                         \
    X(MAKES_ROOM, "makes room for a new one")                \
    X(ANSWERED, "its last response is written")              \
    X(REFUSED, "a malformed request")                        \
    X(UNANSWERED, "the request was not answered")            \
    X(MISBEHAVED, "a fault of the configuration")            \
    X(RESETTING, "a fault of the configuration, by a reset") \
    X(STOPPING, "the server is stopping")

#define SERVE_REASON_ENUM(id, text) SERVE_REASON_##id,
enum serve_reason { SERVE_REASONS(SERVE_REASON_ENUM) SERVE_REASON_COUNT };
#undef SERVE_REASON_ENUM

struct serve {
    struct loop *loop;
    const struct serve_calls *calls;
    void *owner;
    const struct log *log;
    struct serve_options options;
    struct listener listener;
    enum serve_gate gate;
    bool draining;
    struct serve_counts counts;
    struct list conns; /* open ones, the one whose last request is the oldest first */
    size_t conn_count;
    struct list dead; /* closed ones, freed once the callbacks of this round are done */
    struct soon bury;
    struct slab slab;
    struct timeout_queue idle, stall, linger;
    struct list awaiting; /* written, waiting until the client has room for all of it */
    struct timer awaiting_timer;
    struct buf spare[SERVE_SPARE_BUFFERS];
    size_t spare_count;
    struct http_head head; /* of the request being looked at */
    char *filler;
    int64_t date_second; /* what `date` says */
    char date[32];
};

struct serve_conn {
    struct conn io;
    struct serve *serve;
    struct list node;     /* in conns or dead */
    struct list awaiting; /* in serve->awaiting */
    struct timeout timeout;
    enum serve_state state;
    bool running;      /* inside serve_conn_run */
    bool keeps_alive;  /* the connection outlives its request */
    bool answers_head; /* the request is a HEAD */
    bool old_client;   /* HTTP/1.0 */
    bool chunked;      /* the filler goes out in chunks */
    bool cut;          /* the body ends before its end */
    bool lingers;      /* close by way of LINGERING */
    uint64_t number;
    uint64_t requests;
    struct buf in;  /* arrived, not used yet; in BODY the head stands at its start */
    struct buf out; /* still to be sent, before the filler */
    uint64_t filler_left;
    size_t scanned;
    size_t head_length; /* BODY: of the head at the start of `in` */
    struct http_body body;
    uint64_t body_bytes;
    struct buf content; /* of the body, when it is kept */
    void *data;
};

/* ---- serve.c */
void serve_lend(struct serve *serve, struct buf *buf); /* gives an empty buffer memory */
void serve_give_back(struct serve *serve, struct buf *buf);
void serve_bury(struct serve_conn *conn);
const char *serve_date(struct serve *serve);

/* ---- serve_conn.c */
void serve_conn_accept(struct serve *serve, int fd);
void serve_conn_set_state(struct serve_conn *conn, enum serve_state to);
/* Does whatever the connection's state allows now. */
void serve_conn_run(struct serve_conn *conn);
/* The one place where connections end. Tells the owner of a request in flight when `tell`. */
void serve_conn_close(struct serve_conn *conn, enum serve_reason reason, bool tell);
/* Behind the last byte of a response that no owner holds any more. */
void serve_conn_answered(struct serve_conn *conn);

/* ---- serve_read.c: each does one thing and says whether there may be more to do. */
bool serve_read_head(struct serve_conn *conn);
bool serve_read_body(struct serve_conn *conn);
bool serve_read_discard(struct serve_conn *conn);

/* ---- serve_write.c */
/* Answers on the server's own behalf and closes. */
void serve_write_refusal(struct serve_conn *conn, int status, const char *why);
void serve_write_continue(struct serve_conn *conn);
/* Sends what there is; SERVE_WRITING, SERVE_WRITTEN or SERVE_GONE. */
enum serve_progress serve_write_on(struct serve_conn *conn);

/* ---- serve_taken.c */
void serve_taken_init(struct serve *serve);

#endif
