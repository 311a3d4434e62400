/* SPDX-License-Identifier: MIT */
/* Requests on their way up. */
#include <string.h>

#include "chaos/message/inside.h"
#include "chaos/message/rewrite.h"
#include "lib/http/target.h"

/* Longer methods are none. */
enum { LONGEST_METHOD = 32 };

/* ---- whether it is a request */

/* How many of the first bytes are those of a method. */
static size_t method_length(const char *bytes, size_t n)
{
    size_t length = 0;
    while (length < n && ((bytes[length] >= 'A' && bytes[length] <= 'Z') || bytes[length] == '-' ||
                          bytes[length] == '_'))
        length++;
    return length;
}

/* Whether a request may begin like this, as far as it is there. */
static bool may_be_request(const char *bytes, size_t n)
{
    size_t method = method_length(bytes, n < LONGEST_METHOD ? n : LONGEST_METHOD);
    if (method == n)
        return true;
    if (method == 0 || bytes[method] != ' ')
        return false;
    const char *target = bytes + method + 1;
    const char *line = memchr(target, '\n', n - method - 1);
    const char *end = line ? line : bytes + n;
    const char *version = memchr(target, ' ', (size_t)(end - target));
    if (!version)
        return !line;
    size_t left = (size_t)(end - version - 1);
    return memcmp(version + 1, DIALOG_VERSION,
                  left < strlen(DIALOG_VERSION) ? left : strlen(DIALOG_VERSION)) == 0 &&
           (!line || left > strlen(DIALOG_VERSION));
}

/* ---- heads */

/* Before the first request nobody knows where one begins: what is none passes, and the next may be
 * one. */
static struct piece *is_no_request(struct way *way, struct piece *rest, mono now)
{
    if (way->dialog->started)
        dialog_lose(way->dialog, now);
    else
        way_put_gathered(way);
    if (rest)
        way_put_piece(way, rest);
    return NULL;
}

/* The first fault that answers the request itself. */
static struct turn_touch *find_answer(const struct turn *turn)
{
    list_foreach (node, &turn->touches) {
        struct turn_touch *touch = turn_touch_at(node);
        if (touch->fault->kind == FAULT_ABORT || touch->fault->kind == FAULT_EARLY_REPLY)
            return touch;
    }
    return NULL;
}

/* The response will come from here. A client that waits for a 100 may send its body or not when it
 * gets another status: nobody would know, so that connection is closed. */
static void answer_here(struct way *way, struct turn *turn, const struct turn_touch *touch,
                        const struct http_head *head)
{
    bool early = touch->fault->kind == FAULT_EARLY_REPLY;
    bool hasty = early || (http_expects_continue(head) && !way->body.complete);
    turn->own = true;
    turn->status = (int)touch->fault->status;
    turn->hasty = hasty;
    turn->closing = hasty || !http_keeps_alive(head);
    way->swallows = true;
    way_drop_gathered(way);
}

static void pass_head(struct way *way, struct turn *turn, mono now)
{
    list_foreach (node, &turn->touches) {
        struct turn_touch *touch = turn_touch_at(node);
        if (touch->fault->kind == FAULT_DELAY_REQUEST)
            way_put_gate(way, touch->touched.id, turn_wait(touch), now);
    }
    rewrite_put(way, turn, false, now);
}

static void ask(struct dialog *dialog, struct turn *turn, const struct http_head *head, mono now)
{
    struct dialog_request request = {.head = head, .number = turn->number};
    dialog->asking = turn;
    dialog->events->ask(dialog, &request, now, dialog->owner);
    dialog->asking = NULL;
}

static void message_over(struct way *way, struct turn *turn, mono now)
{
    turn->sent = true;
    way->state = way->state == WAY_DEAF ? WAY_DEAF : WAY_HEAD;
    way->swallows = false;
    if (turn->answered && !turn_is_touched(turn))
        turn_free(turn);
}

static bool begin(struct way *way, mono now)
{
    const char *bytes;
    struct http_head head;
    struct dialog *dialog = way->dialog;
    size_t n = way_gathered(way, &bytes);
    if (dialog->down.ended || http_parse_request(&head, bytes, n) || http_resolve_target(&head) ||
        http_request_body(&way->body, &head))
        return false;
    struct turn *turn = turn_new(&head, dialog->requests++);
    list_push_back(&dialog->turns, &turn->node);
    dialog->started = true;
    ask(dialog, turn, &head, now);
    struct turn_touch *answer = find_answer(turn);
    if (answer)
        answer_here(way, turn, answer, &head);
    else
        pass_head(way, turn, now);
    way->state = WAY_BODY;
    if (way->body.complete)
        message_over(way, turn, now);
    dialog_settle(dialog, now);
    return true;
}

/* Empty lines before a request mean nothing (RFC 9112 2.2). */
static size_t count_empty_lines(const struct piece *piece)
{
    const char *bytes = piece->block->bytes + piece->start;
    size_t n = 0;
    while (n < piece->length && (bytes[n] == '\r' || bytes[n] == '\n'))
        n++;
    return n;
}

static struct piece *take_head(struct way *way, struct piece *piece)
{
    const char *bytes;
    struct piece *rest;
    mono now = piece->at;
    size_t empty = way->pending.first ? 0 : count_empty_lines(piece);
    if (empty > 0) {
        rest = way_split(piece, empty);
        way_put_piece(way, piece);
        return rest;
    }
    bool whole = way_gather(way, piece, &rest);
    size_t n = way_gathered(way, &bytes);
    if (!may_be_request(bytes, n) || (!whole && way_gathers_too_much(way)) ||
        (whole && !begin(way, now)))
        return is_no_request(way, rest, now);
    return rest;
}

/* ---- bodies */

/* A body that nobody can follow, of a request that goes nowhere: it is answered and no more. */
static void give_up(struct way *way, struct turn *turn, mono now)
{
    turn->closing = turn->hasty = true;
    way->state = WAY_DEAF;
    dialog_settle(way->dialog, now);
}

static struct piece *take_body(struct way *way, struct piece *piece)
{
    mono now = piece->at;
    struct dialog *dialog = way->dialog;
    struct turn *turn = dialog_latest(dialog);
    const char *problem = NULL;
    size_t taken = way_advance(way, piece, &problem);
    struct piece *rest = problem ? NULL : way_split(piece, taken);
    if (problem && !way->swallows)
        dialog_lose(dialog, now);
    if (way->swallows)
        way_drop(way, piece);
    else
        way_put_piece(way, piece);
    if (problem && way->swallows && !dialog->lost)
        give_up(way, turn, now);
    if (!problem && way->body.complete) {
        message_over(way, turn, now);
        dialog_settle(dialog, now);
    }
    return rest;
}

/* ---- all of it */

static struct piece *take(struct way *way, struct piece *piece)
{
    if (way->dialog->lost)
        way_put_piece(way, piece);
    else if (way->state == WAY_DEAF)
        way_drop(way, piece);
    else
        return way->state == WAY_HEAD ? take_head(way, piece) : take_body(way, piece);
    return NULL;
}

bool request_admit(struct stage *stage, struct piece *piece)
{
    struct way *way = way_of(stage);
    if (piece->kind != PIECE_BYTES) {
        way_put_gathered(way);
        way_put_piece(way, piece);
        way->ended = true;
        dialog_ended(way->dialog);
        return true;
    }
    while (piece)
        piece = take(way, piece);
    return true;
}
