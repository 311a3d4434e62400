/* SPDX-License-Identifier: MIT */
#include "lib/net/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/memory.h"

void pipes_init(struct pipes *pipes, int limit)
{
    *pipes = (struct pipes){.limit = limit};
}

static void pipe_close(struct pipes *pipes, struct pipe *pipe)
{
    close(pipe->in);
    close(pipe->out);
    free(pipe);
    pipes->open--;
}

void pipes_release(struct pipes *pipes)
{
    for (struct pipe *pipe; (pipe = pipes->idle);) {
        pipes->idle = pipe->next;
        pipe_close(pipes, pipe);
    }
}

static struct pipe *pipe_open(struct pipes *pipes)
{
    int ends[2];
    if (pipes->open == pipes->limit || pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
        return NULL;
    /* A smaller one works as well: who may not have more gets the system's usual size. */
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_PIECE);
    int capacity = fcntl(ends[1], F_GETPIPE_SZ);
    struct pipe *pipe = mem_alloc(1, sizeof(*pipe));
    *pipe = (struct pipe){
        .in = ends[1], .out = ends[0], .capacity = capacity > 0 ? (size_t)capacity : 0};
    pipes->open++;
    return pipe;
}

struct pipe *pipes_lend(struct pipes *pipes)
{
    struct pipe *pipe = pipes->idle;
    if (!pipe)
        return pipe_open(pipes);
    pipes->idle = pipe->next;
    return pipe;
}

void pipes_take_back(struct pipes *pipes, struct pipe *pipe)
{
    if (pipe->held > 0) {
        pipe_close(pipes, pipe);
        return;
    }
    pipe->next = pipes->idle;
    pipes->idle = pipe;
}

bool pipe_can_join(const struct conn *from, const struct conn *to)
{
    return from->ops == &conn_plain && to->ops == &conn_plain;
}

static ssize_t move(int from, int to, size_t n)
{
    ssize_t moved;
    do {
        moved = splice(from, NULL, to, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    } while (moved < 0 && errno == EINTR);
    return moved;
}

bool pipe_put(struct pipe *pipe, const struct iovec *parts, int count)
{
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += parts[i].iov_len;
    /* More than this might leave a small pipe without room for what is moved behind it. */
    if (length > pipe->capacity / 4)
        return false;
    ssize_t put = writev(pipe->in, parts, count);
    pipe->held = put > 0 ? (size_t)put : 0;
    return put > 0;
}

ssize_t pipe_fill(struct pipe *pipe, struct conn *from, size_t n)
{
    if (conn_turn_is_over(from))
        return CONN_AGAIN;
    ssize_t got = move(from->fd, pipe->in, n < PIPE_PIECE ? n : PIPE_PIECE);
    if (got > 0) {
        conn_spend(from, (size_t)got);
        /* A short one may mean that the pipe is full: only EAGAIN says that the socket is empty. */
        pipe->held += (size_t)got;
        return got;
    }
    if (got == 0 && from->problem == 0)
        return CONN_EOF;
    if (got == 0)
        errno = from->problem;
    if (errno != EAGAIN) {
        from->problem = errno; /* the kernel tells it once */
        return CONN_FAILED;
    }
    from->readable = false;
    return CONN_AGAIN;
}

ssize_t pipe_drain(struct pipe *pipe, struct conn *to)
{
    ssize_t put = move(pipe->out, to->fd, pipe->held);
    if (put > 0) {
        pipe->held -= (size_t)put;
        return put;
    }
    if (put == 0 || errno != EAGAIN)
        return CONN_FAILED;
    to->writable = false;
    return CONN_AGAIN;
}
