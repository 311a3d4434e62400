/* SPDX-License-Identifier: MIT */
/* The faults on a link: when they begin and end, and whom they keep from coming in. */
#include "chaos/link/link_faults.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "chaos/fault/draw.h"
#include "chaos/link/follow.h"
#include "chaos/message/dialog.h"

static struct live_fault *live_at(struct list *node)
{
    return list_entry(node, struct live_fault, node);
}

static struct pair *pair_at(struct list *node)
{
    return list_entry(node, struct pair, node);
}

static bool is_kind(const struct live_fault *live, enum fault_kind kind)
{
    return live_config(live)->kind == (int)kind;
}

/* ---- records */

static struct journal_entry entry_of(const struct link *link, const struct live_fault *live,
                                     uint64_t ordinal, mono since)
{
    const struct fault_config *config = live_config(live);
    return (struct journal_entry){
        .fault = live->name,
        .target = link->record_name,
        .kind = fault_row((enum fault_kind)config->kind)->name,
        .ordinal = ordinal,
        .planned_at = live->occurrence.at,
        .planned_for = live->occurrence.lasting,
        .started = since,
    };
}

void link_record_touch(struct link *link, struct live_fault *live, uint64_t ordinal, mono since)
{
    struct journal_entry entry = entry_of(link, live, ordinal, since);
    journal_fault(link->links->journal, &entry);
}

void link_record_request(struct link *link, struct live_fault *live,
                         const struct dialog_touched *touched)
{
    struct journal_entry entry = entry_of(link, live, touched->key, touched->since);
    memcpy(entry.trace_id, touched->trace_id, sizeof(entry.trace_id));
    journal_fault(link->links->journal, &entry);
}

/* ---- whether connections come in */

/* That everybody is refused is one record, with the number of the next connection, written when it
 * is over: who is refused is not seen. */
static void note_gate(struct link *link, enum link_gate to, const struct live_fault *live)
{
    if (link->gate == LINK_SHUT)
        journal_fault(link->links->journal, &link->refusal);
    if (to == LINK_SHUT)
        link->refusal = entry_of(link, live, link->accepted, mono_now());
}

void link_gate_closes(struct link *link)
{
    note_gate(link, LINK_CLOSED, NULL);
}

static void set_gate(struct link *link, enum link_gate to, struct live_fault *live)
{
    if (link->gate == to)
        return;
    note_gate(link, to, live);
    link->gate = to;
    if (to != LINK_ACCEPTS)
        listener_hold(&link->listener, true);
    if (to == LINK_SHUT)
        listener_shut(&link->listener);
    else if (listen(link->listener.fd, to == LINK_FULL ? 0 : SOMAXCONN) != 0)
        log_error(link->links->log, link->name, "cannot listen again: %s", strerror(errno));
    if (to == LINK_ACCEPTS)
        listener_hold(&link->listener, false);
}

/* A path that was shut down can never listen again. */
static bool can_shut(const struct link *link)
{
    return link->listener.address.u.any.sa_family != AF_UNIX;
}

void link_turn_gate(struct link *link, mono now)
{
    enum link_gate to = LINK_ACCEPTS;
    struct live_fault *refusing = NULL;
    if (!link_is_enabled(link))
        return;
    list_foreach (node, &link->faults) {
        struct live_fault *live = live_at(node);
        int64_t backlog = live_config(live)->backlog;
        if (is_kind(live, FAULT_REFUSE) && live_touches_all(live, now) && can_shut(link))
            refusing = live;
        else if (live->on && backlog > 0 && link->waiting >= (uint64_t)backlog)
            to = LINK_FULL;
    }
    set_gate(link, refusing ? LINK_SHUT : to, refusing);
}

/* ---- faults over time */

/* Requests are touched as they come; a fault that is over lets go of those that it touches. */
static void turn_requests(struct pair *pair, struct live_fault *live, mono now)
{
    if (live->on)
        return;
    follow_let_go(pair, live, now);
    pair_run(pair);
}

static void turn_pair(struct link *link, struct pair *pair, struct live_fault *live, mono now)
{
    bool already = pair_is_touched(pair, live);
    bool wanted = live_touches(live, pair->ordinal, already, now);
    if (wanted == already)
        return;
    if (wanted && fault_row((enum fault_kind)live_config(live)->kind)->class != FAULT_CLASS_BYTES)
        return; /* it has been accepted already */
    if (wanted)
        pair_touch(pair, live, now);
    else
        pair_let_go(pair, live, now);
    pair_run(pair);
}

static void turn_fault(struct link *link, struct live_fault *live, mono now)
{
    live_turn(live, now);
    if (live_is_per_request(live) && (live->on || live->active == 0))
        return;
    list_foreach_safe (node, &link->pairs) {
        if (live_is_per_request(live))
            turn_requests(pair_at(node), live, now);
        else
            turn_pair(link, pair_at(node), live, now);
    }
}

static void arm(struct link *link, mono now)
{
    struct alarms *alarms = &link->links->alarms;
    mono next = {INT64_MAX};
    list_foreach (node, &link->faults) {
        mono change = live_next(live_at(node), now);
        if (mono_before(change, next))
            next = change;
    }
    if (next.ns == INT64_MAX)
        alarm_stop(alarms, &link->alarm);
    else
        alarm_set(alarms, &link->alarm, next);
}

