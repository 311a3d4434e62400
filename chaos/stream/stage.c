/* SPDX-License-Identifier: MIT */
#include "chaos/stream/stage.h"

#include <math.h>

#include "lib/base/portable.h"

/* A slow stage passes on what fits into this time as one piece. */
#define SLICE_NS (10 * NS_PER_MS)

/* How often it is looked at whether a connection that takes nothing is idle. */
#define LOOK_AGAIN duration_ms(10)

static duration draw(struct stage *stage)
{
    return dist_sample(&stage->dist, &stage->rng);
}

/* For what is drawn once for a connection: each begins at its own place of a replayed file. */
static duration draw_once(struct stage *stage, struct dist dist)
{
    if (dist.kind == DIST_REPLAY)
        dist.cursor = rng_below(&stage->rng, dist.point_count);
    return dist_sample(&dist, &stage->rng);
}

static mono later(mono a, mono b)
{
    return mono_before(a, b) ? b : a;
}

/* ---- latency */

static duration latency_of(struct stage *stage)
{
    int64_t ns = draw(stage).ns;
    int64_t jitter = stage->fault->jitter.ns;
    if (jitter > 0)
        ns += (int64_t)((2 * rng_unit(&stage->rng) - 1) * (double)jitter);
    return duration_ns(ns > 0 ? ns : 0);
}

static bool latency_admit(struct stage *stage, struct piece *piece)
{
    piece->due = later(mono_add(piece->at, latency_of(stage)), stage->last);
    stage->last = piece->due;
    pieces_append(&stage->queue, piece);
    return true;
}

/* What is in flight takes the new latency, from when it came. */
static void latency_begin(struct stage *stage, mono now)
{
    stage->dist = stage->fault->latency;
    stage->last = (mono){0};
    for (struct piece *piece = stage->queue.first; piece; piece = piece->next) {
        piece->due = later(mono_add(piece->at, latency_of(stage)), stage->last);
        stage->last = piece->due;
    }
}

static mono latency_ready(const struct stage *stage)
{
    return stage->queue.first->due;
}

/* ---- bandwidth */

/* How much of the first piece goes next, and how long that takes. */
static size_t bandwidth_slice(const struct stage *stage, duration *takes)
{
    const struct piece *piece = stage->queue.first;
    double rate = (double)stage->fault->rate;
    *takes = duration_ns(0);
    if (piece->kind != PIECE_BYTES || stage->fault->rate == 0)
        return piece->length;
    double most = rate * SLICE_NS / NS_PER_S;
    size_t n = (double)piece->length < most ? piece->length : (size_t)(most < 1 ? 1 : most);
    *takes = duration_ns((int64_t)((double)n / rate * NS_PER_S));
    return n;
}

static mono bandwidth_ready(const struct stage *stage)
{
    duration takes;
    (void)bandwidth_slice(stage, &takes);
    return mono_add(later(stage->last, stage->queue.first->at), takes);
}

static struct piece *bandwidth_take(struct stage *stage, mono at)
{
    duration takes;
    struct piece *piece = stage->queue.first;
    size_t n = bandwidth_slice(stage, &takes);
    stage->last = at;
    return n < piece->length ? piece_split(piece, n) : pieces_pop(&stage->queue);
}

/* ---- slicer */

static void slicer_choose(struct stage *stage)
{
    const struct fault_config *fault = stage->fault;
    uint64_t average = fault->average_size;
    uint64_t less = fault->size_variation < average ? fault->size_variation : average;
    if (average == 0) {
        stage->bytes = SIZE_MAX;
        return;
    }
    stage->bytes = average - less + rng_below(&stage->rng, less + fault->size_variation + 1);
    if (stage->bytes == 0)
        stage->bytes = 1;
}

static void slicer_begin(struct stage *stage, mono now)
{
    stage->dist = stage->fault->delay;
    slicer_choose(stage);
}

static mono slicer_ready(const struct stage *stage)
{
    return later(stage->last, stage->queue.first->at);
}

static struct piece *slicer_take(struct stage *stage, mono at)
{
    struct piece *piece = stage->queue.first;
    if (piece->kind != PIECE_BYTES)
        return pieces_pop(&stage->queue);
    stage->last = mono_add(at, draw(stage));
    piece =
        stage->bytes < piece->length ? piece_split(piece, stage->bytes) : pieces_pop(&stage->queue);
    slicer_choose(stage);
    return piece;
}

/* ---- slow_close */

static void slow_close_begin(struct stage *stage, mono now)
{
    stage->dist = stage->fault->delay;
    for (struct piece *piece = stage->queue.first; piece; piece = piece->next)
        piece->due = piece->kind == PIECE_END ? mono_add(piece->at, draw(stage)) : piece->at;
}

static bool slow_close_admit(struct stage *stage, struct piece *piece)
{
    piece->due = piece->kind == PIECE_END ? mono_add(piece->at, draw(stage)) : piece->at;
    pieces_append(&stage->queue, piece);
    return true;
}

/* ---- timeout, reset_peer, blackhole */

static bool swallow_bytes(struct stage *stage, struct piece *piece)
{
    if (piece->kind == PIECE_BYTES) {
        piece_free(piece);
        return false;
    }
    pieces_append(&stage->queue, piece);
    return true;
}

