/* SPDX-License-Identifier: MIT */
#include "tests/unit/chaos/message/rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

static void on_ask(struct dialog *dialog, const struct dialog_request *request, mono now,
                   void *owner)
{
    struct rig *rig = owner;
    size_t length = strlen(rig->paths);
    rig->asked++;
    snprintf(rig->paths + length, sizeof(rig->paths) - length, "%.*s ",
             (int)request->head->target.length, request->head->target.at);
    for (unsigned i = 0; i < RIG_FAULTS && request->number >= rig->touch_from; i++) {
        struct rng rng;
        rng_init(&rng, 7);
        if (rig->faults[i])
            dialog_touch(dialog, i + 1, &rig->faults[i]->config, request->number, &rng, now);
    }
}

static void on_done(const struct dialog_touched *touched, mono now, void *owner)
{
    struct rig *rig = owner;
    assert_true(touched->id >= 1 && touched->id <= RIG_FAULTS);
    rig->done++;
    rig->last = *touched;
}

static const struct dialog_events events = {.ask = on_ask, .done = on_done};

struct fault *rig_fault(const char *json)
{
    struct error error = {""};
    struct fault *fault = NULL;
    cJSON *item = cJSON_Parse(json);
    assert_non_null(item);
    if (fault_make(&fault, item, "test", &error) != OK)
        fail_msg("%s: %s", json, error.text);
    cJSON_Delete(item);
    return fault;
}

void rig_open(struct rig *rig, const char *fault)
{
    *rig = (struct rig){.now = MS(0)};
    stream_init(&rig->up, 1 << 20, rig->now);
    stream_init(&rig->down, 1 << 20, rig->now);
    rig->dialog = dialog_new(&rig->up, &rig->down, &events, rig);
    if (fault)
        rig->faults[0] = rig_fault(fault);
}

void rig_close(struct rig *rig)
{
    dialog_free(rig->dialog, rig->now);
    stream_release(&rig->up);
    stream_release(&rig->down);
    buf_free(&rig->sent);
    buf_free(&rig->got);
    for (int i = 0; i < RIG_FAULTS; i++)
        fault_free(rig->faults[i]);
}

static void take_all(struct stream *stream, struct buf *out)
{
    const char *bytes;
    for (size_t n; (n = stream_peek(stream, &bytes)) > 0;) {
        buf_append(out, bytes, n);
        stream_take(stream, n);
    }
}

void rig_run(struct rig *rig, mono now)
{
    rig->now = now;
    for (int i = 0; i < 2; i++) {
        stream_run(&rig->up, now);
        stream_run(&rig->down, now);
        take_all(&rig->up, &rig->sent);
        take_all(&rig->down, &rig->got);
    }
}

/* Pushes in pieces of `split` bytes. */
void rig_push(struct rig *rig, struct stream *stream, const char *bytes, size_t n, size_t split)
{
    for (size_t at = 0; at < n; at += split) {
        stream_push(stream, bytes + at, n - at < split ? n - at : split, rig->now);
        rig_run(rig, rig->now);
    }
}

void rig_up(struct rig *rig, const char *text)
{
    rig_push(rig, &rig->up, text, strlen(text), SIZE_MAX / 2);
}

void rig_down(struct rig *rig, const char *text)
{
    rig_push(rig, &rig->down, text, strlen(text), SIZE_MAX / 2);
}

void rig_expect(struct buf *out, const char *text)
{
    if (buf_len(out) != strlen(text) || (*text && memcmp(buf_head(out), text, strlen(text)) != 0))
        fail_msg("expected\n%s\ngot\n%.*s", text, (int)buf_len(out),
                 out->data ? buf_head(out) : "");
    buf_clear(out);
}
