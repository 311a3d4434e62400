/* SPDX-License-Identifier: MIT */
#include "chaos/stream/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/stream/stage.h"
#include "lib/base/memory.h"

/* With a slow stage in the chain, no more than this is taken in beforehand. */
#define SLOW_LIMIT ((size_t)64 * 1024)

/* ---- pieces */

struct piece *piece_new(enum piece_kind kind, const void *bytes, size_t n, mono at)
{
    struct piece *piece = mem_alloc(1, sizeof(*piece));
    *piece = (struct piece){.kind = kind, .length = n, .at = at};
    if (n > 0) {
        piece->block = mem_alloc(1, sizeof(*piece->block) + n);
        piece->block->uses = 1;
        memcpy(piece->block->bytes, bytes, n);
    }
    return piece;
}

void piece_free(struct piece *piece)
{
    if (piece->block && --piece->block->uses == 0)
        free(piece->block);
    free(piece);
}

struct piece *piece_split(struct piece *piece, size_t n)
{
    struct piece *first = mem_alloc(1, sizeof(*first));
    *first = *piece;
    first->next = NULL;
    first->length = n;
    first->block->uses++;
    piece->start += n;
    piece->length -= n;
    return first;
}

void pieces_append(struct pieces *pieces, struct piece *piece)
{
    piece->next = NULL;
    if (pieces->last)
        pieces->last->next = piece;
    else
        pieces->first = piece;
    pieces->last = piece;
}

struct piece *pieces_pop(struct pieces *pieces)
{
    struct piece *piece = pieces->first;
    if (!piece)
        return NULL;
    pieces->first = piece->next;
    if (!pieces->first)
        pieces->last = NULL;
    piece->next = NULL;
    return piece;
}

static void pieces_drop(struct pieces *pieces)
{
    for (struct piece *piece; (piece = pieces_pop(pieces));)
        piece_free(piece);
}

/* ---- stages */

static struct stage *stage_at(struct list *node)
{
    return list_entry(node, struct stage, node);
}

static struct stage *find_stage(const struct stream *stream, unsigned id)
{
    list_foreach (node, &stream->stages)
        if (stage_at(node)->id == id)
            return stage_at(node);
    return NULL;
}

/* Hands a piece to the stage at `node`, or to the output when there is none. A stage may lose bytes
 * of it. */
static void hand_to(struct stream *stream, struct list *node, struct piece *piece)
{
    if (node == &stream->stages) {
        pieces_append(&stream->out, piece);
        return;
    }
    struct stage *stage = stage_at(node);
    if (!stage->ops->admit) {
        pieces_append(&stage->queue, piece);
        return;
    }
    if (stage->ops->counts) {
        (void)stage->ops->admit(stage, piece);
        return;
    }
    size_t length = piece->length;
    struct piece *last = stage->queue.last;
    bool kept = stage->ops->admit(stage, piece);
    size_t left = 0;
    struct piece *added = last ? last->next : stage->queue.first;
    for (; kept && added; added = added->next)
        left += added->length;
    stream->held -= length - left;
}

static mono stage_ready(const struct stage *stage)
{
    if (!stage->queue.first)
        return STREAM_NEVER;
    return stage->ops->ready ? stage->ops->ready(stage) : stage->queue.first->at;
}

static void sound(struct stream *stream, struct stage *stage, mono now)
{
    mono at = stage->deadline;
    stage->deadline = STREAM_NEVER;
    if (stage->ops->alarm && stage->ops->alarm(stage, stream, now))
        hand_to(stream, stage->node.next, piece_new(PIECE_CUT, NULL, 0, at));
}

static void run_stage(struct stream *stream, struct stage *stage, mono now)
{
    if (!mono_before(now, stage->deadline))
        sound(stream, stage, now);
    for (mono at; at = stage_ready(stage), !mono_before(now, at);) {
        struct piece *piece =
            stage->ops->take ? stage->ops->take(stage, at) : pieces_pop(&stage->queue);
        if (!piece)
            continue;
        piece->at = at;
        hand_to(stream, stage->node.next, piece);
    }
}

/* ---- the stream */

void stream_init(struct stream *stream, size_t limit, mono now)
{
    *stream = (struct stream){.limit = limit, .active = now};
    list_init(&stream->stages);
}

void stream_release(struct stream *stream)
{
    for (struct list *node; (node = list_pop_front(&stream->stages));) {
        struct stage *stage = stage_at(node);
        pieces_drop(&stage->queue);
        free(stage);
    }
    pieces_drop(&stream->out);
    stream->held = 0;
}

void stream_add(struct stream *stream, unsigned id, const struct fault_config *fault,
                const struct rng *rng, mono now)
{
    struct stage *stage = find_stage(stream, id);
    if (stage) {
        stage->retired = false;
        return;
    }
    stage = mem_alloc(1, sizeof(*stage));
    stage->ops = stage_ops((enum fault_kind)fault->kind);
    assert(stage->ops);
    stage->id = id;
    stage->fault = fault;
    stage->rng = *rng;
    stage->deadline = STREAM_NEVER;
    list_push_back(&stream->stages, &stage->node);
    if (stage->ops->begin)
        stage->ops->begin(stage, now);
}