static void timeout_begin(struct stage *stage, mono now)
{
    duration after = draw_once(stage, stage->fault->timeout);
    stage->deadline = after.ns > 0 ? mono_add(now, after) : STREAM_NEVER;
}

static bool timeout_alarm(struct stage *stage, struct stream *stream, mono now)
{
    return true;
}

static void reset_begin(struct stage *stage, mono now)
{
    stage->deadline = mono_add(now, draw_once(stage, stage->fault->timeout));
}

static bool reset_alarm(struct stage *stage, struct stream *stream, mono now)
{
    stream->reset = true;
    return false;
}

static mono never_ready(const struct stage *stage)
{
    return STREAM_NEVER;
}

/* ---- limit_data */

static bool limit_admit(struct stage *stage, struct piece *piece)
{
    uint64_t left = stage->bytes < stage->fault->bytes ? stage->fault->bytes - stage->bytes : 0;
    if (stage->spent) {
        piece_free(piece);
        return false;
    }
    if (piece->kind != PIECE_BYTES || piece->length < left) {
        stage->bytes += piece->length;
        pieces_append(&stage->queue, piece);
        return true;
    }
    stage->spent = true;
    stage->bytes += left;
    struct piece *cut = piece_new(PIECE_CUT, NULL, 0, piece->at);
    if (left > 0)
        pieces_append(&stage->queue, piece_split(piece, left));
    piece_free(piece);
    pieces_append(&stage->queue, cut);
    return true;
}

/* ---- corrupt */

/* How many bytes stay as they are before the next that does not. */
static double unharmed(struct stage *stage)
{
    double share = stage->fault->corruption;
    if (share >= 1)
        return 0;
    if (share <= 0)
        return INFINITY;
    return floor(portable_log(1 - rng_unit(&stage->rng)) / portable_log(1 - share));
}

static bool corrupt_admit(struct stage *stage, struct piece *piece)
{
    double length = (double)piece->length;
    for (double at = unharmed(stage); at < length; at += 1 + unharmed(stage)) {
        char *byte = piece->block->bytes + piece->start + (size_t)at;
        *byte = (char)(*byte ^ (1 << rng_below(&stage->rng, 8)));
    }
    pieces_append(&stage->queue, piece);
    return true;
}

/* ---- idle_close, half_open */

static void idle_begin(struct stage *stage, mono now)
{
    stage->idle = draw_once(stage, stage->fault->idle);
    if (!stage->spent)
        stage->deadline = mono_add(now, stage->idle);
}

static void idle_touched(struct stage *stage, mono now)
{
    if (!stage->spent)
        stage->deadline = mono_add(now, stage->idle);
}

static bool idle_alarm(struct stage *stage, struct stream *stream, mono now)
{
    if (stream->held > 0) {
        /* Something is still on its way: that is not idle. Nobody may ever take it. */
        stage->deadline = later(mono_add(stream->active, stage->idle), mono_add(now, LOOK_AGAIN));
        return false;
    }
    stage->spent = true;
    return true;
}

static bool half_open_alarm(struct stage *stage, struct stream *stream, mono now)
{
    stage->spent = true;
    return false;
}

static bool half_open_admit(struct stage *stage, struct piece *piece)
{
    if (!mono_before(piece->at, stage->deadline))
        stage->spent = true;
    if (stage->spent && piece->kind == PIECE_BYTES) {
        piece_free(piece);
        return false;
    }
    pieces_append(&stage->queue, piece);
    return true;
}

static mono half_open_ready(const struct stage *stage)
{
    return stage->spent ? STREAM_NEVER : stage->queue.first->at;
}

/* ---- the table */

static const struct stage_ops table[FAULT_COUNT] = {
    [FAULT_LATENCY] = {.begin = latency_begin, .admit = latency_admit, .ready = latency_ready},
    [FAULT_BANDWIDTH] = {.slow = true, .ready = bandwidth_ready, .take = bandwidth_take},
    [FAULT_SLOW_CLOSE] = {.begin = slow_close_begin,
                          .admit = slow_close_admit,
                          .ready = latency_ready},
    [FAULT_TIMEOUT] = {.cuts = true,
                       .begin = timeout_begin,
                       .admit = swallow_bytes,
                       .alarm = timeout_alarm},
    [FAULT_RESET_PEER] = {.begin = reset_begin, .ready = never_ready, .alarm = reset_alarm},
    [FAULT_SLICER] = {.slow = true,
                      .begin = slicer_begin,
                      .ready = slicer_ready,
                      .take = slicer_take},
    [FAULT_LIMIT_DATA] = {.admit = limit_admit},
    [FAULT_CORRUPT] = {.admit = corrupt_admit},
    [FAULT_BLACKHOLE] = {.admit = swallow_bytes},
    [FAULT_IDLE_CLOSE] = {.begin = idle_begin, .alarm = idle_alarm, .touched = idle_touched},
    [FAULT_HALF_OPEN] = {.hides_ends = true,
                         .begin = idle_begin,
                         .admit = half_open_admit,
                         .ready = half_open_ready,
                         .alarm = half_open_alarm,
                         .touched = idle_touched},
    [FAULT_NOOP] = {.slow = false},
};

const struct stage_ops *stage_ops(enum fault_kind kind)
{
    return fault_row(kind)->class == FAULT_CLASS_BYTES ? &table[kind] : NULL;
}
