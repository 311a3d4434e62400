/* SPDX-License-Identifier: MIT */
#include "chaos/link/pair.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "chaos/fault/draw.h"
#include "chaos/link/follow.h"
#include "chaos/link/link.h"
#include "chaos/link/upstream.h"
#include "lib/base/memory.h"
#include "lib/net/dial.h"

/* How often one pair may read before others have their turn. */
enum { ROUNDS = 16 };

/* How soon it is looked again whether what a reset waits for was sent. */
#define LINGER duration_ms(2)

#define STATE_NAME(id, name) name,
static const char *const state_names[] = {PAIR_STATES(STATE_NAME)};
#define REASON_ROW(id, text, resets) {text, resets},
static const struct {
    const char *text;
    bool resets;
} reasons[] = {PAIR_REASONS(REASON_ROW)};

#define BIT(id) (1u << PAIR_##id)
static const unsigned legal[PAIR_STATE_COUNT] = {
    [PAIR_WAITING] = BIT(DIALING) | BIT(CLOSED),
    [PAIR_DIALING] = BIT(OPEN) | BIT(CLOSED),
    [PAIR_OPEN] = BIT(CLOSED),
};

static void set_state(struct pair *pair, enum pair_state to)
{
    assert(legal[pair->state] >> to & 1);
    log_debug(pair->link->links->log, pair->link->name, "connection %llu: %s -> %s",
              (unsigned long long)pair->ordinal, state_names[pair->state], state_names[to]);
    pair->state = to;
}

/* ---- faults */

static struct touch *find_touch(const struct pair *pair, const struct live_fault *live)
{
    list_foreach (node, &pair->touches) {
        struct touch *touch = list_entry(node, struct touch, node);
        if (touch->live == live)
            return touch;
    }
    return NULL;
}

bool pair_is_touched(const struct pair *pair, const struct live_fault *live)
{
    return find_touch(pair, live) != NULL;
}

static void add_stage(struct pair *pair, struct live_fault *live, enum fault_stream stream,
                      uint64_t key, mono now)
{
    struct rng rng;
    const struct fault_config *config = live_config(live);
    struct flow *flow = stream == FAULT_STREAM_UPSTREAM ? &pair->up : &pair->down;
    if (config->stream != FAULT_STREAM_BOTH && config->stream != (int)stream)
        return;
    /* What both directions have in common, such as how long is idle, is drawn alike. */
    bool alike = config->kind == FAULT_IDLE_CLOSE || config->kind == FAULT_HALF_OPEN;
    enum draw_purpose purpose =
        alike || stream == FAULT_STREAM_UPSTREAM ? DRAW_UPSTREAM : DRAW_DOWNSTREAM;
    draw_stream(&rng, live->seed, live->draws, key, purpose);
    stream_add(flow_stream(flow, &pair->link->links->flows, now), live->id, config, &rng, now);
}

void pair_add_stages(struct pair *pair, struct live_fault *live, uint64_t key, mono now)
{
    add_stage(pair, live, FAULT_STREAM_UPSTREAM, key, now);
    add_stage(pair, live, FAULT_STREAM_DOWNSTREAM, key, now);
}

void pair_retire_stages(struct pair *pair, const struct live_fault *live, mono now)
{
    if (pair->up.stream)
        stream_retire(pair->up.stream, live->id);
    if (pair->down.stream)
        stream_retire(pair->down.stream, live->id);
}

static void remove_stage(struct flow *flow, unsigned id, mono now)
{
    if (!flow->stream)
        return;
    stream_remove(flow->stream, id, now);
    flow_settle(flow);
}

void pair_remove_stages(struct pair *pair, const struct live_fault *live, mono now)
{
    remove_stage(&pair->up, live->id, now);
    remove_stage(&pair->down, live->id, now);
}

void pair_change_stages(struct pair *pair, const struct live_fault *live, mono now)
{
    if (pair->up.stream)
        stream_change(pair->up.stream, live->id, live_config(live), now);
    if (pair->down.stream)
        stream_change(pair->down.stream, live->id, live_config(live), now);
}

