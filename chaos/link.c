/* SPDX-License-Identifier: MIT */
#include "chaos/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/draw.h"
#include "chaos/pair.h"
#include "chaos/resolve.h"
#include "lib/base/memory.h"

/* A reset that came together with the last bytes shows only when it is asked for. */
#define LOOK_INTERVAL duration_ms(100)

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

/* A listening socket that is shut down refuses connections. It keeps its port, unless the system
 * had chosen that: then it takes the same again before anybody else does. */
static void shut(struct listener *listener)
{
    shutdown(listener->fd, SHUT_RDWR);
    (void)bind(listener->fd, &listener->address.u.any, listener->address.length);
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
        shut(&link->listener);
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

static void turn_gate(struct link *link, mono now)
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
    list_foreach_safe (node, &link->pairs)
        turn_pair(link, pair_at(node), live, now);
}

static void arm(struct link *link, mono now)
{
    mono next = {INT64_MAX};
    list_foreach (node, &link->faults) {
        mono change = live_next(live_at(node), now);
        if (mono_before(change, next))
            next = change;
    }
    if (next.ns == INT64_MAX)
        timer_stop(&link->timer);
    else
        timer_start(&link->timer, mono_between(now, next));
}

static void drop_fault(struct link *link, struct live_fault *live, mono now)
{
    live->on = false;
    list_foreach_safe (node, &link->pairs) {
        struct pair *pair = pair_at(node);
        pair_let_go(pair, live, now);
        pair_run(pair);
    }
    list_remove(&live->node);
    live_free(live);
}

static void turn(struct link *link)
{
    mono now = mono_now();
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
    turn_gate(link, now);
    arm(link, now);
}

static void on_timer(void *arg)
{
    turn(arg);
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
    struct live_fault *live = live_new(fault, link->name, links->seed);
    live->id = ++link->last_id;
    live->name = journal_name(links->journal, fault->config.name);
    list_push_back(&link->faults, &live->node);
    if (!configured)
        live_start(live, mono_now());
    else if (mono_is_set(links->epoch))
        live_start(live, links->epoch);
    turn(link);
    return live;
}

void link_change_fault(struct link *link, struct live_fault *live, struct fault *fault)
{
    mono now = mono_now();
    struct fault *before = live->fault;
    /* Stages point into what they are configured by: they go over first. */
    live->fault = fault;
    list_foreach_safe (node, &link->pairs)
        pair_fault_changed(pair_at(node), live, now);
    live->fault = before;
    live_change(live, fault, now);
    list_foreach_safe (node, &link->pairs)
        pair_run(pair_at(node));
    turn(link);
}

void link_remove_fault(struct link *link, struct live_fault *live)
{
    drop_fault(link, live, mono_now());
    turn(link);
}

void link_remove_faults(struct link *link)
{
    while (!list_empty(&link->faults))
        link_remove_fault(link, live_at(list_first(&link->faults)));
}

/* ---- connections */

