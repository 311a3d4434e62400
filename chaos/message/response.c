/* SPDX-License-Identifier: MIT */
/* Responses on their way down. */
#include <string.h>

#include "chaos/message/body.h"
#include "chaos/message/rewrite.h"

static bool may_be_response(const char *bytes, size_t n)
{
    return memcmp(bytes, DIALOG_VERSION, n < strlen(DIALOG_VERSION) ? n : strlen(DIALOG_VERSION)) ==
           0;
}

/* ---- heads */

static void delay(struct way *way, struct turn *turn, mono now)
{
    list_foreach (node, &turn->touches) {
        struct turn_touch *touch = turn_touch_at(node);
        if (touch->fault->kind == FAULT_DELAY_RESPONSE)
            way_put_gate(way, touch->touched.id, turn_wait(touch), now);
    }
}

/* The connection ends in place of the response. */
static bool vanishes(struct way *way, struct turn *turn, mono now)
{
    const struct turn_touch *touch = turn_find(turn, FAULT_EMPTY_RESPONSE);
    if (!touch)
        return false;
    way_drop_gathered(way);
    dialog_cut(way->dialog, turn, touch->fault->reset ? PIECE_RESET : PIECE_CUT, now);
    return true;
}

static void message_over(struct way *way, struct turn *turn, mono now)
{
    body_end(way, turn, now);
    if (way->state == WAY_DEAF)
        return;
    way->state = WAY_HEAD;
    dialog_answered(way->dialog, turn, now);
    dialog_settle(way->dialog, now);
}

/* False: it cannot be followed. */
static bool begin(struct way *way, struct turn *turn, mono now)
{
    const char *bytes;
    struct http_head head;
    size_t n = way_gathered(way, &bytes);
    if (http_parse_response(&head, bytes, n) ||
        http_response_body(&way->body, &head, turn->is_head))
        return false;
    bool tunnel = head.status == 101 || (turn->is_connect && head.status / 100 == 2);
    if (head.status < 200 && !tunnel) {
        way_put_gathered(way);
        return true;
    }
    delay(way, turn, now);
    if (vanishes(way, turn, now))
        return true;
    body_begin(way, turn);
    rewrite_put(way, turn, true, now);
    if (tunnel) {
        dialog_answered(way->dialog, turn, now);
        dialog_lose(way->dialog, now);
        return true;
    }
    way->state = WAY_BODY;
    if (way->body.complete)
        message_over(way, turn, now);
    return true;
}

static struct piece *take_head(struct way *way, struct turn *turn, struct piece *piece)
{
    const char *bytes;
    struct piece *rest;
    mono now = piece->at;
    bool whole = way_gather(way, piece, &rest);
    size_t n = way_gathered(way, &bytes);
    if (may_be_response(bytes, n) && (whole || !way_gathers_too_much(way)) &&
        (!whole || begin(way, turn, now)))
        return rest;
    dialog_lose(way->dialog, now);
    return rest;
}

/* ---- bodies */

static struct piece *take_plain(struct way *way, struct piece *piece, const char **problem)
{
    size_t taken = way_advance(way, piece, problem);
    struct piece *rest = *problem ? piece : way_split(piece, taken);
    if (!*problem)
        way_put_piece(way, piece);
    return rest;
}

static struct piece *take_body(struct way *way, struct turn *turn, struct piece *piece)
{
    mono now = piece->at;
    const char *problem;
    bool touched = body_is_touched(turn);
    struct piece *rest =
        touched ? body_take(way, turn, piece, &problem) : take_plain(way, piece, &problem);
    if (problem)
        dialog_lose(way->dialog, now);
    else if (way->state == WAY_BODY && way->body.complete)
        message_over(way, turn, now);
    return rest;
}

/* ---- all of it */

/* Bytes that answer nothing pass: before the first request that was seen they may answer an earlier
 * one. */
static void take_unasked(struct way *way, struct piece *piece)
{
    mono now = piece->at;
    if (way->dialog->started)
        dialog_lose(way->dialog, now);
    way_put_piece(way, piece);
}

static struct piece *take(struct way *way, struct piece *piece)
{
    struct turn *turn = dialog_waiting(way->dialog);
    if (way->dialog->lost)
        way_put_piece(way, piece);
    else if (way->state == WAY_DEAF)
        way_drop(way, piece);
    else if (!turn || turn->own)
        take_unasked(way, piece);
    else
        return way->state == WAY_HEAD ? take_head(way, turn, piece) : take_body(way, turn, piece);
    return NULL;
}

/* The end of the input may be the end of a response. */
static void take_end(struct way *way, struct piece *piece)
{
    struct turn *turn = dialog_waiting(way->dialog);
    bool over = way->state == WAY_BODY && way->body.framing == HTTP_UNTIL_CLOSE;
    way->ended = true;
    way_put_gathered(way);
    if (!over)
        way_put_kept(way);
    if (over && turn && !way->dialog->lost)
        message_over(way, turn, piece->at);
    if (way->state == WAY_DEAF)
        piece_free(piece);
    else
        way_put_piece(way, piece);
    dialog_ended(way->dialog);
}

bool response_admit(struct stage *stage, struct piece *piece)
{
    struct way *way = way_of(stage);
    if (piece->kind != PIECE_BYTES)
        take_end(way, piece);
    else
        while (piece)
            piece = take(way, piece);
    return true;
}
