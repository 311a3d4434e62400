/* SPDX-License-Identifier: MIT */
#include "chaos/message/dialog.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "chaos/message/body.h"
#include "lib/base/memory.h"
#include "lib/http/status.h"

/* ---- turns */

static struct turn *turn_at(struct list *node)
{
    return list_entry(node, struct turn, node);
}

struct turn *dialog_waiting(const struct dialog *dialog)
{
    list_foreach (node, &dialog->turns)
        if (!turn_at(node)->answered)
            return turn_at(node);
    return NULL;
}

struct turn *dialog_latest(const struct dialog *dialog)
{
    return turn_at(dialog->turns.prev);
}

static void drop_touch(struct dialog *dialog, struct turn_touch *touch, mono now)
{
    struct dialog_touched touched = touch->touched;
    list_remove(&touch->node);
    free(touch);
    if (dialog->events->done)
        dialog->events->done(&touched, now, dialog->owner);
}

static void drop_touches(struct dialog *dialog, struct turn *turn, mono now)
{
    while (turn_is_touched(turn))
        drop_touch(dialog, turn_touch_at(list_first(&turn->touches)), now);
}

void dialog_answered(struct dialog *dialog, struct turn *turn, mono now)
{
    turn->answered = true;
    if (turn_is_touched(turn))
        way_put_mark(&dialog->down, turn->number, now);
    else if (turn->sent)
        turn_free(turn);
}

void dialog_cut(struct dialog *dialog, struct turn *turn, enum piece_kind kind, mono now)
{
    way_drop_kept(&dialog->down);
    dialog->up.state = dialog->down.state = WAY_DEAF;
    dialog_answered(dialog, turn, now);
    way_put_kind(&dialog->down, kind, now);
}

void dialog_passed(struct dialog *dialog, uint64_t number, mono now)
{
    list_foreach_safe (node, &dialog->turns) {
        struct turn *turn = turn_at(node);
        if (turn->number != number)
            continue;
        drop_touches(dialog, turn, now);
        if (turn->sent)
            turn_free(turn);
        return;
    }
}

/* ---- answers from here */

static void write_reply(struct way *way, const struct turn *turn, mono now)
{
    struct buf reply = {0};
    const char *reason = http_reason(turn->status);
    bool bodiless = turn->status == 204 || turn->status == 304;
    size_t length = turn->is_head || bodiless ? 0 : strlen(reason) + 1;
    buf_printf(&reply, "HTTP/1.1 %d %s\r\n", turn->status, reason);
    if (!bodiless)
        buf_printf(&reply, "Content-Type: text/plain\r\nContent-Length: %zu\r\n", length);
    buf_append_text(&reply, turn->closing ? "Connection: close\r\n\r\n" : "\r\n");
    if (length > 0)
        buf_printf(&reply, "%s\n", reason);
    way_put_bytes(way, buf_head(&reply), buf_len(&reply), now);
    buf_free(&reply);
}

static void answer(struct dialog *dialog, struct turn *turn, mono now)
{
    list_foreach (node, &turn->touches) {
        struct turn_touch *touch = turn_touch_at(node);
        bool delays =
            touch->fault->kind == FAULT_DELAY_REQUEST || touch->fault->kind == FAULT_DELAY_RESPONSE;
        if (delays)
            way_put_gate(&dialog->down, touch->touched.id, turn_wait(touch), now);
    }
    write_reply(&dialog->down, turn, now);
    if (turn->closing)
        dialog_cut(dialog, turn, PIECE_CUT, now);
    else
        dialog_answered(dialog, turn, now);
}

void dialog_settle(struct dialog *dialog, mono now)
{
    for (struct turn *turn; dialog->down.state == WAY_HEAD && (turn = dialog_waiting(dialog)) &&
                            turn->own && (turn->sent || turn->hasty);)
        answer(dialog, turn, now);
}

/* ---- ends */

void dialog_ended(struct dialog *dialog)
{
    if (dialog->up.ended && dialog->down.ended)
        way_cut_stalls(&dialog->down);
}

