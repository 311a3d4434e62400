/* SPDX-License-Identifier: MIT */
#include "chaos/message/body.h"

#define NO_SIZE "no size\r\n"

static bool works_in_body(const struct turn_touch *touch)
{
    enum fault_kind kind = (enum fault_kind)touch->fault->kind;
    return kind == FAULT_TRUNCATE || kind == FAULT_STALL || kind == FAULT_MALFORMED_CHUNK ||
           kind == FAULT_RESPONSE_RATE;
}

bool body_is_touched(const struct turn *turn)
{
    list_foreach (node, &turn->touches)
        if (works_in_body(turn_touch_at(node)))
            return true;
    return turn->rechunks;
}

void body_begin(const struct way *way, struct turn *turn)
{
    turn->chunked = way->body.framing == HTTP_CHUNKED;
    turn->length = way->body.framing == HTTP_NO_BODY ? 0 : TURN_NO_LENGTH;
    if (way->body.framing == HTTP_LENGTH)
        turn->length = way->body.left;
    turn->rechunks = way->body.framing != HTTP_NO_BODY && !turn->chunked &&
                     turn_find(turn, FAULT_MALFORMED_CHUNK);
}

/* ---- when something happens */

/* At which byte of the content the touch does something; TURN_NO_LENGTH: at none. */
static uint64_t moment(const struct turn *turn, const struct turn_touch *touch)
{
    const struct fault_config *fault = touch->fault;
    if (touch->spent || !works_in_body(touch) || fault->kind == FAULT_RESPONSE_RATE)
        return TURN_NO_LENGTH;
    if (fault->kind == FAULT_MALFORMED_CHUNK && turn->chunked)
        return TURN_NO_LENGTH; /* between two chunks */
    if (fault->kind != FAULT_TRUNCATE || fault->body_share <= 0)
        return fault->bytes;
    if (turn->length == TURN_NO_LENGTH)
        return TURN_NO_LENGTH; /* it keeps the rest back, and cuts at the end */
    uint64_t at = fault->bytes + (uint64_t)((double)turn->length * fault->body_share);
    return at < turn->length ? at : TURN_NO_LENGTH;
}

/* The touch that does something next. */
static struct turn_touch *next_touch(const struct turn *turn, uint64_t *at)
{
    struct turn_touch *next = NULL;
    *at = TURN_NO_LENGTH;
    list_foreach (node, &turn->touches) {
        uint64_t own = moment(turn, turn_touch_at(node));
        if (own < *at)
            next = turn_touch_at(node), *at = own;
    }
    return next;
}

/* The touch that passes on but a share of a body of unknown length, if any. */
static struct turn_touch *find_keeper(const struct turn *turn)
{
    struct turn_touch *touch = turn_find(turn, FAULT_TRUNCATE);
    bool keeps = touch && touch->fault->body_share > 0 && turn->length == TURN_NO_LENGTH;
    return keeps ? touch : NULL;
}

/* ---- what happens */

static void cut(struct way *way, struct turn *turn, const struct turn_touch *touch, mono now)
{
    dialog_cut(way->dialog, turn, touch->fault->reset ? PIECE_RESET : PIECE_CUT, now);
}

static void put_garbage(struct way *way, struct turn *turn, mono now)
{
    turn->spoilt = true;
    way_put_bytes(way, NO_SIZE, strlen(NO_SIZE), now);
}

static void happen(struct way *way, struct turn *turn, struct turn_touch *touch, mono now)
{
    touch->spent = true;
    if (touch->fault->kind == FAULT_TRUNCATE)
        cut(way, turn, touch, now);
    else if (touch->fault->kind == FAULT_STALL)
        way_put_gate(way, touch->touched.id, turn_wait(touch), now);
    else
        put_garbage(way, turn, now);
}

/* ---- content */

/* The slowest rate counts. */
static void pace(const struct turn *turn, struct piece *piece)
{
    list_foreach (node, &turn->touches) {
        const struct turn_touch *touch = turn_touch_at(node);
        uint64_t rate = touch->fault->kind == FAULT_RESPONSE_RATE ? touch->fault->rate : 0;
        if (rate == 0 || (piece->number > 0 && piece->number <= rate))
            continue;
        piece->number = rate;
        piece->owner = touch->touched.id;
    }
}

/* As a chunk of its own, as long as chunks are right. */
static void put_rechunked(struct way *way, const struct turn *turn, struct piece *piece)
{
    char size[24];
    mono now = piece->at;
    int length = snprintf(size, sizeof(size), "%zx\r\n", piece->length);
    if (!turn->spoilt)
        way_put_bytes(way, size, (size_t)length, now);
    way_put_piece(way, piece);
    if (!turn->spoilt)
        way_put_bytes(way, "\r\n", 2, now);
}

