/* SPDX-License-Identifier: MIT */
/* One direction of a connection, as a chain of stages: each fault that touches it is a stage. Bytes
 * are pushed in and are taken out when they are due. Pure: it is told the time and does no I/O.
 *
 * Stages are added, changed and removed while bytes are in flight; none is lost or overtakes
 * another, unless losing bytes is what the fault is for. The end of the input travels the same way
 * as the bytes, behind them. */
#ifndef TAILGATE_CHAOS_STREAM_STREAM_H
#define TAILGATE_CHAOS_STREAM_STREAM_H

#include <stddef.h>

#include "chaos/fault/fault.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/rng.h"

/* A moment that never comes. */
#define STREAM_NEVER ((mono){INT64_MAX})

/* Pieces in their order, linked. */
struct pieces {
    struct piece *first, *last;
};

struct stream {
    struct list stages;
    struct pieces out; /* what has passed all stages */
    size_t held;       /* bytes in all of it */
    size_t limit;      /* of `held`; a single push may go above it */
    mono active;       /* when bytes last travelled on the connection */
    bool reset;
};

/* What the output may do now. */
enum stream_state {
    STREAM_OPEN,     /* nothing special: take what there is */
    STREAM_FINISHED, /* the input has ended, and every byte was taken: pass the end on */
    STREAM_CUT,      /* a fault closes the whole connection */
    STREAM_RESET,    /* a fault resets the whole connection, whatever is still in it */
};

/* `limit`: bytes that may be in flight; less where a stage is slow. */
void stream_init(struct stream *stream, size_t limit, mono now);
/* Drops whatever is in it. */
void stream_release(struct stream *stream);

/* Adds a stage at the output's end; harmless when it is there. `id` names it in later calls. The
 * fault must outlive the stage, and be of a kind that works on bytes. */
void stream_add(struct stream *stream, unsigned id, const struct fault_config *fault,
                const struct rng *rng, mono now);
/* The fault of a stage is another one of the same kind from now on. Harmless when there is no such
 * stage. */
void stream_change(struct stream *stream, unsigned id, const struct fault_config *fault, mono now);
bool stream_has(const struct stream *stream, unsigned id);
/* Takes a stage out; what it held goes on at once. Harmless when there is no such stage. */
void stream_remove(struct stream *stream, unsigned id, mono now);

/* The stage is taken out as soon as it holds nothing and waits for no moment, unless it is added
 * again before. One that closes the connection when it is taken out stays. */
void stream_retire(struct stream *stream, unsigned id);

/* Whether anything is in it, stages included: if not, it can be done without. */
bool stream_is_plain(const struct stream *stream);

/* Whether a fault keeps every end from being seen. */
bool stream_is_stale(const struct stream *stream);

/* How many bytes may be pushed now; 0 = the input must wait until something was taken. */
size_t stream_room(const struct stream *stream);
void stream_push(struct stream *stream, const void *bytes, size_t n, mono now);
/* The input has ended. Nothing may be pushed any more. */
void stream_end(struct stream *stream, mono now);

/* Bytes have travelled in one of the connection's directions. */
void stream_active(struct stream *stream, mono now);

/* Moves on what is due. */
void stream_run(struct stream *stream, mono now);

/* When there is next something to move on; STREAM_NEVER when that is up to the input. */
mono stream_due(const struct stream *stream);

/* The next bytes that may be taken, as one piece: what is to be written at once. 0: none now. */
size_t stream_peek(const struct stream *stream, const char **bytes);
/* Takes the first `n` of them. */
void stream_take(struct stream *stream, size_t n);

enum stream_state stream_state(const struct stream *stream);

#endif
