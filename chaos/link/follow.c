/* SPDX-License-Identifier: MIT */
#include "chaos/link/follow.h"

#include "chaos/fault/draw.h"
#include "chaos/link/link.h"
#include "chaos/message/dialog.h"

static struct live_fault *live_at(struct list *node)
{
    return list_entry(node, struct live_fault, node);
}

static bool is_on_bytes(const struct live_fault *live)
{
    return fault_row((enum fault_kind)live_config(live)->kind)->class == FAULT_CLASS_BYTES;
}

/* ---- requests */

static void touch(struct pair *pair, struct live_fault *live, const struct live_draw *draw,
                  mono now)
{
    struct rng rng;
    const struct fault_config *config = live_config(live);
    draw_stream(&rng, live->seed, live_draws(live, draw), draw->key,
                config->stream == FAULT_STREAM_UPSTREAM ? DRAW_UPSTREAM : DRAW_DOWNSTREAM);
    live->active++;
    live->touched++;
    dialog_touch(pair->dialog, live->id, config, draw->key, &rng, now);
    if (is_on_bytes(live))
        pair_add_stages(pair, live, draw->key, now);
}

/* A trace id that was seen lately is a further try of the same request. */
static uint64_t number_of_try(struct links *links, uint64_t key)
{
    struct links_sight *sight = &links->sights[key % LINKS_SIGHTS];
    if (sight->key != key)
        *sight = (struct links_sight){.key = key};
    return ++sight->times;
}

static struct live_draw draw_for(struct link *link, const struct http_head *head)
{
    struct live_draw draw = {.key = link->requests++};
    draw.traced = draw_trace_key(head, &draw.key);
    if (draw.traced)
        draw.key = draw_key_of_try(draw.key, number_of_try(link->links, draw.key));
    return draw;
}

static void on_ask(struct dialog *dialog, const struct dialog_request *request, mono now,
                   void *owner)
{
    struct pair *pair = owner;
    struct link *link = pair->link;
    struct live_draw draw = draw_for(link, request->head);
    list_foreach (node, &link->faults) {
        struct live_fault *live = live_at(node);
        if (!live_is_per_request(live) ||
            !fault_match_request(&live_config(live)->match, request->head))
            continue;
        live_turn(live, now);
        if (live->on && live_touches_request(live, &draw, live->matched++, now))
            touch(pair, live, &draw, now);
    }
}

static void on_done(const struct dialog_touched *touched, mono now, void *owner)
{
    struct pair *pair = owner;
    list_foreach (node, &pair->link->faults) {
        struct live_fault *live = live_at(node);
        if (live->id != touched->id)
            continue;
        live->active--;
        link_record_request(pair->link, live, touched);
        if (is_on_bytes(live) && !dialog_is_touched(pair->dialog, live->id))
            pair_retire_stages(pair, live, now);
        return;
    }
}

static const struct dialog_events events = {.ask = on_ask, .done = on_done};

/* ---- from when to when */

void follow_begin(struct pair *pair, mono now)
{
    const struct flow_shared *shared = &pair->link->links->flows;
    if (pair->dialog || pair->link->request_faults == 0 || pair->up.ended || pair->down.ended)
        return;
    pair->dialog = dialog_new(flow_stream(&pair->up, shared, now),
                              flow_stream(&pair->down, shared, now), &events, pair);
}

void follow_end(struct pair *pair, mono now)
{
    if (!pair->dialog)
        return;
    dialog_free(pair->dialog, now);
    pair->dialog = NULL;
}

void follow_settle(struct pair *pair, mono now)
{
    if (!pair->dialog || pair->link->request_faults > 0 || !dialog_is_idle(pair->dialog))
        return;
    follow_end(pair, now);
    flow_settle(&pair->up);
    flow_settle(&pair->down);
}

void follow_let_go(struct pair *pair, struct live_fault *live, mono now)
{
    if (pair->dialog)
        dialog_let_go(pair->dialog, live->id, now);
    if (live_is_per_request(live) && is_on_bytes(live))
        pair_remove_stages(pair, live, now);
}

void follow_fault_changed(struct pair *pair, struct live_fault *live, mono now)
{
    if (pair->dialog)
        dialog_change(pair->dialog, live->id, live_config(live), now);
    if (live_is_per_request(live) && is_on_bytes(live))
        pair_change_stages(pair, live, now);
}
