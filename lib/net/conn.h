/* SPDX-License-Identifier: MIT */
/* A connection: a descriptor registered once, edge-triggered, for its lifetime, with its I/O behind
 * a small table of functions (`plain` here, TLS in tls.h; faults wrap either), so that who uses a
 * connection knows nothing of how its bytes travel.
 *
 * Edge-triggered means: `ready` is called when something changed; `readable` stays true until a
 * read found nothing more, `writable` until a write found no room. An owner that stops reading
 * (back-pressure) simply comes back later and reads on while `readable`.
 *
 * Who sends without a pause must not keep the loop for itself: each call of `ready` begins a turn,
 * and a turn has room for CONN_TURN bytes and what else is charged to it. When that is used up,
 * reading finds nothing for now, `readable` or not, and `ready` is called again in the next round
 * of the loop. */
#ifndef TAILGATE_LIB_NET_CONN_H
#define TAILGATE_LIB_NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "lib/net/loop.h"

struct conn;
struct conn_layer;

struct conn_ops {
    const char *name;
    /* A read of fewer bytes than there was room for has emptied the socket. Without it `read` sets
     * conn->readable itself. */
    bool short_read_empties;
    /* As conn_handshake; NULL = there is none. */
    int (*handshake)(struct conn *conn, struct error *error);
    /* As read(2) and writev(2), with errno. */
    ssize_t (*read)(struct conn *conn, void *bytes, size_t n);
    ssize_t (*writev)(struct conn *conn, const struct iovec *parts, int count);
    /* As conn_part; NULL = there is nothing to say. */
    bool (*part)(struct conn *conn);
    /* `orderly`: the peer is told that nothing is missing, where there is a way to. */
    void (*close)(struct conn *conn, bool orderly);

    /* For tables that wrap another; NULL for all others. */
    /* The loop has found something (EV_READ, ...; 0 = a turn has come): calls `ready` when that is
     * something to the owner as well. */
    void (*event)(struct conn *conn, short what);
    /* As conn_peer_gone. */
    bool (*peer_gone)(struct conn *conn);
    /* What is wrapped. */
    struct conn_layer (*below)(const struct conn *conn);
};

/* A table, and its state on a connection. */
struct conn_layer {
    const struct conn_ops *ops;
    void *state;
};

extern const struct conn_ops conn_plain;

typedef void conn_ready(struct conn *conn, void *owner);

/* Bytes that are read in one turn, or moved by a pipe, before others have theirs. */
enum { CONN_TURN = 256 * 1024 };

struct conn {
    struct event event;
    struct loop *loop;
    struct turn turn; /* the next one */
    size_t used;      /* of the current one */
    const struct conn_ops *ops;
    void *ops_state; /* of the table's own */
    conn_ready *ready;
    void *owner;
    int fd;
    bool readable;
    bool writable;
    bool peer_closed; /* the peer's FIN has been seen by the kernel; conn_peer_gone knows of RSTs */
    bool truncated;   /* the end came without the goodbye that TLS has: something may be missing */
    bool drained;     /* TLS: the last look at the socket left nothing in it */
    bool crossed;     /* TLS: a read waits for room to write, or a write for something to read */
    bool parted;      /* TLS: the goodbye has been said, or cannot be */
    bool finishing;   /* conn_finish waits for room to write */
    bool more_follows; /* on what is being written something follows at once: more of it, or the end
                        */
    unsigned long tls_code; /* OpenSSL's, of the failure of a read or write; 0 = there was none */
    int problem;            /* errno of a reset that conn_peer_gone found, for the next read */
};

/* What conn_read and conn_write return beside a number of bytes. */
enum {
    CONN_READY = 1,  /* conn_handshake only */
    CONN_AGAIN = 0,  /* nothing to read, or no room to write, until `ready` is called again */
    CONN_EOF = -1,   /* read only: the peer has closed its side in an orderly way */
    CONN_FAILED = -2 /* errno says why (ECONNRESET, EPIPE, ...) */
};

/* Takes over a connected or connecting non-blocking socket. `ready` is not called before the loop
 * runs again. */
enum result conn_init(struct conn *conn, struct loop *loop, int fd, const struct conn_ops *ops,
                      conn_ready *ready, void *owner, struct error *error) MUST_USE;

/* Goes on with the handshake, if there is one: CONN_READY when bytes may travel, CONN_AGAIN until
 * `ready` is called again, CONN_FAILED with the reason in `error`; then only lingering and closing
 * make sense. */
int conn_handshake(struct conn *conn, struct error *error);

/* Work that reading does not account for, as if it were so many bytes. */
static inline void conn_spend(struct conn *conn, size_t bytes)
{
    conn->used += bytes;
}

/* Whether the turn is used up; if so `ready` will be called again. Reading asks by itself. */
static inline bool conn_turn_is_over(struct conn *conn)
{
    if (conn->used < CONN_TURN)
        return false;
    turn_ask(&conn->turn, conn->loop);
    return true;
}

/* Reads up to `n` bytes (n > 0). */
ssize_t conn_read(struct conn *conn, void *bytes, size_t n);

/* As conn_read, but what was read stays to be read again. For plain connections alone. */
ssize_t conn_peek(struct conn *conn, void *bytes, size_t n);

/* Whether anything is there to be read, be it the end. Takes a byte, and asks at any time, used up
 * or not: for who expects nothing more. */
bool conn_has_more(struct conn *conn);

/* Whether the loop has found something to be read that `ready` has not been called for yet: it was
 * there before anything that is written now. Costs no system call. */
bool conn_has_news(const struct conn *conn);

ssize_t conn_write(struct conn *conn, const void *bytes, size_t n);
ssize_t conn_writev(struct conn *conn, const struct iovec *parts, int count);

/* Whether the peer has closed or reset the connection, without taking any bytes; if so it is
 * `readable`. Costs a system call. It is for who does not read at the moment, and for who still
 * wants more when nothing is `readable` any more: a reset that came together with the last bytes
 * shows nowhere else. */
bool conn_peer_gone(struct conn *conn);

/* Whether the connection is of no use for sending either: it was reset, or both directions are
 * closed. A peer that sends nothing more, but may still read, has not left: a TCP peer that reads
 * no more either tells so only when it is sent something. Costs a system call. */
bool conn_peer_left(struct conn *conn);

/* Says goodbye, where there is a way to: a connection that is closed after it ends in good order.
 * False: there is no room to say it, and closing now would look as if something were missing. */
bool conn_part(struct conn *conn);

/* Tells the peer that nothing more will be sent, as soon as there is room to; it may still be read
 * from. */
void conn_finish(struct conn *conn);

/* Closes in an orderly way, or with a reset that the peer notices at once. Harmless when closed. */
void conn_close(struct conn *conn);
void conn_reset(struct conn *conn);

/* The table at the bottom, below those that wrap others. */
static inline struct conn_layer conn_bottom(const struct conn *conn)
{
    return conn->ops->below ? conn->ops->below(conn)
                            : (struct conn_layer){conn->ops, conn->ops_state};
}

/* Notes what the loop has found in the connection's flags: for tables that wrap others. */
void conn_note_event(struct conn *conn, short what);

static inline bool conn_is_open(const struct conn *conn)
{
    return conn->fd >= 0;
}

#endif