void dialog_lose(struct dialog *dialog, mono now)
{
    dialog->lost = true;
    way_put_gathered(&dialog->up);
    way_put_kept(&dialog->down);
    way_put_gathered(&dialog->down);
    list_foreach_safe (node, &dialog->turns) {
        struct turn *turn = turn_at(node);
        turn->sent = true;
        if (turn->answered && turn_is_touched(turn))
            continue; /* its mark is on its way */
        drop_touches(dialog, turn, now);
        turn_free(turn);
    }
}

/* ---- faults */

void dialog_touch(struct dialog *dialog, unsigned id, const struct fault_config *fault,
                  uint64_t key, const struct rng *rng, mono now)
{
    assert(dialog->asking);
    turn_touch(dialog->asking, id, fault, key, rng, now);
}

void dialog_change(struct dialog *dialog, unsigned id, const struct fault_config *fault, mono now)
{
    struct turn_touch *last = NULL;
    list_foreach (node, &dialog->turns) {
        list_foreach (inner, &turn_at(node)->touches) {
            struct turn_touch *touch = turn_touch_at(inner);
            if (touch->touched.id != id)
                continue;
            touch->fault = fault;
            last = touch;
        }
    }
    if (last) {
        way_change(&dialog->up, last);
        way_change(&dialog->down, last);
    }
}

void dialog_let_go(struct dialog *dialog, unsigned id, mono now)
{
    way_let_go(&dialog->up, id);
    way_let_go(&dialog->down, id);
    list_foreach (node, &dialog->turns) {
        list_foreach_safe (inner, &turn_at(node)->touches) {
            struct turn_touch *touch = turn_touch_at(inner);
            if (touch->touched.id != id)
                continue;
            if (!turn_at(node)->answered)
                body_let_go(&dialog->down, touch);
            drop_touch(dialog, touch, now);
        }
    }
}

bool dialog_is_touched(const struct dialog *dialog, unsigned id)
{
    list_foreach (node, &dialog->turns)
        list_foreach (inner, &turn_at(node)->touches)
            if (turn_touch_at(inner)->touched.id == id)
                return true;
    return false;
}

/* ---- beginning and end */

static const struct stage_ops up_ops = {
    .counts = true, .admit = request_admit, .ready = way_ready, .take = way_take};
static const struct stage_ops down_ops = {
    .counts = true, .admit = response_admit, .ready = way_ready, .take = way_take};

static void open_way(struct dialog *dialog, struct way *way, struct stream *stream,
                     const struct stage_ops *ops)
{
    way->dialog = dialog;
    way->stream = stream;
    way->stage.ops = ops;
    way->stage.id = UINT_MAX;
    way->stage.deadline = STREAM_NEVER;
    stream_put_first(stream, &way->stage);
}

struct dialog *dialog_new(struct stream *up, struct stream *down,
                          const struct dialog_events *events, void *owner)
{
    struct dialog *dialog = mem_alloc(1, sizeof(*dialog));
    dialog->events = events;
    dialog->owner = owner;
    list_init(&dialog->turns);
    open_way(dialog, &dialog->up, up, &up_ops);
    open_way(dialog, &dialog->down, down, &down_ops);
    return dialog;
}

/* What waits for nothing but a moment has no place outside. */
static void close_way(struct way *way, mono now)
{
    struct pieces queue = way->stage.queue;
    way->stage.queue = (struct pieces){NULL, NULL};
    for (struct piece *piece; (piece = pieces_pop(&queue));) {
        if (piece->kind == PIECE_GATE || piece->kind == PIECE_MARK)
            piece_free(piece);
        else
            way_put_piece(way, piece);
    }
    way_put_kept(way);
    way_put_gathered(way);
    stream_take_out(way->stream, &way->stage, now);
}

void dialog_free(struct dialog *dialog, mono now)
{
    close_way(&dialog->up, now);
    close_way(&dialog->down, now);
    while (!list_empty(&dialog->turns)) {
        struct turn *turn = turn_at(list_first(&dialog->turns));
        drop_touches(dialog, turn, now);
        turn_free(turn);
    }
    free(dialog);
}

bool dialog_is_idle(const struct dialog *dialog)
{
    bool quiet = dialog->up.state == WAY_HEAD && dialog->down.state == WAY_HEAD &&
                 !dialog->up.pending.first && list_empty(&dialog->turns);
    return dialog->lost || quiet;
}
