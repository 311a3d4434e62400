/* SPDX-License-Identifier: MIT */
#include "chaos/message/turn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/http/trace.h"

static void read_trace(struct dialog_touched *seen, const struct http_head *head)
{
    struct trace trace;
    const struct http_field *field = http_only_field(head, HTTP_FIELD_TRACEPARENT);
    if (field && trace_parse(&trace, field->value.at, field->value.length))
        memcpy(seen->trace_id, trace.trace_id, sizeof(seen->trace_id));
}

struct turn *turn_new(const struct http_head *head, uint64_t number)
{
    struct turn *turn = mem_alloc(1, sizeof(*turn));
    list_init(&turn->node);
    list_init(&turn->touches);
    turn->number = number;
    turn->is_head = http_span_is(head->method, "HEAD");
    read_trace(&turn->seen, head);
    turn->is_connect = http_span_is(head->method, "CONNECT");
    return turn;
}

void turn_free(struct turn *turn)
{
    assert(!turn_is_touched(turn));
    list_remove(&turn->node);
    free(turn);
}

void turn_touch(struct turn *turn, unsigned id, const struct fault_config *fault, uint64_t key,
                const struct rng *rng, mono now)
{
    struct turn_touch *touch = mem_alloc(1, sizeof(*touch));
    touch->fault = fault;
    touch->rng = *rng;
    touch->touched = turn->seen;
    touch->touched.id = id;
    touch->touched.key = key;
    touch->touched.since = now;
    list_push_back(&turn->touches, &touch->node);
}

struct turn_touch *turn_find(const struct turn *turn, enum fault_kind kind)
{
    list_foreach (node, &turn->touches)
        if (turn_touch_at(node)->fault->kind == (int)kind)
            return turn_touch_at(node);
    return NULL;
}

duration turn_draw(struct turn_touch *touch, const struct dist *dist)
{
    struct dist own = *dist;
    if (own.kind == DIST_REPLAY)
        own.cursor = touch->touched.key % own.point_count;
    return dist_sample(&own, &touch->rng);
}

int64_t turn_wait(struct turn_touch *touch)
{
    bool stalls = touch->fault->kind == FAULT_STALL;
    const struct dist *dist = stalls ? &touch->fault->hold : &touch->fault->delay;
    return stalls && dist_is_zero(dist) ? TURN_FOR_EVER : turn_draw(touch, dist).ns;
}
