/* SPDX-License-Identifier: MIT */
/* Pipes through which the bytes of one connection travel to another inside the kernel, by
 * splice(2), without being copied to this process and back. Their number is bounded; who gets none
 * copies. */
#ifndef TAILGATE_LIB_NET_PIPE_H
#define TAILGATE_LIB_NET_PIPE_H

#include "lib/net/conn.h"

/* Bytes that are moved in one piece at most. */
enum { PIPE_PIECE = 1 << 20 };

struct pipe {
    int in, out;
    size_t capacity;
    size_t held;       /* bytes that wait in it */
    struct pipe *next; /* among the idle ones */
};

/* The pipes of one thread. */
struct pipes {
    struct pipe *idle;
    int open, limit;
};

/* `limit`: pipes at most, in use and idle; each is two descriptors. */
void pipes_init(struct pipes *pipes, int limit);
/* Closes the idle ones; none may be in use any more. */
void pipes_release(struct pipes *pipes);

/* An empty pipe, or NULL when the limit is reached or the system has none to give. */
struct pipe *pipes_lend(struct pipes *pipes);
/* Takes it back for others; one that still holds bytes is closed, and they are lost. */
void pipes_take_back(struct pipes *pipes, struct pipe *pipe);

/* Whether the bytes of both connections travel as they are, so that a pipe can join them. */
bool pipe_can_join(const struct conn *from, const struct conn *to);

/* Copies bytes into an empty pipe. False, and nothing is copied, when they are too many. */
bool pipe_put(struct pipe *pipe, const struct iovec *parts, int count);

/* Moves up to `n` bytes (n > 0) into a pipe that holds no more than what was put into it; the
 * result is that of conn_read. */
ssize_t pipe_fill(struct pipe *pipe, struct conn *from, size_t n);

/* Moves what the pipe holds, or part of it, to the connection; the result is that of conn_write. */
ssize_t pipe_drain(struct pipe *pipe, struct conn *to);

#endif
