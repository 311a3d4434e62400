/* SPDX-License-Identifier: MIT */
/* A dialog on any bytes, in any pieces. The first byte of the input says which fault touches which
 * requests, the second how the bytes are cut and which direction's turn it is; up to the next NUL
 * follows what goes up, and behind it what comes down. What no fault touches must come out as it
 * went in; in any case every touch is over in the end, and nothing is lost count of. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "chaos/message/dialog.h"
#include "lib/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : abort())

/* So often time goes on at most: stalls and delays are over long before. */
enum { MOMENTS = 10000 };

static const char *const faults[] = {
    NULL,
    "{\"kind\":\"delay_request\",\"delay\":\"uniform(1ms,9ms)\"}",
    "{\"kind\":\"delay_response\",\"delay\":\"uniform(1ms,9ms)\"}",
    "{\"kind\":\"abort\"}",
    "{\"kind\":\"empty_response\"}",
    "{\"kind\":\"early_reply\",\"status\":413}",
    "{\"kind\":\"truncate\",\"bytes\":5}",
    "{\"kind\":\"truncate\",\"body_share\":\"50%\",\"reset\":true}",
    "{\"kind\":\"stall\",\"bytes\":3,\"hold\":\"5ms\"}",
    "{\"kind\":\"stall\",\"bytes\":3}",
    "{\"kind\":\"malformed_chunk\",\"bytes\":5}",
    "{\"kind\":\"malformed_head\"}",
    "{\"kind\":\"oversized_head\",\"size\":\"2KiB\"}",
    "{\"kind\":\"wrong_length\",\"difference\":-3}",
    "{\"kind\":\"response_rate\",\"rate\":\"1MiB\"}",
    "{\"kind\":\"edit_request\",\"set\":{\"Host\":\"b\"},\"remove\":[\"x-a\"]}",
    "{\"kind\":\"edit_response\",\"add\":{\"X-A\":\"b\"},\"remove\":[\"x-a\"]}",
};

struct side {
    struct stream stream;
    const char *bytes; /* that go in */
    size_t length, at;
    bool ended;
    struct buf out;
};

struct fuzz {
    struct side up, down;
    struct dialog *dialog;
    const struct fault_config *fault; /* NULL: none */
    uint64_t every;                   /* which requests it touches */
    long touches;
    mono now;
};

static void on_ask(struct dialog *dialog, const struct dialog_request *request, mono now,
                   void *owner)
{
    struct rng rng;
    struct fuzz *fuzz = owner;
    MUST(request->head->method.length > 0 && request->head->target.length > 0);
    if (!fuzz->fault || request->number % fuzz->every != 0)
        return;
    rng_init(&rng, request->number);
    dialog_touch(dialog, 1, fuzz->fault, request->number, &rng, now);
    fuzz->touches++;
}

static void on_done(const struct dialog_touched *touched, mono now, void *owner)
{
    struct fuzz *fuzz = owner;
    MUST(touched->id == 1 && !mono_before(now, touched->since));
    fuzz->touches--;
}

static const struct dialog_events events = {.ask = on_ask, .done = on_done};

static struct fault *make(const char *json)
{
    struct error error;
    struct fault *fault = NULL;
    cJSON *item = cJSON_Parse(json);
    MUST(item && fault_make(&fault, item, "fuzz", &error) == OK);
    cJSON_Delete(item);
    return fault;
}

static void take(struct side *side)
{
    const char *bytes;
    for (size_t n; (n = stream_peek(&side->stream, &bytes)) > 0;) {
        buf_append(&side->out, bytes, n);
        stream_take(&side->stream, n);
    }
}

static void run(struct fuzz *fuzz)
{
    stream_run(&fuzz->up.stream, fuzz->now);
    stream_run(&fuzz->down.stream, fuzz->now);
    take(&fuzz->up);
    take(&fuzz->down);
}

/* Pushes the next piece, or the end. */
static void push(struct fuzz *fuzz, struct side *side, struct rng *rng)
{
    size_t left = side->length - side->at;
    size_t n = rng_below(rng, 4) == 0 ? left : (size_t)rng_below(rng, 20);
    n = n < left ? n : left;
    if (side->ended)
        return;
    if (left == 0)
        stream_end(&side->stream, fuzz->now);
    side->ended = left == 0;
    stream_push(&side->stream, side->bytes + side->at, n, fuzz->now);
    side->at += n;
}

static void go_through(struct fuzz *fuzz, uint8_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    /* Half of the inputs go up first: else hardly any response would have its request. */
    while (seed % 2 && !fuzz->up.ended) {
        push(fuzz, &fuzz->up, &rng);
        run(fuzz);
    }
    while (!fuzz->up.ended || !fuzz->down.ended) {
        push(fuzz, rng_below(&rng, 2) ? &fuzz->up : &fuzz->down, &rng);
        run(fuzz);
    }
}

static void let_time_pass(struct fuzz *fuzz)
{
    for (int i = 0; i < MOMENTS; i++) {
        mono up = stream_due(&fuzz->up.stream), down = stream_due(&fuzz->down.stream);
        mono due = mono_before(up, down) ? up : down;
        if (due.ns == STREAM_NEVER.ns)
            return;
        fuzz->now = due;
        run(fuzz);
    }
    abort();
}

static void check(const struct side *side, bool touched)
{
    MUST(side->stream.held == 0);
    if (touched)
        return;
    MUST(buf_len(&side->out) == side->length);
    MUST(side->length == 0 || memcmp(buf_head(&side->out), side->bytes, side->length) == 0);
    MUST(stream_state(&side->stream) == STREAM_FINISHED);
}

static void open_side(struct side *side, const uint8_t *bytes, size_t n, mono now)
{
    stream_init(&side->stream, (size_t)1 << 20, now);
    side->bytes = (const char *)bytes;
    side->length = n;
}

static void close_side(struct side *side)
{
    stream_release(&side->stream);
    buf_free(&side->out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *json = faults[data[0] % ARRAY_LEN(faults)];
    struct fault *fault = json ? make(json) : NULL;
    struct fuzz fuzz = {.every = 1u + data[0] / ARRAY_LEN(faults), .now = {1}};
    fuzz.fault = fault ? &fault->config : NULL;
    const uint8_t *bytes = data + 2;
    const uint8_t *nul = memchr(bytes, 0, size - 2);
    size_t up = nul ? (size_t)(nul - bytes) : size - 2;
    open_side(&fuzz.up, bytes, up, fuzz.now);
    open_side(&fuzz.down, nul ? nul + 1 : bytes, nul ? size - 2 - up - 1 : 0, fuzz.now);
    fuzz.dialog = dialog_new(&fuzz.up.stream, &fuzz.down.stream, &events, &fuzz);
    go_through(&fuzz, data[1]);
    let_time_pass(&fuzz);
    dialog_free(fuzz.dialog, fuzz.now);
    run(&fuzz);
    MUST(fuzz.touches == 0);
    check(&fuzz.up, fault != NULL);
    check(&fuzz.down, fault != NULL);
    close_side(&fuzz.up);
    close_side(&fuzz.down);
    fault_free(fault);
    return 0;
}
