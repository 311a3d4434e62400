/* SPDX-License-Identifier: MIT */
#include "proxy/connection/uplink.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/net/dial.h"
#include "proxy/connection/announce.h"
#include "proxy/connection/pool.h"
#include "proxy/fault/engine.h"
#include "proxy/fault/passing.h"
#include "proxy/request/exchange.h"
#include "proxy/request/hedge.h"
#include "proxy/request/late.h"
#include "proxy/worker/realm.h"

#define UPLINK_STATE_NAME(id, name) [UPLINK_##id] = name,
static const char *const state_names[] = {UPLINK_STATES(UPLINK_STATE_NAME)};

void uplink_set_state(struct uplink *uplink, enum uplink_state to)
{
    static const unsigned legal[UPLINK_STATE_COUNT] = {
        [UPLINK_CONNECTING] = 1 << UPLINK_SECURING | 1 << UPLINK_BUSY | 1 << UPLINK_CLOSED,
        [UPLINK_SECURING] = 1 << UPLINK_BUSY | 1 << UPLINK_CLOSED,
        [UPLINK_BUSY] = 1 << UPLINK_IDLE | 1 << UPLINK_LATE | 1 << UPLINK_CLOSED,
        [UPLINK_LATE] = 1 << UPLINK_CLOSED,
        [UPLINK_IDLE] = 1 << UPLINK_BUSY | 1 << UPLINK_CLOSED,
    };
    const struct log *log = &uplink->upstream->worker->log;
    assert(legal[uplink->state] >> to & 1);
    if (log->level <= LOG_DEBUG) {
        char subject[32];
        snprintf(subject, sizeof(subject), "u%llu", (unsigned long long)uplink->number);
        log_debug(log, subject, "%s: %s -> %s", uplink->pool->name, state_names[uplink->state],
                  state_names[to]);
    }
    uplink->state = to;
}

static void give_up_place(struct uplink *uplink)
{
    pool_free_slot(uplink);
    if (upstream_has_queue(uplink->upstream))
        worker_serve_soon(uplink->upstream->worker);
}

void uplink_set_apart(struct uplink *uplink, struct late *late)
{
    uplink_set_state(uplink, UPLINK_LATE);
    uplink->exchange = NULL;
    uplink->late = late;
    give_up_place(uplink);
}

void uplink_close(struct uplink *uplink, const char *reason)
{
    struct worker *worker = uplink->upstream->worker;
    bool has_place = uplink->state != UPLINK_LATE;
    if (uplink->state == UPLINK_CLOSED)
        return;
    if (uplink->state == UPLINK_IDLE)
        pool_take_out(uplink);
    log_debug(&worker->log, uplink->pool->name, "connection u%llu closed: %s",
              (unsigned long long)uplink->number, reason);
    uplink_set_state(uplink, UPLINK_CLOSED);
    uplink->exchange = NULL;
    if (uplink->faults)
        passing_left(uplink);
    list_remove(&uplink->of_worker);
    list_remove(&uplink->of_client);
    timeout_cancel(&uplink->idle_timeout);
    worker_take_back(worker, &uplink->in);
    conn_close(&uplink->conn);
    if (has_place)
        give_up_place(uplink);
    realm_leave(uplink->upstream->realm);
    worker_bury(worker, &uplink->grave, &worker->uplink_slab, uplink);
}

void uplink_close_spent(struct uplink *uplink)
{
    counter_add(&uplink->upstream->worker->counters.of[COUNTER_UPLINKS_SPENT]);
    uplink_close(uplink, "too old, too many requests, or about to be closed by the endpoint");
}

void uplink_orphan(struct uplink *uplink)
{
    list_remove(&uplink->of_client);
    uplink->client = NULL;
    if (uplink->state == UPLINK_IDLE)
        uplink_close(uplink, "its client has gone");
}

static void idle_timed_out(void *arg)
{
    struct uplink *uplink = arg;
    worker_enter(uplink->upstream->worker);
    uplink_close(uplink, "idle for too long");
}

static void tls_failed(struct uplink *uplink, const char *reason)
{
    struct worker *worker = uplink->upstream->worker;
    trouble_note(uplink->pool, CAUSE_TLS_FAILED, reason);
    counter_add(&worker->counters.of[COUNTER_UPLINK_TLS_FAILED]);
    exchange_tls_failed(uplink->exchange);
}

