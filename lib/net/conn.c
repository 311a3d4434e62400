/* SPDX-License-Identifier: MIT */
#include "lib/net/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

static ssize_t plain_read(struct conn *conn, void *bytes, size_t n)
{
    return recv(conn->fd, bytes, n, 0);
}

static ssize_t plain_writev(struct conn *conn, const struct iovec *parts, int count)
{
    int flags = MSG_NOSIGNAL | (conn->more_follows ? MSG_MORE : 0);
    if (count == 1)
        return send(conn->fd, parts[0].iov_base, parts[0].iov_len, flags);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    return sendmsg(conn->fd, &message, flags);
}

static void plain_close(struct conn *conn, bool orderly)
{
    close(conn->fd);
}

const struct conn_ops conn_plain = {.name = "plain",
                                    .short_read_empties = true,
                                    .read = plain_read,
                                    .writev = plain_writev,
                                    .close = plain_close};

static void begin_turn(struct conn *conn)
{
    conn->used = 0;
    turn_cancel(&conn->turn);
}

static void on_turn(void *arg)
{
    struct conn *conn = arg;
    begin_turn(conn);
    if (conn->ops->event)
        conn->ops->event(conn, 0);
    else
        conn->ready(conn, conn->owner);
}

void conn_note_event(struct conn *conn, short what)
{
    if (what & EV_CLOSED)
        conn->peer_closed = true;
    if (what & (EV_READ | EV_CLOSED)) {
        conn->readable = true;
        conn->drained = false;
    }
    if (what & EV_WRITE)
        conn->writable = true;
    if (conn->crossed) {
        conn->readable = conn->writable = true;
        conn->crossed = false;
    }
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;
    begin_turn(conn);
    if (conn->ops->event) {
        conn->ops->event(conn, what);
        return;
    }
    conn_note_event(conn, what);
    if (conn->finishing && conn->writable)
        conn_finish(conn);
    conn->ready(conn, conn->owner);
}

enum result conn_init(struct conn *conn, struct loop *loop, int fd, const struct conn_ops *ops,
                      conn_ready *ready, void *owner, struct error *error)
{
    conn->ops = ops;
    conn->ops_state = NULL;
    conn->ready = ready;
    conn->owner = owner;
    conn->fd = fd;
    conn->readable = conn->writable = conn->peer_closed = false;
    conn->truncated = conn->drained = conn->crossed = conn->more_follows = false;
    conn->parted = conn->finishing = false;
    conn->problem = 0;
    conn->loop = loop;
    conn->used = 0;
    turn_init(&conn->turn, on_turn, conn);
    /* Registered once: edge-triggered events for both directions cost no further epoll_ctl(2). */
    event_assign(&conn->event, loop->base, fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST,
                 on_event, conn);
    if (event_add(&conn->event, NULL) == 0)
        return OK;
    conn->fd = -1;
    return error_errno(error, "cannot watch a connection");
}

int conn_handshake(struct conn *conn, struct error *error)
{
    return conn->ops->handshake ? conn->ops->handshake(conn, error) : CONN_READY;
}

static ssize_t take(struct conn *conn, void *bytes, size_t n)
{
    ssize_t got;
    do {
        got = conn->ops->read(conn, bytes, n);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        conn_spend(conn, (size_t)got);
        /* A short read has emptied the socket: what comes later raises a new edge. A FIN that was
         * already seen raises none, so read on until it turns up. (TCP's urgent data can shorten a
         * read too; who sends that waits for its next byte, or for a timeout.) */
        if ((size_t)got < n && !conn->peer_closed && conn->ops->short_read_empties)
            conn->readable = false;
        return got;
    }
    if (got == 0 && conn->problem == 0)
        return CONN_EOF;
    if (got == 0)
        errno = conn->problem;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return CONN_FAILED;
    conn->readable = false;
    return CONN_AGAIN;
}

ssize_t conn_read(struct conn *conn, void *bytes, size_t n)
{
    return conn_turn_is_over(conn) ? CONN_AGAIN : take(conn, bytes, n);
}

bool conn_has_more(struct conn *conn)
{
    char byte;
    return take(conn, &byte, 1) != CONN_AGAIN;
}

bool conn_has_news(const struct conn *conn)
{
    /* With faults, what has come is not there yet. */
    return !conn->ops->event && conn->event.ev_evcallback.evcb_flags & EVLIST_ACTIVE &&
           conn->event.ev_res & (EV_READ | EV_CLOSED);
}

ssize_t conn_peek(struct conn *conn, void *bytes, size_t n)
{
    ssize_t got;
    do {
        got = recv(conn->fd, bytes, n, MSG_PEEK);
    } while (got < 0 && errno == EINTR);
    if (got > 0)
        return got;
    if (got == 0)
        return CONN_EOF;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return CONN_FAILED;
    conn->readable = false;
    return CONN_AGAIN;
}

ssize_t conn_write(struct conn *conn, const void *bytes, size_t n)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};
    return conn_writev(conn, &part, 1);
}

ssize_t conn_writev(struct conn *conn, const struct iovec *parts, int count)
{
    ssize_t put;
    do {
        put = conn->ops->writev(conn, parts, count);
    } while (put < 0 && errno == EINTR);
    if (put >= 0)
        return put;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return CONN_FAILED;
    conn->writable = false;
    return CONN_AGAIN;
}

bool conn_peer_gone(struct conn *conn)
{
    if (conn->ops->peer_gone)
        return conn->ops->peer_gone(conn);
    int problem = 0;
    socklen_t length = sizeof(problem);
    /* libevent reports a reset as readable and writable, like any arrival of bytes. */
    if (conn->peer_closed || getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &problem, &length) != 0 ||
        problem == 0)
        return conn->peer_closed;
    conn->problem = problem; /* asking has cleared it in the kernel */
    conn->peer_closed = conn->readable = true;
    return true;
}

bool conn_peer_left(struct conn *conn)
{
    struct pollfd look = {.fd = conn->fd}; /* POLLERR and POLLHUP are always looked for */
    return poll(&look, 1, 0) > 0;
}

bool conn_part(struct conn *conn)
{
    return !conn->ops->part || conn->ops->part(conn);
}

void conn_finish(struct conn *conn)
{
    conn->finishing = !conn_part(conn);
    if (!conn->finishing)
        shutdown(conn->fd, SHUT_WR);
}

static void end(struct conn *conn, bool orderly)
{
    event_del(&conn->event);
    turn_cancel(&conn->turn);
    conn->ops->close(conn, orderly);
    conn->fd = -1;
}

void conn_close(struct conn *conn)
{
    if (conn->fd >= 0)
        end(conn, true);
}

void conn_reset(struct conn *conn)
{
    if (conn->fd < 0)
        return;
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    end(conn, false);
}