static void drop_fault(struct link *link, struct live_fault *live, mono now)
{
    live->on = false;
    link->request_faults -= live_is_per_request(live);
    list_foreach_safe (node, &link->pairs) {
        struct pair *pair = pair_at(node);
        pair_let_go(pair, live, now);
        follow_let_go(pair, live, now);
        pair_run(pair);
    }
    list_remove(&live->node);
    live_free(live);
}

void link_turn(struct link *link, mono now)
{
    list_foreach_safe (node, &link->faults) {
        struct live_fault *live = live_at(node);
        if (mono_is_set(live->expires) && !mono_before(now, live->expires)) {
            log_info(link->links->log, link->name, "fault %s: its time is over",
                     live_config(live)->name);
            drop_fault(link, live, now);
        } else {
            turn_fault(link, live, now);
        }
    }
    link_turn_gate(link, now);
    arm(link, now);
}

void link_on_alarm(void *arg)
{
    link_turn(arg, mono_now());
}

/* As many pairs are followed as need be. */
static void follow_pairs(struct link *link, mono now)
{
    list_foreach (node, &link->pairs)
        follow_begin(pair_at(node), now);
}

struct live_fault *link_find_fault(const struct link *link, const char *name)
{
    list_foreach (node, &link->faults)
        if (strcmp(live_config(live_at(node))->name, name) == 0)
            return live_at(node);
    return NULL;
}

struct live_fault *link_add_fault(struct link *link, struct fault *fault, bool configured)
{
    struct links *links = link->links;
    mono now = mono_now();
    struct live_fault *live = live_new(fault, link->name, links->seed);
    live->id = ++link->last_id;
    live->name = journal_name(links->journal, fault->config.name);
    list_push_back(&link->faults, &live->node);
    link->request_faults += live_is_per_request(live);
    follow_pairs(link, now);
    if (!configured)
        live_start(live, now);
    else if (mono_is_set(links->epoch))
        live_start(live, links->epoch);
    link_turn(link, now);
    return live;
}

/* What it touched is drawn anew, for connections instead of requests or the other way round. */
static void change_per(struct link *link, struct live_fault *live, mono now)
{
    bool requests = live_is_per_request(live);
    list_foreach_safe (node, &link->pairs) {
        pair_let_go(pair_at(node), live, now);
        follow_let_go(pair_at(node), live, now);
    }
    if (requests)
        link->request_faults--;
    else
        link->request_faults++;
}

void link_change_fault(struct link *link, struct live_fault *live, struct fault *fault)
{
    mono now = mono_now();
    struct fault *before = live->fault;
    if (before->config.per != fault->config.per)
        change_per(link, live, now);
    /* Stages point into what they are configured by: they go over first. */
    live->fault = fault;
    list_foreach_safe (node, &link->pairs) {
        pair_fault_changed(pair_at(node), live, now);
        follow_fault_changed(pair_at(node), live, now);
    }
    live->fault = before;
    live_change(live, fault, now);
    follow_pairs(link, now);
    list_foreach_safe (node, &link->pairs)
        pair_run(pair_at(node));
    link_turn(link, now);
}

void link_remove_fault(struct link *link, struct live_fault *live)
{
    mono now = mono_now();
    drop_fault(link, live, now);
    link_turn(link, now);
}

void link_remove_faults(struct link *link)
{
    while (!list_empty(&link->faults))
        link_remove_fault(link, live_at(list_first(&link->faults)));
}

/* ---- new connections */

/* Refused by its own draw: the socket itself cannot choose. */
bool link_refuses(struct link *link, int fd, uint64_t ordinal, mono now)
{
    list_foreach (node, &link->faults)
        live_turn(live_at(node), now);
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    list_foreach (node, &link->faults) {
        struct live_fault *live = live_at(node);
        if (!is_kind(live, FAULT_REFUSE) || !live_touches(live, ordinal, false, now))
            continue;
        live->touched++;
        link_record_touch(link, live, ordinal, now);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close(fd);
        return true;
    }
    return false;
}

/* How long a connection is kept from being accepted. */
static duration accept_wait(struct link *link, struct pair *pair, struct live_fault *live)
{
    struct rng rng;
    struct dist dist = live_config(live)->delay;
    if (!is_kind(live, FAULT_ACCEPT_DELAY))
        return duration_ns(0);
    draw_stream(&rng, link->links->seed, live->draws, pair->ordinal, DRAW_UPSTREAM);
    if (dist.kind == DIST_REPLAY)
        dist.cursor = pair->ordinal % dist.point_count;
    return dist_sample(&dist, &rng);
}

duration link_touch_new(struct link *link, struct pair *pair, mono now)
{
    duration wait = {0};
    follow_begin(pair, now);
    list_foreach (node, &link->faults) {
        struct live_fault *live = live_at(node);
        if (live_is_per_request(live) || !live_touches(live, pair->ordinal, false, now))
            continue;
        pair_touch(pair, live, now);
        wait.ns += accept_wait(link, pair, live).ns;
    }
    return wait;
}

void link_drop_faults(struct link *link)
{
    while (!list_empty(&link->faults))
        drop_fault(link, live_at(list_first(&link->faults)), mono_now());
}

void link_start_faults(struct link *link, mono epoch)
{
    list_foreach (node, &link->faults)
        if (!mono_is_set(live_at(node)->epoch))
            live_start(live_at(node), epoch);
    link_turn(link, mono_now());
}