static void on_securing(struct uplink *uplink)
{
    struct worker *worker = uplink->upstream->worker;
    struct error error;
    int result = conn_handshake(&uplink->conn, &error);
    if (result == CONN_AGAIN)
        return;
    worker_enter(worker); /* it has taken its time */
    if (result == CONN_FAILED) {
        tls_failed(uplink, error.text);
        return;
    }
    counter_add(&worker->counters.of[COUNTER_UPLINK_TLS]);
    if (tls_resumed(&uplink->conn))
        counter_add(&worker->counters.of[COUNTER_UPLINK_TLS_RESUMED]);
    trouble_over_securing(uplink->pool);
    uplink_set_state(uplink, UPLINK_BUSY);
    exchange_connected(uplink->exchange);
}

static void begin_securing(struct uplink *uplink)
{
    struct pool *pool = uplink->pool;
    struct error error;
    uplink_set_state(uplink, UPLINK_SECURING);
    exchange_securing(uplink->exchange);
    if (tls_connect(&uplink->conn, uplink->upstream->tls, pool->tls_name, &pool->tls_memory,
                    &error) == OK)
        on_securing(uplink);
    else
        tls_failed(uplink, error.text);
}

static void on_connecting(struct uplink *uplink)
{
    int problem = dial_error(uplink->conn.fd);
    if (!problem && uplink->client)
        problem = announce_client(uplink);
    if (problem) {
        exchange_connect_failed(uplink->exchange, problem);
        return;
    }
    trouble_over_connecting(uplink->pool);
    if (uplink->upstream->tls) {
        begin_securing(uplink);
        return;
    }
    uplink_set_state(uplink, UPLINK_BUSY);
    exchange_connected(uplink->exchange);
}

bool uplink_has_more(struct uplink *uplink)
{
    if (uplink->conn.peer_closed || buf_len(&uplink->in) > 0)
        return true;
    return uplink->conn.readable && conn_has_more(&uplink->conn);
}

static void uplink_ready(struct conn *conn, void *owner)
{
    struct uplink *uplink = owner;
    worker_enter(uplink->upstream->worker);
    if (uplink->exchange && uplink->exchange->hedge)
        hedge_turn_to(uplink->exchange, uplink);
    switch (uplink->state) {
    case UPLINK_CONNECTING:
        if (!uplink->faults || !passing_holds(uplink))
            on_connecting(uplink);
        break;
    case UPLINK_SECURING:
        on_securing(uplink);
        break;
    case UPLINK_BUSY:
        exchange_uplink_ready(uplink->exchange);
        break;
    case UPLINK_LATE:
        late_ready(uplink);
        break;
    case UPLINK_IDLE:
        /* Room to write is no news; bytes nobody asked for, or the end, are. */
        if (uplink_has_more(uplink))
            uplink_close(uplink, "closed by the endpoint while idle");
        break;
    default:
        break;
    }
}

static struct uplink *uplink_open(struct upstream *upstream, struct pool *pool, int fd)
{
    struct worker *worker = upstream->worker;
    struct uplink *uplink = slab_get(&worker->uplink_slab);
    struct error error;
    *uplink = (struct uplink){.upstream = upstream,
                              .pool = pool,
                              .state = UPLINK_CONNECTING,
                              .opened = worker->now,
                              .keepalive = keepalive_unknown,
                              .number = worker->next_connection++};
    list_init(&uplink->node);
    list_init(&uplink->of_client);
    timeout_init(&uplink->idle_timeout, idle_timed_out, uplink);
    if (conn_init(&uplink->conn, &worker->loop, fd, &conn_plain, uplink_ready, uplink, &error) !=
        OK) {
        slab_put(&worker->uplink_slab, uplink);
        return NULL;
    }
    list_push_back(&worker->engine->uplinks, &uplink->of_worker);
    pool->open++;
    realm_join(upstream->realm);
    counter_add(&worker->counters.of[COUNTER_UPLINKS]);
    return uplink;
}

static void bind_to_client(struct uplink *uplink, struct client *client)
{
    uplink->client = client;
    list_push_back(&client->uplinks, &uplink->of_client);
}

enum uplink_result uplink_dial(struct upstream *upstream, struct uplink_order *order)
{
    bool refused = upstream->faults && passing_refuses(upstream, order);
    int fd = refused ? -1 : dial_start(&order->pool->shared->address);
    order->uplink = fd >= 0 ? uplink_open(upstream, order->pool, fd) : NULL;
    if (order->uplink) {
        order->uplink->exchange = order->exchange;
        if (upstream->faults)
            passing_dialed(order->uplink, order);
        if (upstream->config->proxy_protocol)
            bind_to_client(order->uplink, order->exchange->client);
        return UPLINK_PENDING;
    }
    int problem = refused ? ECONNREFUSED : errno;
    if (fd >= 0)
        close(fd);
    atomic_fetch_sub(&order->pool->shared->connections, 1);
    errno = problem;
    return UPLINK_FAILED;
}
