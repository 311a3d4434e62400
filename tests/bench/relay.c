/* SPDX-License-Identifier: MIT */
/* The floor of the bench: what it costs to pass bytes on and do nothing else.
 *
 *     relay copy PORT BACKEND     every client has a connection to the backend; read and write
 *     relay splice PORT BACKEND   the same through a pipe
 *     relay pooled PORT BACKEND   for clients with one request each: whatever one read brings is
 *                                 the request, answered by whatever one read of a kept connection
 *                                 brings; then the client is closed
 *
 * It is edge-triggered, registers each descriptor once, and stops reading for who cannot be written
 * to. What fails ends the program: it is for the bench alone. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BUFFER_SIZE = 65536, PIPE_SIZE = 1 << 20, EVENTS = 256 };

enum mode { COPY, SPLICE, POOLED };

struct side {
    int fd;
    struct side *other; /* NULL: an idle connection of the pool, or the listening socket */
    int pipe[2];        /* what was read here and is not written there, with `splice` */
    char *pending;      /* and with `copy` */
    size_t length, at;
    bool readable, ended, to_backend;
    struct side *next; /* in the pool, or closed in this round */
};

struct relay {
    enum mode mode;
    int epoll;
    struct side listener;
    struct sockaddr_in backend;
    struct side *pool, *closed;
    char buffer[BUFFER_SIZE];
};

static void must(bool holds, const char *what)
{
    if (!holds)
        err(1, "relay: %s", what);
}

