/* SPDX-License-Identifier: MIT */
/* A small HTTP/1.1 server for one loop: it reads requests (their bodies are kept up to a limit, or
 * discarded), hands each to a handler, and writes the response, at once or later, with
 * back-pressure and in bounded memory. Requests of one connection are answered in order, one at a
 * time. It can also misbehave on purpose. Malformed requests never reach the handler: they get 400,
 * 408, 413 or 431 and the connection is closed.
 *
 * While a request is with its owner the connection belongs to both: the pointer stays valid until
 * the owner calls serve_end, also when the client has gone. */
#ifndef TAILGATE_LIB_SERVE_SERVE_H
#define TAILGATE_LIB_SERVE_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/log.h"
#include "lib/http/head.h"
#include "lib/net/address.h"
#include "lib/net/loop.h"

struct serve;

/* A connection, and the request it carries. */
struct serve_conn;

struct serve_request {
    const struct http_head *head; /* valid during the call only */
    uint64_t body_bytes;          /* content that was read */
    const char *body;             /* those bytes, during the call only; NULL without body_limit */
};

/* How far a response is. */
enum serve_progress {
    SERVE_WRITING, /* the client does not take it as fast as it is given */
    SERVE_WRITTEN, /* the socket has accepted the last byte */
    SERVE_TAKEN,   /* it has left for the client, which had room for all of it */
    SERVE_GONE,    /* the client closed, reset or stalled; nothing more can be written */
};

/* What the owner of a server is called for. None of it is called from inside a serve_ function that
 * the owner called. */
struct serve_calls {
    /* A request has been read to its end. Answer it now or later, and end it with serve_end. */
    void (*handle)(void *owner, struct serve_conn *conn, const struct serve_request *request);

    /* A request got to SERVE_WRITTEN, SERVE_TAKEN (only after serve_await_taken) or SERVE_GONE.
     * A client that has closed its side counts as gone, also when it only half-closed. */
    void (*progress)(void *owner, struct serve_conn *conn, enum serve_progress progress);

    /* Accepting stopped (true) or went on (false) for want of descriptors. May be NULL. */
    void (*exhausted)(void *owner, bool paused);
};

struct serve_options {
    int backlog;            /* of the listening socket; 0 = the system's maximum */
    size_t max_connections; /* beyond it new ones wait in the backlog; 0 = no limit */
    bool makes_room;        /* a new one does not wait: of those without a request the one that has
                               been silent longest is closed */
    unsigned reserve;       /* descriptors kept for it, see listener.h */
    duration keepalive;     /* an idle connection is closed after it; zero = after each response */
    duration stall;         /* for the rest of a request to arrive, or the client to take a part of
                               a response; zero = 60 s */
    size_t head_limit;      /* bytes of a request's head; 0 = 16 KiB */
    size_t body_limit;      /* bytes of a request's body, which are kept; 0 = no limit, and they are
                               discarded */
};

struct serve_counts {
    uint64_t connections; /* accepted */
    uint64_t requests;    /* handed to the handler */
    uint64_t refused;     /* answered by the server itself: 400, 408, 413, 431 */
    uint64_t gone;        /* clients that left before their response was written */
    uint64_t idle_closed; /* connections closed at the keep-alive timeout */
    uint64_t made_room;   /* connections closed to make room for new ones */
};

/* Starts to listen. `calls`, `owner` and `log` must outlive the server. */
enum result serve_open(struct serve **serve, struct loop *loop, const struct address *address,
                       const struct serve_options *options, const struct serve_calls *calls,
                       void *owner, const struct log *log, struct error *error) MUST_USE;

/* The address that is listened on; a port of 0 has been resolved. */
const struct address *serve_address(const struct serve *serve);
const struct serve_counts *serve_counts(const struct serve *serve);

/* Connections that are open. */
size_t serve_open_connections(const struct serve *serve);

/* What new connections meet: they are accepted; they wait in the backlog, and get no answer where
 * it is full; they are refused (not with a path). */
enum serve_gate { SERVE_ACCEPTS, SERVE_HOLDS, SERVE_REFUSES };

/* Those that are open are served as before. */
void serve_set_gate(struct serve *serve, enum serve_gate gate);

/* Stops accepting and closes idle connections; the others close behind the response they are at. */
void serve_drain(struct serve *serve);

/* Closes everything and nulls the pointer. No request may be with its owner any more. */
void serve_close(struct serve **serve);

/* ---- answering */

struct serve_response {
    int status;
    const char *fields; /* further field lines, each ended by CRLF; may be NULL */
    const char *body;   /* its bytes, or NULL: filler */
    uint64_t length;    /* of the body */
    bool chunked;       /* without Content-Length */
};

/* Sends the response; its texts are not needed after the call. The server adds Date, Connection and
 * the framing, and leaves the body out where none may be (HEAD, 204, 304). Once per request. Never
 * SERVE_TAKEN. */
enum serve_progress serve_respond(struct serve_conn *conn, const struct serve_response *response);

/* After serve_respond: asks to be told when the client has room for all of the response, so that
 * none of it waits on this side any more. SERVE_TAKEN and SERVE_GONE are answers at once; otherwise
 * `progress` will be called. */
enum serve_progress serve_await_taken(struct serve_conn *conn);

/* Identifier, name and meaning of each way to misbehave. */
#define SERVE_FAULTS(X)                                                         \
    X(CLOSE, "close", "closes the connection without a response")               \
    X(RESET, "reset", "resets the connection without a response")               \
    X(TRUNCATE, "truncate", "sends the head and half of the body, then closes") \
    X(GARBAGE, "garbage", "sends bytes that are no HTTP, then closes")          \
    X(STALL, "stall", "sends the head and half of the body, and no more")       \
    X(HANG, "hang", "never answers")

#define SERVE_FAULT_ENUM(id, name, meaning) SERVE_FAULT_##id,
enum serve_fault { SERVE_FAULTS(SERVE_FAULT_ENUM) SERVE_FAULT_COUNT };
#undef SERVE_FAULT_ENUM

/* Does that instead of answering; the connection ends behind it. `response` is what is truncated.
 * SERVE_GONE: nothing more is reported, call serve_end. Otherwise (after `stall` and `hang`) the
 * connection stays as it is until the client has gone, which will be reported. */
enum serve_progress serve_misbehave(struct serve_conn *conn, enum serve_fault fault,
                                    const struct serve_response *response);

/* The owner is done with the request and must not use `conn` any more. What is left of the response
 * is still written; the connection then goes on with its next request, or closes. A request that
 * was not answered has its connection closed. */
void serve_end(struct serve_conn *conn);

/* What the owner keeps with a request; NULL when a request begins. */
void serve_set_data(struct serve_conn *conn, void *data);
void *serve_data(const struct serve_conn *conn);

/* "c17": the connection's name in the log. Written to `out`, which is returned. */
#define SERVE_SUBJECT 24
const char *serve_subject(const struct serve_conn *conn, char *out);

#endif