void pair_touch(struct pair *pair, struct live_fault *live, mono now)
{
    if (find_touch(pair, live))
        return;
    struct touch *touch = mem_alloc(1, sizeof(*touch));
    touch->live = live;
    touch->since = now;
    list_push_back(&pair->touches, &touch->node);
    live->active++;
    live->touched++;
    if (fault_row((enum fault_kind)live_config(live)->kind)->class != FAULT_CLASS_BYTES)
        return;
    pair_add_stages(pair, live, pair->ordinal, now);
}

static void drop_touch(struct pair *pair, struct touch *touch)
{
    link_record_touch(pair->link, touch->live, pair->ordinal, touch->since);
    touch->live->active--;
    list_remove(&touch->node);
    free(touch);
}

void pair_let_go(struct pair *pair, struct live_fault *live, mono now)
{
    struct touch *touch = find_touch(pair, live);
    if (!touch)
        return;
    bool waits = live_config(live)->kind == FAULT_ACCEPT_DELAY && pair->state == PAIR_WAITING;
    pair_remove_stages(pair, live, now);
    drop_touch(pair, touch);
    if (waits)
        alarm_set(&pair->link->links->alarms, &pair->alarm, mono_now());
}

void pair_fault_changed(struct pair *pair, struct live_fault *live, mono now)
{
    if (find_touch(pair, live))
        pair_change_stages(pair, live, now);
}

/* ---- closing */

static void end_connections(struct pair *pair, enum pair_reason reason)
{
    if (reasons[reason].resets) {
        conn_reset(&pair->client);
        conn_reset(&pair->upstream);
    } else {
        conn_close(&pair->client);
        conn_close(&pair->upstream);
    }
}

void pair_close(struct pair *pair, enum pair_reason reason)
{
    struct links *links = pair->link->links;
    bool waiting = pair->state == PAIR_WAITING;
    if (pair->state == PAIR_CLOSED)
        return;
    log_debug(links->log, pair->link->name, "connection %llu: %s",
              (unsigned long long)pair->ordinal, reasons[reason].text);
    end_connections(pair, reason);
    alarm_stop(&links->alarms, &pair->alarm);
    while (!list_empty(&pair->touches))
        drop_touch(pair, list_entry(list_first(&pair->touches), struct touch, node));
    follow_end(pair, mono_now());
    flow_release(&pair->up, &links->flows);
    flow_release(&pair->down, &links->flows);
    list_remove(&pair->recent);
    set_state(pair, PAIR_CLOSED);
    link_pair_closed(pair->link, pair, waiting);
}

void pair_free(struct pair *pair)
{
    assert(pair->state == PAIR_CLOSED);
    free(pair);
}

/* ---- running */

/* Its alarm goes off when there is next something to do by itself. */
static void arm(struct pair *pair)
{
    struct alarms *alarms = &pair->link->links->alarms;
    mono due = STREAM_NEVER;
    if (pair->up.stream)
        due = stream_due(pair->up.stream);
    if (pair->down.stream && mono_before(stream_due(pair->down.stream), due))
        due = stream_due(pair->down.stream);
    if (pair->up.lingers || pair->down.lingers)
        due = mono_add(mono_now(), LINGER);
    if (due.ns == STREAM_NEVER.ns)
        alarm_stop(alarms, &pair->alarm);
    else
        alarm_set(alarms, &pair->alarm, due);
}

static void note_activity(struct pair *pair, mono now)
{
    if (!pair->up.moved && !pair->down.moved)
        return;
    pair->up.moved = pair->down.moved = false;
    if (pair->up.stream)
        stream_active(pair->up.stream, now);
    if (pair->down.stream)
        stream_active(pair->down.stream, now);
}

/* True when the step has closed the pair. */
static bool closed_by(struct pair *pair, enum flow_result result)
{
    if (result == FLOW_CLOSE)
        pair_close(pair, PAIR_REASON_FAULT);
    else if (result == FLOW_RESET)
        pair_close(pair, PAIR_REASON_RESETTING);
    else if (result == FLOW_FAILED)
        pair_close(pair, PAIR_REASON_FAILED);
    return pair->state == PAIR_CLOSED;
}

static bool is_faulty(const struct pair *pair)
{
    return pair->up.stream || pair->down.stream;
}