static void put_content(struct way *way, struct turn *turn, struct piece *piece)
{
    pace(turn, piece);
    if (turn->rechunks)
        put_rechunked(way, turn, piece);
    else
        way_put_piece(way, piece);
}

/* ---- what is kept back of a body whose length nobody knows */

/* Pieces that are kept say by `owner` whether they are content. */
static void keep(struct way *way, struct piece *piece, bool content)
{
    piece->owner = content;
    pieces_append(&way->kept, piece);
}

/* The share of what has come passes. */
static void pass_share(struct way *way, struct turn *turn, const struct fault_config *fault)
{
    uint64_t most = fault->bytes + (uint64_t)((double)turn->content * fault->body_share);
    for (struct piece *first; turn->passed < most && (first = way->kept.first);) {
        size_t n = first->length;
        if (first->owner && n > most - turn->passed)
            n = (size_t)(most - turn->passed);
        turn->passed += first->owner ? n : 0;
        bool whole = n == first->length;
        struct piece *piece = whole ? pieces_pop(&way->kept) : piece_split(first, n);
        if (piece->owner)
            put_content(way, turn, piece);
        else
            way_put_piece(way, piece);
    }
}

void body_let_go(struct way *way, const struct turn_touch *touch)
{
    if (touch->fault->kind == FAULT_TRUNCATE)
        way_put_kept(way);
}

/* ---- all of it */

static void take_content(struct way *way, struct turn *turn, struct piece *piece)
{
    mono now = piece->at;
    while (piece) {
        uint64_t at;
        struct turn_touch *touch = next_touch(turn, &at);
        if (touch && at <= turn->content) {
            happen(way, turn, touch, now);
            if (way->state == WAY_DEAF)
                break;
            continue;
        }
        uint64_t left = at - turn->content;
        struct piece *rest = left < piece->length ? way_split(piece, (size_t)left) : NULL;
        turn->content += piece->length;
        if (find_keeper(turn))
            keep(way, piece, true);
        else
            put_content(way, turn, piece);
        piece = rest;
    }
    if (piece)
        way_drop(way, piece);
}

/* What stands between runs of content: sizes of chunks, their ends, trailers. The end of the chunk
 * before stands there too. */
static void take_framing(struct way *way, struct turn *turn, struct piece *piece)
{
    mono now = piece->at;
    struct turn_touch *touch = turn_find(turn, FAULT_MALFORMED_CHUNK);
    bool spoils = touch && !turn->spoilt && turn->content >= touch->fault->bytes;
    if (spoils) {
        way_drop(way, piece);
        if (turn->content > 0)
            way_put_bytes(way, "\r\n", 2, now);
        put_garbage(way, turn, now);
    } else if (find_keeper(turn)) {
        keep(way, piece, false);
    } else {
        way_put_piece(way, piece);
    }
}

struct piece *body_take(struct way *way, struct turn *turn, struct piece *piece,
                        const char **problem)
{
    size_t used = 0;
    mono now = piece->at;
    struct http_span content = {0};
    const char *bytes = piece->block->bytes + piece->start;
    *problem = http_body_take(&way->body, bytes, piece->length, &used, &content);
    if (*problem)
        return piece;
    struct piece *rest = way_split(piece, used);
    struct piece *run = piece;
    if (content.length < used) {
        run = way_split(piece, used - content.length);
        take_framing(way, turn, piece);
    }
    if (run)
        take_content(way, turn, run);
    const struct turn_touch *keeper = find_keeper(turn);
    if (keeper && way->state != WAY_DEAF) {
        pass_share(way, turn, keeper->fault);
        if (stream_room(way->stream) == 0)
            cut(way, turn, keeper, now);
    }
    return rest;
}

void body_end(struct way *way, struct turn *turn, mono now)
{
    const struct turn_touch *keeper = find_keeper(turn);
    const struct turn_touch *spoiler = turn_find(turn, FAULT_MALFORMED_CHUNK);
    bool ends = turn->rechunks && !turn->spoilt;
    if (ends && spoiler && turn->content >= spoiler->fault->bytes)
        put_garbage(way, turn, now);
    else if (ends)
        way_put_bytes(way, "0\r\n\r\n", 5, now);
    if (keeper)
        cut(way, turn, keeper, now);
    else if (turn->spoilt)
        dialog_cut(way->dialog, turn, PIECE_CUT, now);
}
