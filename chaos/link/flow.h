/* SPDX-License-Identifier: MIT */
/* One direction of a pair of connections: reads from one and writes to the other, straight through
 * while nothing is wrong with it, by way of a stream when something is. */
#ifndef TAILGATE_CHAOS_LINK_FLOW_H
#define TAILGATE_CHAOS_LINK_FLOW_H

#include "chaos/stream/stream.h"
#include "lib/base/buf.h"
#include "lib/net/pipe.h"

/* What all flows of a thread use. */
struct flow_shared {
    struct pipes pipes;
    char *scratch; /* FLOW_SCRATCH bytes */
    size_t limit;  /* of bytes in flight in a stream */
};

#define FLOW_SCRATCH ((size_t)128 * 1024)

struct flow {
    struct conn *from, *to;
    struct stream *stream; /* NULL: plain */
    struct pipe *pipe;     /* NULL: bytes are copied */
    struct buf pending;    /* read, but there was no room to write it */
    unsigned full_reads;   /* one after the other: a long run of bytes */
    bool ended;            /* nothing more will be read */
    bool finished;         /* the end was passed on */
    bool lingers;          /* a reset waits until what stands before it is sent: look again soon */
    bool moved;            /* bytes were read since this was last false */
    uint64_t received, sent;
};

enum flow_result {
    FLOW_WAITS,  /* for something to be read, room to write, or the stream's next moment */
    FLOW_GOES,   /* there may be more to do */
    FLOW_CLOSE,  /* a fault closes the connection */
    FLOW_RESET,  /* a fault resets it */
    FLOW_FAILED, /* one of the two connections is broken */
};

void flow_shared_init(struct flow_shared *shared, size_t limit);
void flow_shared_release(struct flow_shared *shared);

void flow_init(struct flow *flow, struct conn *from, struct conn *to);
void flow_release(struct flow *flow, struct flow_shared *shared);

/* Gives the flow a stream for faults, and takes it away once nothing is in it any more. */
struct stream *flow_stream(struct flow *flow, const struct flow_shared *shared, mono now);
void flow_settle(struct flow *flow);

/* Writes what there is, and reads once. `now` counts only with a stream. */
enum flow_result flow_step(struct flow *flow, struct flow_shared *shared, mono now);

/* Nothing will ever travel on it any more. */
bool flow_is_over(const struct flow *flow);

#endif