/* A round in both directions: true when there may be more to do. */
static bool step(struct pair *pair, mono now)
{
    struct flow_shared *shared = &pair->link->links->flows;
    enum flow_result up = flow_step(&pair->up, shared, now);
    if (closed_by(pair, up))
        return false;
    enum flow_result down = flow_step(&pair->down, shared, now);
    if (closed_by(pair, down))
        return false;
    if (is_faulty(pair))
        note_activity(pair, now);
    return up == FLOW_GOES || down == FLOW_GOES;
}

void pair_run(struct pair *pair)
{
    bool more = pair->state == PAIR_OPEN;
    bool faulty = is_faulty(pair);
    mono now = faulty ? mono_now() : (mono){0};
    for (int round = 0; round < ROUNDS && more; round++)
        more = step(pair, now);
    if (pair->state != PAIR_OPEN)
        return;
    links_remember(pair->link->links, pair);
    follow_settle(pair, now);
    if (flow_is_over(&pair->up) && flow_is_over(&pair->down))
        pair_close(pair, PAIR_REASON_ENDED);
    else if (more)
        alarm_set(&pair->link->links->alarms, &pair->alarm, mono_now());
    else if (faulty)
        arm(pair);
}

void pair_look(struct pair *pair)
{
    if (pair->state == PAIR_OPEN &&
        (conn_peer_gone(&pair->client) || conn_peer_gone(&pair->upstream)))
        pair_run(pair);
}

/* ---- beginning */

static void connected(struct pair *pair)
{
    int problem = dial_error(pair->upstream.fd);
    link_pair_dialed(pair->link, problem);
    if (problem != 0) {
        upstream_failed(pair->link);
        pair_close(pair, PAIR_REASON_UNREACHABLE);
        return;
    }
    set_state(pair, PAIR_OPEN);
    pair_run(pair);
}

static void on_ready(struct conn *conn, void *owner)
{
    struct pair *pair = owner;
    if (pair->state == PAIR_OPEN)
        pair_run(pair);
    else if (pair->state == PAIR_DIALING && conn == &pair->upstream)
        connected(pair);
}

bool pair_waits_for_address(const struct pair *pair)
{
    return pair->state == PAIR_DIALING && pair->upstream.fd < 0;
}

void pair_connect(struct pair *pair)
{
    struct error error;
    struct link *link = pair->link;
    bool known = link->upstream_address.length > 0;
    int fd = known ? dial_start(&link->upstream_address) : -1;
    if (fd >= 0 && conn_init(&pair->upstream, link->links->loop, fd, &conn_plain, on_ready, pair,
                             &error) == OK)
        return;
    link_pair_dialed(link, known ? errno : EHOSTUNREACH);
    if (fd >= 0)
        close(fd);
    pair_close(pair, PAIR_REASON_UNREACHABLE);
}

static void dial(struct pair *pair)
{
    set_state(pair, PAIR_DIALING);
    if (pair->link->upstream_address.length > 0)
        pair_connect(pair);
    else
        upstream_look_up(pair->link);
}

static void on_alarm(void *arg)
{
    struct pair *pair = arg;
    if (pair->state != PAIR_WAITING) {
        pair_run(pair);
        return;
    }
    link_pair_accepted(pair->link);
    dial(pair);
}

struct pair *pair_open(struct link *link, int fd, uint64_t ordinal)
{
    struct error error;
    struct pair *pair = mem_alloc(1, sizeof(*pair));
    pair->link = link;
    pair->ordinal = ordinal;
    pair->upstream.fd = -1;
    if (conn_init(&pair->client, link->links->loop, fd, &conn_plain, on_ready, pair, &error) !=
        OK) {
        log_error(link->links->log, link->name, "%s", error.text);
        close(fd);
        free(pair);
        return NULL;
    }
    list_init(&pair->node);
    list_init(&pair->recent);
    list_init(&pair->touches);
    flow_init(&pair->up, &pair->client, &pair->upstream);
    flow_init(&pair->down, &pair->upstream, &pair->client);
    alarm_init(&pair->alarm, on_alarm, pair);
    return pair;
}

void pair_begin(struct pair *pair, duration wait)
{
    if (wait.ns > 0)
        alarm_set(&pair->link->links->alarms, &pair->alarm, mono_add(mono_now(), wait));
    else
        dial(pair);
}
