/* SPDX-License-Identifier: MIT */
/* One direction of a dialog: a stage whose queue holds, beside bytes, what they wait for. For the
 * dialog alone. */
#ifndef TAILGATE_CHAOS_MESSAGE_WAY_H
#define TAILGATE_CHAOS_MESSAGE_WAY_H

#include "chaos/message/turn.h"
#include "chaos/stream/stage.h"
#include "lib/base/buf.h"
#include "lib/http/framing.h"

/* What the bytes that come next belong to. */
enum way_state {
    WAY_HEAD,
    WAY_BODY,
    WAY_DEAF /* nothing: they are lost */
};

struct way {
    struct stage stage; /* the first member: a stage is its way */
    struct stream *stream;
    struct dialog *dialog;
    enum way_state state;
    struct pieces pending; /* of a head that is not whole yet */
    struct buf head;       /* its bytes, when they came in several pieces */
    size_t pending_bytes, scanned;
    struct pieces kept; /* of a body, until somebody says that they may go on */
    struct http_body body;
    bool ended;
    bool swallows; /* the message that is coming goes nowhere */
};

static inline struct way *way_of(struct stage *stage)
{
    return (struct way *)(void *)stage;
}

/* Puts something at the end of the queue. */
void way_put_piece(struct way *way, struct piece *piece);
void way_put_bytes(struct way *way, const void *bytes, size_t n, mono now);
void way_put_kind(struct way *way, enum piece_kind kind, mono now);
/* What follows waits for so long from when it came or what was before it has gone on, unless the
 * fault lets go. */
void way_put_gate(struct way *way, unsigned id, int64_t wait, mono now);
/* dialog_passed is called with the number once everything before it has gone on. */
void way_put_mark(struct way *way, uint64_t number, mono now);

/* What was kept goes on, or nowhere. */
void way_put_kept(struct way *way);
void way_drop_kept(struct way *way);

/* A piece goes nowhere. */
void way_drop(struct way *way, struct piece *piece);

/* What the fault holds goes on; or waits anew, as the fault now says. */
void way_let_go(struct way *way, unsigned id);
void way_change(struct way *way, struct turn_touch *touch);
/* Where it stands still for ever, the connection is closed. */
void way_cut_stalls(struct way *way);

/* Keeps the first `n` bytes in the piece and returns the others, or NULL when there are none. */
struct piece *way_split(struct piece *piece, size_t n);

/* Follows a body through the piece; the result is how many of its bytes belong to the body. Sets
 * what is wrong with it, or NULL. */
size_t way_advance(struct way *way, const struct piece *piece, const char **problem);

/* Gathers a head, and takes the piece. True: it is whole, and `*rest` is what came behind it, or
 * NULL. What was gathered then is put or dropped. */
bool way_gather(struct way *way, struct piece *piece, struct piece **rest);
/* The bytes that were gathered, valid until the next call. */
size_t way_gathered(const struct way *way, const char **bytes);
void way_put_gathered(struct way *way);
void way_drop_gathered(struct way *way);
/* Whether it is more than a head may be: no more would fit into a stream that has a slow stage. */
#define WAY_HEAD_LIMIT ((size_t)60 * 1024)
bool way_gathers_too_much(const struct way *way);

/* How a stage treats its queue when that is a way's. */
mono way_ready(const struct stage *stage);
struct piece *way_take(struct stage *stage, mono at);

#endif
