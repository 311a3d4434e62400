/* SPDX-License-Identifier: MIT */
#include "chaos/message/way.h"

#include "chaos/message/inside.h"

/* What is paced goes on in pieces of so long at most. */
#define SLICE_NS (10 * NS_PER_MS)

/* ---- what comes out */

/* How much of paced bytes goes next, and how long that takes. */
static size_t slice(const struct piece *piece, int64_t *takes)
{
    double rate = (double)piece->number;
    double most = rate * SLICE_NS / NS_PER_S;
    size_t n = (double)piece->length < most ? piece->length : (size_t)(most < 1 ? 1 : most);
    *takes = (int64_t)((double)n / rate * NS_PER_S);
    return n;
}

static bool is_paced(const struct piece *piece)
{
    return piece->kind == PIECE_BYTES && piece->number > 0;
}

mono way_ready(const struct stage *stage)
{
    const struct piece *piece = stage->queue.first;
    mono from = mono_before(piece->at, stage->last) ? stage->last : piece->at;
    int64_t wait = 0;
    if (piece->kind == PIECE_GATE)
        wait = (int64_t)piece->number;
    else if (is_paced(piece))
        (void)slice(piece, &wait);
    return wait == TURN_FOR_EVER ? STREAM_NEVER : mono_add(from, duration_ns(wait));
}

struct piece *way_take(struct stage *stage, mono at)
{
    int64_t takes;
    struct piece *piece = stage->queue.first;
    size_t n = is_paced(piece) ? slice(piece, &takes) : piece->length;
    stage->last = at;
    if (n < piece->length)
        return piece_split(piece, n);
    (void)pieces_pop(&stage->queue);
    if (piece->kind != PIECE_GATE && piece->kind != PIECE_MARK)
        return piece;
    if (piece->kind == PIECE_MARK)
        dialog_passed(way_of(stage)->dialog, piece->number, at);
    piece_free(piece);
    return NULL;
}

/* ---- what goes in */

/* What was one piece before it was looked at, and goes on at the same time, is one again: small
 * pieces are small writes. */
static bool joins(const struct piece *last, const struct piece *piece)
{
    return last && last->kind == PIECE_BYTES && piece->kind == PIECE_BYTES &&
           last->block == piece->block && last->start + last->length == piece->start &&
           !is_paced(last) && !is_paced(piece);
}

void way_put_piece(struct way *way, struct piece *piece)
{
    struct piece *last = way->stage.queue.last;
    if (!joins(last, piece)) {
        pieces_append(&way->stage.queue, piece);
        return;
    }
    last->length += piece->length;
    piece_free(piece);
}

void way_put_bytes(struct way *way, const void *bytes, size_t n, mono now)
{
    if (n == 0)
        return;
    way->stream->held += n;
    way_put_piece(way, piece_new(PIECE_BYTES, bytes, n, now));
}

void way_put_kind(struct way *way, enum piece_kind kind, mono now)
{
    way_put_piece(way, piece_new(kind, NULL, 0, now));
}

void way_put_gate(struct way *way, unsigned id, int64_t wait, mono now)
{
    struct piece *piece = piece_new(PIECE_GATE, NULL, 0, now);
    piece->owner = id;
    piece->number = (uint64_t)wait;
    way_put_piece(way, piece);
}

void way_put_mark(struct way *way, uint64_t number, mono now)
{
    struct piece *piece = piece_new(PIECE_MARK, NULL, 0, now);
    piece->number = number;
    way_put_piece(way, piece);
}

void way_drop(struct way *way, struct piece *piece)
{
    way->stream->held -= piece->length;
    piece_free(piece);
}

void way_put_kept(struct way *way)
{
    for (struct piece *piece; (piece = pieces_pop(&way->kept));)
        way_put_piece(way, piece);
}

void way_drop_kept(struct way *way)
{
    for (struct piece *piece; (piece = pieces_pop(&way->kept));)
        way_drop(way, piece);
}