void stream_change(struct stream *stream, unsigned id, const struct fault_config *fault, mono now)
{
    struct stage *stage = find_stage(stream, id);
    if (!stage)
        return;
    assert(fault->kind == stage->fault->kind);
    stage->fault = fault;
    if (stage->ops->begin)
        stage->ops->begin(stage, now);
}

void stream_put_first(struct stream *stream, struct stage *stage)
{
    list_push_front(&stream->stages, &stage->node);
}

void stream_take_out(struct stream *stream, struct stage *stage, mono now)
{
    struct list *next = stage->node.next;
    list_remove(&stage->node);
    for (struct piece *piece; (piece = pieces_pop(&stage->queue));) {
        piece->at = now;
        hand_to(stream, next, piece);
    }
}

void stream_remove(struct stream *stream, unsigned id, mono now)
{
    struct stage *stage = find_stage(stream, id);
    if (!stage)
        return;
    struct list *next = stage->node.next;
    stream_take_out(stream, stage, now);
    if (stage->ops->cuts)
        hand_to(stream, next, piece_new(PIECE_CUT, NULL, 0, now));
    free(stage);
}

void stream_retire(struct stream *stream, unsigned id)
{
    struct stage *stage = find_stage(stream, id);
    if (stage)
        stage->retired = !stage->ops->cuts;
}

/* What is next is asked for behind the stage's turn: that may have taken others out. */
static struct list *run_next(struct stream *stream, struct list *node, mono now)
{
    struct stage *stage = stage_at(node);
    run_stage(stream, stage, now);
    struct list *next = node->next;
    if (stage->retired && !stage->queue.first && stage->deadline.ns == STREAM_NEVER.ns) {
        list_remove(node);
        free(stage);
    }
    return next;
}

bool stream_has(const struct stream *stream, unsigned id)
{
    return find_stage(stream, id) != NULL;
}

bool stream_is_plain(const struct stream *stream)
{
    return list_empty(&stream->stages) && !stream->out.first && !stream->reset;
}

bool stream_is_stale(const struct stream *stream)
{
    list_foreach (node, &stream->stages)
        if (stage_at(node)->spent && stage_at(node)->ops->hides_ends)
            return true;
    return false;
}

size_t stream_room(const struct stream *stream)
{
    size_t limit = stream->limit;
    list_foreach (node, &stream->stages)
        if (stage_at(node)->ops->slow && limit > SLOW_LIMIT)
            limit = SLOW_LIMIT;
    return stream->held < limit ? limit - stream->held : 0;
}

static void enter(struct stream *stream, struct piece *piece)
{
    stream->held += piece->length;
    hand_to(stream, stream->stages.next, piece);
}

void stream_push(struct stream *stream, const void *bytes, size_t n, mono now)
{
    if (n > 0)
        enter(stream, piece_new(PIECE_BYTES, bytes, n, now));
}

void stream_end(struct stream *stream, mono now)
{
    enter(stream, piece_new(PIECE_END, NULL, 0, now));
}

void stream_active(struct stream *stream, mono now)
{
    stream->active = now;
    list_foreach (node, &stream->stages) {
        struct stage *stage = stage_at(node);
        if (stage->ops->touched && mono_before(now, stage->deadline))
            stage->ops->touched(stage, now);
    }
}

void stream_run(struct stream *stream, mono now)
{
    for (struct list *node = stream->stages.next; node != &stream->stages;)
        node = run_next(stream, node, now);
}

mono stream_due(const struct stream *stream)
{
    mono due = STREAM_NEVER;
    list_foreach (node, &stream->stages) {
        const struct stage *stage = stage_at(node);
        mono ready = stage_ready(stage);
        if (mono_before(ready, due))
            due = ready;
        if (mono_before(stage->deadline, due))
            due = stage->deadline;
    }
    return due;
}

size_t stream_peek(const struct stream *stream, const char **bytes)
{
    const struct piece *piece = stream->out.first;
    if (!piece || piece->kind != PIECE_BYTES)
        return 0;
    *bytes = piece->block->bytes + piece->start;
    return piece->length;
}

void stream_take(struct stream *stream, size_t n)
{
    struct piece *piece = stream->out.first;
    assert(piece && n <= piece->length);
    stream->held -= n;
    piece->start += n;
    piece->length -= n;
    if (piece->length == 0)
        piece_free(pieces_pop(&stream->out));
}

enum stream_state stream_state(const struct stream *stream)
{
    if (stream->reset)
        return STREAM_RESET;
    if (!stream->out.first || stream->out.first->kind == PIECE_BYTES)
        return STREAM_OPEN;
    if (stream->out.first->kind == PIECE_RESET)
        return STREAM_RESET;
    return stream->out.first->kind == PIECE_END ? STREAM_FINISHED : STREAM_CUT;
}
