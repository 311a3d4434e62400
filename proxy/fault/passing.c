/* SPDX-License-Identifier: MIT */
#include "proxy/fault/passing.h"

#include <stdlib.h>
#include <string.h>

#include "chaos/fault/draw.h"
#include "lib/base/hash.h"
#include "proxy/fault/asked.h"
#include "proxy/fault/touch.h"
#include "proxy/observe/journal.h"
#include "proxy/process/proxy.h"
#include "proxy/worker/passage.h"

static struct culprit *culprit_at(const struct worker *worker, uint64_t left)
{
    return worker->engine->culprits[__builtin_ctzll(left)];
}

/* ---- requests */

static uint64_t next_request(struct worker *worker)
{
    return atomic_fetch_add(&worker->proxy->faults.requests, 1);
}

/* The number counts only where there is no trace id. */
static uint64_t key_of(struct worker *worker, const struct http_head *head)
{
    return http_has(head, HTTP_FIELD_TRACEPARENT) ? draw_key(head, next_request(worker))
                                                  : next_request(worker);
}

/* A look that costs less than the whole question, and says no to most. */
static bool may_match(const struct culprit *culprit, const struct http_head *head)
{
    struct http_span target = head->target;
    return !culprit->path || target.length == 0 || target.at[0] != '/' ||
           (target.length >= culprit->path_length &&
            memcmp(target.at, culprit->path, culprit->path_length) == 0);
}

void passing_match(struct exchange *exchange, const struct http_head *head)
{
    struct worker *worker = exchange->worker;
    for (uint64_t left = exchange->passage->faults; left; left &= left - 1) {
        const struct culprit *culprit = culprit_at(worker, left);
        if (may_match(culprit, head) && fault_match_request(&culprit_config(culprit)->match, head))
            exchange->faults |= left & -left;
    }
    if (exchange->realm->config->fault_headers.trusted.count > 0)
        asked_read(exchange, head);
    if (exchange->faults || exchange->asked)
        exchange->fault_key = key_of(worker, head);
}

static void touch_for_request(struct exchange *exchange, struct culprit *culprit, mono now)
{
    struct uplink *uplink = exchange->attempt.uplink;
    uint64_t key = draw_key_of_try(exchange->fault_key, exchange->attempt.record.number);
    /* Its bit may have been another's when the request began. */
    if (!culprit || mono_before(exchange->head_read, culprit->since) ||
        !culprit_matches_pool(culprit, uplink->pool) || !culprit_counts_in(culprit) ||
        !culprit_claim(culprit, key, now))
        return;
    touch_begin(culprit, uplink, key, &exchange->record.trace_id);
    int kind = culprit_config(culprit)->kind;
    if (kind == FAULT_ABORT || kind == FAULT_EARLY_REPLY)
        exchange->attempt.fault_status = (uint16_t)culprit_config(culprit)->status;
}

void passing_begin(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;
    struct uplink *uplink = exchange->attempt.uplink;
    struct uplink_faults *faults = uplink->faults;
    if (faults)
        touch_recall(faults, uplink->requests > 0);
    touch_connection(uplink, worker->now);
    for (uint64_t left = exchange->faults; left; left &= left - 1)
        touch_for_request(exchange, culprit_at(worker, left), worker->now);
    for (size_t i = 0; exchange->asked && i < exchange->asked->count; i++)
        touch_for_request(exchange, exchange->asked->culprits[i], worker->now);
}

void passing_end(struct exchange *exchange, bool stay)
{
    struct uplink_faults *faults = exchange->attempt.uplink->faults;
    exchange->attempt.record.faults = faults->names;
    exchange->fault_delayed |= faults->delays;
    list_foreach_safe (node, &faults->touches) {
        struct touch *touch = list_entry(node, struct touch, of_uplink);
        if (touch->for_request && !stay)
            touch_end(touch);
    }
}

/* ---- connections that are made */

/* Whether it is of that kind and touches a connection to the pool's endpoint. */
static bool meets(struct culprit *culprit, enum fault_kind kind, const struct pool *pool,
                  uint64_t draw)
{
    return culprit_config(culprit)->kind == (int)kind && culprit_matches_pool(culprit, pool) &&
           culprit_counts_in(culprit) &&
           culprit_claim(culprit, draw - 1, pool->upstream->worker->now);
}

bool passing_refuses(struct upstream *upstream, struct uplink_order *order)
{
    struct worker *worker = upstream->worker;
    order->draw = atomic_fetch_add(&worker->proxy->faults.connections, 1) + 1;
    for (uint64_t left = upstream->faults; left; left &= left - 1) {
        struct culprit *culprit = culprit_at(worker, left);
        if (!meets(culprit, FAULT_REFUSE, order->pool, order->draw))
            continue;
        culprit_release(culprit);
        const struct journal_touched touched = {
            .endpoint = order->pool->name_id, .key = order->draw - 1, .since = worker->now};
        journal_touch(culprit, &touched);
        record_names_add(&order->faults, culprit->rule->common->name_id);
        return true;
    }
    return false;
}

/* How long it is kept from being connected; below 0: for ever, as when a backlog is full. */
static duration wait_for(const struct culprit *culprit, uint64_t key)
{
    const struct fault_config *config = culprit_config(culprit);
    struct dist delay = config->delay;
    struct rng rng;
    if (config->backlog > 0 && atomic_load(&culprit->rule->common->active) > config->backlog)
        return duration_ns(-1);
    culprit_draw(culprit, key, FAULT_STREAM_UPSTREAM, &rng);
    if (delay.kind == DIST_REPLAY)
        delay.cursor = key % delay.point_count;
    return dist_sample(&delay, &rng);
}

void passing_dialed(struct uplink *uplink, const struct uplink_order *order)
{
    struct worker *worker = uplink->upstream->worker;
    mono at = worker->now;
    uplink->draw = order->draw;
    for (uint64_t left = uplink->upstream->faults; left; left &= left - 1) {
        struct culprit *culprit = culprit_at(worker, left);
        if (!meets(culprit, FAULT_ACCEPT_DELAY, uplink->pool, uplink->draw))
            continue;
        touch_begin(culprit, uplink, uplink->draw - 1, NULL);
        duration wait = wait_for(culprit, uplink->draw - 1);
        at = wait.ns < 0 || at.ns == INT64_MAX ? (mono){INT64_MAX} : mono_add(at, wait);
    }
    if (uplink->faults)
        alarm_set(&worker->engine->alarms, &uplink->faults->connecting, at);
}

bool passing_holds(const struct uplink *uplink)
{
    return uplink->faults->connecting.place != 0;
}

void passing_left(struct uplink *uplink)
{
    struct uplink_faults *faults = uplink->faults;
    alarm_stop(&uplink->upstream->worker->engine->alarms, &faults->connecting);
    list_foreach_safe (node, &faults->touches)
        touch_end(list_entry(node, struct touch, of_uplink));
    uplink->faults = NULL;
    free(faults);
}