static struct side *side_new(struct relay *relay, int fd, bool to_backend)
{
    struct side *side = calloc(1, sizeof(*side));
    int on = 1;
    must(side, "memory");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    side->fd = fd;
    side->to_backend = to_backend;
    if (relay->mode == SPLICE) {
        must(pipe2(side->pipe, O_NONBLOCK) == 0, "pipe");
        fcntl(side->pipe[1], F_SETPIPE_SZ, PIPE_SIZE);
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = side};
    must(epoll_ctl(relay->epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    return side;
}

/* Events of this round may still name it. */
static void side_close(struct relay *relay, struct side *side)
{
    close(side->fd);
    if (relay->mode == SPLICE) {
        close(side->pipe[0]);
        close(side->pipe[1]);
    }
    free(side->pending);
    side->fd = -1;
    side->next = relay->closed;
    relay->closed = side;
}

static struct side *dial(struct relay *relay)
{
    struct side *side = relay->pool;
    if (side) {
        relay->pool = side->next;
        return side;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    must(fd >= 0, "socket");
    int done = connect(fd, (struct sockaddr *)&relay->backend, sizeof(relay->backend));
    must(done == 0 || errno == EINPROGRESS, "connect");
    return side_new(relay, fd, true);
}

static void accept_all(struct relay *relay)
{
    for (int fd; (fd = accept4(relay->listener.fd, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        struct side *client = side_new(relay, fd, false);
        client->other = dial(relay);
        client->other->other = client;
    }
}

static ssize_t flush(struct relay *relay, struct side *from)
{
    int to = from->other->fd;
    if (relay->mode == SPLICE)
        return splice(from->pipe[0], NULL, to, NULL, from->length, SPLICE_F_NONBLOCK);
    return send(to, from->pending + from->at, from->length, MSG_NOSIGNAL);
}

/* Reads; what the other side does not take at once is pending. */
static ssize_t take(struct relay *relay, struct side *from)
{
    if (relay->mode == SPLICE) {
        ssize_t got = splice(from->fd, NULL, from->pipe[1], NULL, PIPE_SIZE, SPLICE_F_NONBLOCK);
        from->length += got > 0 ? (size_t)got : 0;
        return got;
    }
    ssize_t got = recv(from->fd, relay->buffer, BUFFER_SIZE, 0);
    ssize_t put = got > 0 ? send(from->other->fd, relay->buffer, (size_t)got, MSG_NOSIGNAL) : 0;
    if (put < 0 && errno != EAGAIN)
        return -1;
    put = put < 0 ? 0 : put;
    if (got > put) {
        if (!from->pending)
            from->pending = malloc(BUFFER_SIZE);
        must(from->pending, "memory");
        from->length = (size_t)(got - put);
        from->at = 0;
        memcpy(from->pending, relay->buffer + put, from->length);
    }
    if (got > 0 && got < BUFFER_SIZE)
        from->readable = false;
    return got;
}

/* Moves all that can be moved in one direction; false: the connection broke. */
static bool pump(struct relay *relay, struct side *from)
{
    while (from->length > 0 || (from->readable && !from->ended)) {
        if (from->length > 0) {
            ssize_t put = flush(relay, from);
            if (put < 0)
                return errno == EAGAIN || errno == ENOTCONN;
            from->length -= (size_t)put;
            from->at += (size_t)put;
            continue;
        }
        ssize_t got = take(relay, from);
        if (got < 0 && errno != EAGAIN)
            return false;
        if (got < 0)
            from->readable = false;
        if (got == 0) {
            from->ended = true;
            shutdown(from->other->fd, SHUT_WR);
        }
    }
    return true;
}

static void pass_on(struct relay *relay, struct side *side)
{
    struct side *other = side->other;
    bool whole = pump(relay, side) && pump(relay, other);
    if (whole && !(side->ended && other->ended && side->length + other->length == 0))
        return;
    side_close(relay, side);
    side_close(relay, other);
}

/* False: it is still connecting. */
static bool ask(const struct side *backend)
{
    static const char request[] = "GET /body HTTP/1.1\r\nHost: bench\r\n\r\n";
    ssize_t put = send(backend->fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
    must(put > 0 || errno == EAGAIN, "send");
    return put > 0;
}

/* The backend keeps its connection; the client is told that its own ends. */
static void answer(int fd, char *bytes, size_t length)
{
    static char ends[] = "Connection: close\r\n";
    char *line_end = memchr(bytes, '\n', length);
    must(line_end, "the backend's status line");
    size_t line = (size_t)(line_end + 1 - bytes);
    struct iovec parts[] = {{bytes, line}, {ends, sizeof(ends) - 1}, {bytes + line, length - line}};
    must(writev(fd, parts, 3) > 0 || errno == EPIPE, "writev");
}

static void answer_pooled(struct relay *relay, struct side *side)
{
    struct side *other = side->other;
    ssize_t got = recv(side->fd, relay->buffer, BUFFER_SIZE, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    must(!side->to_backend || got > 0, "the backend's answer");
    if (!side->to_backend && got > 0) {
        side->readable = !ask(other); /* there is a request that was not passed on */
        return;
    }
    if (!side->to_backend) { /* it does not wait for the answer, which nobody else must get */
        side_close(relay, side);
        side_close(relay, other);
        return;
    }
    answer(other->fd, relay->buffer, (size_t)got);
    side_close(relay, other);
    side->other = NULL;
    side->next = relay->pool;
    relay->pool = side;
}

static void on_event(struct relay *relay, struct side *side, uint32_t events)
{
    if (side == &relay->listener) {
        accept_all(relay);
    } else if (side->fd < 0 || !side->other) {
        return;
    } else if (relay->mode == POOLED) {
        if (side->to_backend && side->other->readable && (events & EPOLLOUT))
            side->other->readable = !ask(side);
        answer_pooled(relay, side);
    } else {
        side->readable = side->readable || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
        pass_on(relay, side);
    }
}

static _Noreturn void run(struct relay *relay)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(relay->epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++)
            on_event(relay, events[i].data.ptr, events[i].events);
        for (struct side *side; (side = relay->closed);) {
            relay->closed = side->next;
            free(side);
        }
    }
}

static struct sockaddr_in loopback(const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static enum mode mode_named(const char *name)
{
    static const char *const names[] = {"copy", "splice", "pooled"};
    for (enum mode mode = COPY; mode <= POOLED; mode++)
        if (strcmp(name, names[mode]) == 0)
            return mode;
    errx(2, "relay: copy, splice or pooled, not %s", name);
}

int main(int argc, char **argv)
{
    int on = 1;
    if (argc != 4)
        errx(2, "usage: relay copy|splice|pooled PORT BACKEND-PORT");
    struct relay *relay = calloc(1, sizeof(*relay));
    must(relay, "memory");
    signal(SIGPIPE, SIG_IGN); /* splice has no MSG_NOSIGNAL */
    struct sockaddr_in address = loopback(argv[2]);
    relay->mode = mode_named(argv[1]);
    relay->backend = loopback(argv[3]);
    relay->epoll = epoll_create1(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    must(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
    must(listen(fd, SOMAXCONN) == 0, "listen");
    relay->listener.fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &relay->listener};
    must(epoll_ctl(relay->epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    run(relay);
}
