/* SPDX-License-Identifier: MIT */
#include "proxy/fault/touch.h"

#include <stdlib.h>

#include "proxy/observe/journal.h"
#include "proxy/process/proxy.h"

/* Whether what travels on a connection is what it works on. */
static bool works_inside(const struct culprit *culprit)
{
    return culprit_row(culprit)->class != FAULT_CLASS_LISTENER;
}

/* ---- beginning and end */

/* It has been kept long enough. */
static void on_connecting(void *arg)
{
    struct uplink *uplink = arg;
    list_foreach_safe (node, &uplink->faults->touches)
        touch_end(list_entry(node, struct touch, of_uplink));
    /* What has happened to it meanwhile is news now. */
    if (uplink->conn.writable || uplink->conn.readable)
        uplink->conn.ready(&uplink->conn, uplink);
}

struct uplink_faults *touch_room(struct uplink *uplink)
{
    if (uplink->faults)
        return uplink->faults;
    uplink->faults = mem_alloc(1, sizeof(*uplink->faults));
    list_init(&uplink->faults->touches);
    alarm_init(&uplink->faults->connecting, on_connecting, uplink);
    return uplink->faults;
}

static void put_inside(const struct touch *touch, mono now)
{
    const struct culprit *culprit = touch->culprit;
    struct faulty_fault fault = {
        .id = culprit->bit, .config = culprit_config(culprit), .key = touch->key};
    culprit_draw(culprit, touch->key, FAULT_STREAM_UPSTREAM, &fault.up);
    culprit_draw(culprit, touch->key, FAULT_STREAM_DOWNSTREAM, &fault.down);
    faulty_touch(&touch->uplink->conn, &culprit->engine->shared, &fault, now);
}

/* It is one of those that the attempt has met. */
static void note(struct uplink_faults *faults, const struct culprit *culprit)
{
    switch (culprit_config(culprit)->kind) {
    case FAULT_LATENCY:
    case FAULT_ACCEPT_DELAY:
    case FAULT_DELAY_REQUEST:
    case FAULT_DELAY_RESPONSE:
        faults->delays = true;
        break;
    default:
        break;
    }
    record_names_add(&faults->names, culprit->rule->common->name_id);
}

void touch_recall(struct uplink_faults *faults, bool afresh)
{
    if (afresh) {
        faults->names = (struct record_names){0};
        faults->delays = false;
    }
    list_foreach (node, &faults->touches)
        note(faults, list_entry(node, struct touch, of_uplink)->culprit);
}

void touch_begin(struct culprit *culprit, struct uplink *uplink, uint64_t key,
                 const struct record_trace *trace)
{
    struct uplink_faults *faults = touch_room(uplink);
    struct touch *touch = mem_alloc(1, sizeof(*touch));
    mono now = mono_now();
    *touch = (struct touch){.culprit = culprit,
                            .uplink = uplink,
                            .key = key,
                            .since = now,
                            .for_request = trace != NULL};
    if (trace)
        touch->trace = *trace;
    list_push_back(&culprit->touches, &touch->of_culprit);
    list_push_back(&faults->touches, &touch->of_uplink);
    note(faults, culprit);
    if (works_inside(culprit))
        put_inside(touch, now);
}

void touch_end(struct touch *touch)
{
    struct culprit *culprit = touch->culprit;
    struct uplink *uplink = touch->uplink;
    const struct journal_touched touched = {.endpoint = uplink->pool->name_id,
                                            .key = touch->key,
                                            .since = touch->since,
                                            .trace = touch->for_request ? &touch->trace : NULL};
    journal_touch(culprit, &touched);
    list_remove(&touch->of_culprit);
    list_remove(&touch->of_uplink);
    culprit_release(culprit);
    if (works_inside(culprit))
        faulty_let_go(&uplink->conn, culprit->bit, mono_now());
    free(touch);
    culprit_look(culprit);
}

static struct touch *touch_of(struct list *node)
{
    return list_entry(node, struct touch, of_culprit);
}

void touch_end_all(struct culprit *culprit)
{
    list_foreach_safe (node, &culprit->touches) {
        struct uplink *uplink = touch_of(node)->uplink;
        bool connecting = uplink->faults->connecting.place != 0;
        touch_end(touch_of(node));
        if (connecting && list_empty(&uplink->faults->touches))
            alarm_set(&culprit->engine->alarms, &uplink->faults->connecting, mono_now());
    }
}

void touch_change_all(struct culprit *culprit, const struct fault_config *to, mono now)
{
    list_foreach (node, &culprit->touches)
        if (works_inside(culprit))
            faulty_change(&touch_of(node)->uplink->conn, culprit->bit, to, now);
}

/* ---- connections */

/* The number of a connection among those that were drawn for, in all workers. */
static uint64_t key_of(struct uplink *uplink)
{
    struct faults *faults = &uplink->upstream->worker->proxy->faults;
    if (uplink->draw == 0)
        uplink->draw = atomic_fetch_add(&faults->connections, 1) + 1;
    return uplink->draw - 1;
}

static bool is_touched(const struct culprit *culprit, const struct uplink *uplink)
{
    if (!uplink->faults)
        return false;
    list_foreach (node, &uplink->faults->touches)
        if (list_entry(node, struct touch, of_uplink)->culprit == culprit)
            return true;
    return false;
}

/* Those that are to be the first are counted once. */
static bool is_barred(struct culprit *culprit, struct uplink *uplink)
{
    uint64_t bit = UINT64_C(1) << culprit->bit;
    if (!(uplink->faults_asked & bit)) {
        uplink->faults_asked |= bit;
        if (!culprit_counts_in(culprit))
            uplink->faults_barred |= bit;
    }
    return uplink->faults_barred & bit;
}

static void ask(struct culprit *culprit, struct uplink *uplink, mono now)
{
    if (uplink->state != UPLINK_BUSY && uplink->state != UPLINK_IDLE)
        return;
    if (!culprit->live->on || !culprit_matches_pool(culprit, uplink->pool) ||
        is_touched(culprit, uplink) || is_barred(culprit, uplink))
        return;
    uint64_t key = key_of(uplink);
    if (culprit_claim(culprit, key, now))
        touch_begin(culprit, uplink, key, NULL);
}

void touch_connections(struct culprit *culprit, mono now)
{
    list_foreach (node, &culprit->engine->uplinks)
        ask(culprit, list_entry(node, struct uplink, of_worker), now);
}

void touch_connection(struct uplink *uplink, mono now)
{
    struct engine *engine = uplink->upstream->worker->engine;
    for (uint64_t left = uplink->upstream->faults; left; left &= left - 1) {
        struct culprit *culprit = engine->culprits[__builtin_ctzll(left)];
        if (culprit_is_for_connections(culprit))
            ask(culprit, uplink, now);
    }
}

void touch_forget(const struct culprit *culprit)
{
    uint64_t mask = ~(UINT64_C(1) << culprit->bit);
    list_foreach (node, &culprit->engine->uplinks) {
        struct uplink *uplink = list_entry(node, struct uplink, of_worker);
        uplink->faults_asked &= mask;
        uplink->faults_barred &= mask;
    }
}