/* Refused by its own draw: the socket itself cannot choose. */
static bool refuse(struct link *link, int fd, uint64_t ordinal, mono now)
{
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

static void touch_new_pair(struct link *link, struct pair *pair, mono now)
{
    duration wait = {0};
    list_foreach (node, &link->faults) {
        struct live_fault *live = live_at(node);
        if (!live_touches(live, pair->ordinal, false, now))
            continue;
        pair_touch(pair, live, now);
        wait.ns += accept_wait(link, pair, live).ns;
    }
    link->waiting += wait.ns > 0;
    pair_begin(pair, wait);
    if (wait.ns > 0)
        turn_gate(link, now);
}

static void on_accept(void *owner, int fd, const struct address *peer)
{
    struct link *link = owner;
    mono now = {0};
    uint64_t ordinal = link->accepted++;
    bool faulty = !list_empty(&link->faults);
    if (faulty) {
        now = mono_now();
        list_foreach (node, &link->faults)
            live_turn(live_at(node), now);
    }
    if (faulty && refuse(link, fd, ordinal, now))
        return;
    struct pair *pair = pair_open(link, fd, ordinal);
    if (!pair)
        return;
    link->open++;
    list_push_back(&link->pairs, &pair->node);
    touch_new_pair(link, pair, now);
}

void link_pair_accepted(struct link *link)
{
    link->waiting--;
    turn_gate(link, mono_now());
}

void link_pair_closed(struct link *link, struct pair *pair, bool was_waiting)
{
    const struct flow *flows[] = {&pair->up, &pair->down};
    for (int i = 0; i < 2; i++) {
        link->received[i] += flows[i]->received;
        link->sent[i] += flows[i]->sent;
    }
    link->open--;
    list_remove(&pair->node);
    list_push_back(&link->links->dead, &pair->node);
    soon_ask(&link->links->bury);
    if (was_waiting)
        link_pair_accepted(link);
}

static uint64_t sum(const struct link *link, enum fault_stream stream, uint64_t closed,
                    size_t member)
{
    list_foreach (node, &link->pairs) {
        const struct pair *pair = pair_at(node);
        const struct flow *flow = stream == FAULT_STREAM_UPSTREAM ? &pair->up : &pair->down;
        closed += *(const uint64_t *)(const void *)((const char *)flow + member);
    }
    return closed;
}

uint64_t link_received(const struct link *link, enum fault_stream stream)
{
    return sum(link, stream, link->received[stream], offsetof(struct flow, received));
}

uint64_t link_sent(const struct link *link, enum fault_stream stream)
{
    return sum(link, stream, link->sent[stream], offsetof(struct flow, sent));
}

/* ---- links */

struct link *link_add(struct links *links, const char *name)
{
    struct link *link = mem_alloc(1, sizeof(*link));
    link->links = links;
    link->name = mem_text(name);
    link->listener.fd = -1;
    link->gate = LINK_CLOSED;
    link->record_name = journal_name(links->journal, name);
    list_init(&link->faults);
    list_init(&link->pairs);
    timer_init(&link->timer, links->loop, on_timer, link);
    list_push_back(&links->all, &link->node);
    return link;
}

enum result link_find_ends(struct link_ends *ends, struct error *error)
{
    enum result result = resolve_address(&ends->listen_address, ends->listen, true, error);
    if (result != OK)
        return result;
    result = resolve_address(&ends->upstream_address, ends->upstream, false, error);
    if (result == OK || !resolve_has_form(ends->upstream))
        return result;
    ends->upstream_address = (struct address){.length = 0};
    return OK;
}

const struct address *link_upstream(struct link *link)
{
    struct error error;
    struct address *address = &link->upstream_address;
    if (address->length == 0 && resolve_address(address, link->upstream, false, &error) != OK) {
        *address = (struct address){.length = 0};
        log_warn(link->links->log, link->name, "%s", error.text);
    }
    return address->length > 0 ? address : NULL;
}

bool link_has_ends(const struct link *link, const struct link_ends *ends)
{
    return link->upstream && strcmp(link->upstream, ends->upstream) == 0 &&
           address_equal(&link->listen_address, &ends->listen_address);
}

static void replace_text(char **text, const char *by)
{
    char *old = *text;
    *text = mem_text(by);
    free(old);
}

/* Accepts on a socket that listens. */
static void open_gate(struct link *link, int fd)
{
    char text[ADDRESS_TEXT];
    listener_start(&link->listener, link->links->loop, fd, false, on_accept, link);
    link->listen_address = link->listener.address;
    replace_text(&link->listen, address_format(&link->listen_address, text, sizeof(text)));
    link->gate = LINK_ACCEPTS;
    turn(link);
}

static void close_pairs(struct link *link)
{
    while (!list_empty(&link->pairs))
        pair_close(pair_at(list_first(&link->pairs)), PAIR_REASON_STOPPING);
}

enum result link_set_ends(struct link *link, const struct link_ends *ends, struct error *error)
{
    const struct listener_options options = {.backlog = 0};
    bool moves = !address_equal(&link->listen_address, &ends->listen_address);
    int fd = -1;
    if (moves && link_is_enabled(link)) {
        enum result result = listener_socket(&fd, &ends->listen_address, &options, error);
        if (result != OK)
            return result;
        link_stop_accepting(link);
    }
    close_pairs(link);
    link->upstream_address = ends->upstream_address;
    replace_text(&link->upstream, ends->upstream);
    if (moves) {
        link->listen_address = ends->listen_address;
        replace_text(&link->listen, ends->listen);
    }
    if (fd >= 0)
        open_gate(link, fd);
    return OK;
}

enum result link_enable(struct link *link, struct error *error)
{
    const struct listener_options options = {.backlog = 0};
    int fd;
    if (link_is_enabled(link))
        return OK;
    enum result result = listener_socket(&fd, &link->listen_address, &options, error);
    if (result == OK)
        open_gate(link, fd);
    return result;
}

void link_stop_accepting(struct link *link)
{
    note_gate(link, LINK_CLOSED, NULL);
    listener_close(&link->listener);
    link->gate = LINK_CLOSED;
}

void link_disable(struct link *link)
{
    link_stop_accepting(link);
    close_pairs(link);
}

static void free_dead(void *arg)
{
    struct links *links = arg;
    for (struct list *node; (node = list_pop_front(&links->dead));)
        pair_free(pair_at(node));
}

void link_remove(struct link *link)
{
    link_disable(link);
    /* Closed pairs know their link. */
    free_dead(link->links);
    while (!list_empty(&link->faults))
        drop_fault(link, live_at(list_first(&link->faults)), mono_now());
    timer_stop(&link->timer);
    list_remove(&link->node);
    free(link->name);
    free(link->listen);
    free(link->upstream);
    free(link);
}

/* ---- all of them */

static void look(void *arg)
{
    struct links *links = arg;
    struct list lately;
    list_init(&lately);
    for (struct list *node; (node = list_pop_front(&links->recent));)
        list_push_back(&lately, node);
    for (struct list *node; (node = list_pop_front(&lately));)
        pair_look(list_entry(node, struct pair, recent));
}

void links_remember(struct links *links, struct pair *pair)
{
    if (!list_empty(&pair->recent))
        return;
    list_push_back(&links->recent, &pair->recent);
    if (!timer_running(&links->look))
        timer_start(&links->look, LOOK_INTERVAL);
}

void links_init(struct links *links, struct loop *loop, const struct log *log,
                struct journal *journal)
{
    links->loop = loop;
    links->log = log;
    links->journal = journal;
    list_init(&links->all);
    list_init(&links->dead);
    list_init(&links->recent);
    soon_init(&links->bury, loop, free_dead, links);
    timer_init(&links->look, loop, look, links);
}

void links_release(struct links *links)
{
    while (!list_empty(&links->all))
        link_remove(list_entry(list_first(&links->all), struct link, node));
    soon_cancel(&links->bury);
    timer_stop(&links->look);
    free_dead(links);
}

void links_start(struct links *links, mono epoch)
{
    links->epoch = epoch;
    list_foreach (node, &links->all) {
        struct link *link = list_entry(node, struct link, node);
        list_foreach (fault, &link->faults)
            if (!mono_is_set(live_at(fault)->epoch))
                live_start(live_at(fault), epoch);
        turn(link);
    }
}

struct link *links_find(const struct links *links, const char *name)
{
    list_foreach (node, &links->all) {
        struct link *link = list_entry(node, struct link, node);
        if (strcmp(link->name, name) == 0)
            return link;
    }
    return NULL;
}

size_t links_open_connections(const struct links *links)
{
    size_t open = 0;
    list_foreach (node, &links->all)
        open += list_entry(node, struct link, node)->open;
    return open;
}
