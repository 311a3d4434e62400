/* SPDX-License-Identifier: MIT */
/* The stages that a stream is made of: for streams, and for who puts a stage of its own in one. */
#ifndef TAILGATE_CHAOS_STREAM_STAGE_H
#define TAILGATE_CHAOS_STREAM_STAGE_H

#include "chaos/stream/stream.h"

/* Bytes that several pieces may share parts of. */
struct block {
    size_t uses;
    char bytes[];
};

enum piece_kind {
    PIECE_BYTES,
    PIECE_END,   /* the input's end */
    PIECE_CUT,   /* a fault closes the connection here */
    PIECE_RESET, /* a fault resets the connection here */
    PIECE_GATE,  /* what is behind it waits; within a stage alone, as the next */
    PIECE_MARK,  /* somebody wants to know when it is passed */
};

struct piece {
    struct piece *next;
    struct block *block; /* NULL unless PIECE_BYTES */
    size_t start, length;
    enum piece_kind kind;
    mono at;  /* when it came to where it is */
    mono due; /* for stages that settle this as a piece comes */
    /* For stages that hold pieces back for several reasons: whose reason it is, and its measure. */
    unsigned owner;
    uint64_t number;
};

struct piece *piece_new(enum piece_kind kind, const void *bytes, size_t n, mono at);
void piece_free(struct piece *piece);
void pieces_append(struct pieces *pieces, struct piece *piece);
struct piece *pieces_pop(struct pieces *pieces);

struct stage;

/* How a kind of fault treats what passes. */
struct stage_ops {
    bool slow;       /* little is taken in while it is there */
    bool hides_ends; /* once it is spent, no end passes */
    bool cuts;       /* removing it closes the connection */
    bool counts;     /* it keeps its stream's `held` right by itself */
    /* It begins, or its fault has changed. May be NULL. */
    void (*begin)(struct stage *stage, mono now);
    /* A piece has come, and is in the stage's hands: false when it swallowed it (freed it). NULL:
     * it is queued. */
    bool (*admit)(struct stage *stage, struct piece *piece);
    /* When the first piece of the queue, or a part of it, may go on. NULL: when it came. */
    mono (*ready)(const struct stage *stage);
    /* Takes that out of the queue; `at` is what `ready` said. NULL: the whole piece. It may return
     * NULL when nothing goes on. */
    struct piece *(*take)(struct stage *stage, mono at);
    /* stage->deadline has passed, `now`, and was cleared. May be NULL. True: the connection is cut.
     */
    bool (*alarm)(struct stage *stage, struct stream *stream, mono now);
    /* Bytes have travelled. May be NULL. */
    void (*touched)(struct stage *stage, mono now);
};

struct stage {
    struct list node;
    const struct stage_ops *ops;
    const struct fault_config *fault;
    struct rng rng;
    struct dist dist; /* of the fault's lengths, with a place of its own in a replayed file */
    struct pieces queue;
    unsigned id;
    mono last;      /* latency: when the latest piece is due; slow kinds: when they are free */
    mono deadline;  /* STREAM_NEVER: none */
    duration idle;  /* drawn once for the connection */
    uint64_t bytes; /* limit_data: that have passed; slicer: of the next piece */
    bool retired;   /* it goes once it holds nothing */
    bool spent;     /* limit_data: reached; half_open: stale */
};

/* NULL for kinds that are no stage. */
const struct stage_ops *stage_ops(enum fault_kind kind);

/* Puts a stage of somebody else's before all others, so that it sees bytes as they came. */
void stream_put_first(struct stream *stream, struct stage *stage);
/* Takes it out; what is in its queue goes on at once. It must be done before the stream is
 * released. */
void stream_take_out(struct stream *stream, struct stage *stage, mono now);

/* A piece of the first `n` bytes of another, which keeps the rest. */
struct piece *piece_split(struct piece *piece, size_t n);

#endif