/* ---- faults that go or change */

static bool is_held_by(const struct piece *piece, unsigned id)
{
    return (piece->kind == PIECE_GATE || is_paced(piece)) && piece->owner == id;
}

void way_let_go(struct way *way, unsigned id)
{
    for (struct piece *piece = way->stage.queue.first; piece; piece = piece->next)
        if (is_held_by(piece, id))
            piece->number = 0;
}

void way_change(struct way *way, struct turn_touch *touch)
{
    for (struct piece *piece = way->stage.queue.first; piece; piece = piece->next)
        if (is_held_by(piece, touch->touched.id))
            piece->number =
                piece->kind == PIECE_GATE ? (uint64_t)turn_wait(touch) : touch->fault->rate;
}

void way_cut_stalls(struct way *way)
{
    bool cut = false;
    struct pieces queue = way->stage.queue;
    way->stage.queue = (struct pieces){NULL, NULL};
    for (struct piece *piece; (piece = pieces_pop(&queue));) {
        if (cut) {
            way_drop(way, piece);
            continue;
        }
        cut = piece->kind == PIECE_GATE && piece->number == TURN_FOR_EVER;
        if (cut)
            piece->kind = PIECE_CUT;
        pieces_append(&way->stage.queue, piece);
    }
}

/* ---- bodies */

size_t way_advance(struct way *way, const struct piece *piece, const char **problem)
{
    size_t taken = 0;
    const char *bytes = piece->block->bytes + piece->start;
    *problem = NULL;
    while (taken < piece->length && !way->body.complete && !*problem) {
        size_t used = 0;
        struct http_span content;
        *problem =
            http_body_take(&way->body, bytes + taken, piece->length - taken, &used, &content);
        taken += used;
    }
    return taken;
}

/* ---- heads */

struct piece *way_split(struct piece *piece, size_t n)
{
    if (n == piece->length)
        return NULL;
    struct piece *rest = piece_split(piece, n);
    struct piece first = *rest;
    first.next = piece->next;
    *rest = *piece;
    rest->next = NULL;
    *piece = first;
    return rest;
}

static void append_to_head(struct way *way, const struct piece *piece)
{
    buf_append(&way->head, piece->block->bytes + piece->start, piece->length);
}

size_t way_gathered(const struct way *way, const char **bytes)
{
    const struct piece *first = way->pending.first;
    *bytes = buf_len(&way->head) > 0 ? buf_head(&way->head)
             : first                 ? first->block->bytes + first->start
                                     : NULL;
    return way->pending_bytes;
}

bool way_gather(struct way *way, struct piece *piece, struct piece **rest)
{
    const char *bytes;
    *rest = NULL;
    if (way->pending.first && buf_len(&way->head) == 0)
        append_to_head(way, way->pending.first);
    if (way->pending.first)
        append_to_head(way, piece);
    pieces_append(&way->pending, piece);
    way->pending_bytes += piece->length;
    size_t length = way_gathered(way, &bytes);
    size_t end = http_head_end(bytes, length, &way->scanned);
    if (end == 0)
        return false;
    *rest = way_split(piece, piece->length - (length - end));
    way->pending_bytes = end;
    return true;
}

static void forget_gathered(struct way *way)
{
    way->pending = (struct pieces){NULL, NULL};
    way->pending_bytes = way->scanned = 0;
    buf_free(&way->head);
}

void way_put_gathered(struct way *way)
{
    for (struct piece *piece; (piece = pieces_pop(&way->pending));)
        way_put_piece(way, piece);
    forget_gathered(way);
}

void way_drop_gathered(struct way *way)
{
    for (struct piece *piece; (piece = pieces_pop(&way->pending));)
        way_drop(way, piece);
    forget_gathered(way);
}

bool way_gathers_too_much(const struct way *way)
{
    size_t limit = way->stream->limit < WAY_HEAD_LIMIT ? way->stream->limit : WAY_HEAD_LIMIT;
    return way->pending_bytes >= limit;
}
