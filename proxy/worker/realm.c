/* SPDX-License-Identifier: MIT */
#include "proxy/worker/realm.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/connection/client.h"
#include "proxy/connection/pool.h"
#include "proxy/connection/uplink.h"
#include "proxy/fault/engine.h"
#include "proxy/observe/episodes.h"
#include "proxy/observe/journal.h"
#include "proxy/process/proxy.h"
#include "proxy/request/exchange.h"
#include "proxy/request/gate.h"
#include "proxy/request/guard.h"
#include "proxy/request/hedge.h"
#include "proxy/worker/passage.h"

/* What a client still sends after the last answer is taken until it has been silent for so long. */
static const duration LINGER_FOR = {2 * NS_PER_S};

/* Deferred cleanup looks so often whether a slow client has taken everything. */
static const duration SETTLE_EVERY = {NS_PER_MS};

/* ---- upstreams */

static void init_timeouts(struct upstream *upstream, struct loop *loop)
{
    const struct upstream_timeouts *timeout = &upstream->config->timeout;
    timeout_queue_init(&upstream->connect, loop, timeout->connect);
    timeout_queue_init(&upstream->response, loop, timeout->response);
    timeout_queue_init(&upstream->body, loop, timeout->idle);
    timeout_queue_init(&upstream->total, loop, timeout->total);
    timeout_queue_init(&upstream->wait, loop, timeout->queue);
    timeout_queue_init(&upstream->tunnel, loop, timeout->tunnel);
    timeout_queue_init(&upstream->idle, loop, upstream->config->connections.idle_timeout);
    timeout_queue_init(&upstream->settle, loop, SETTLE_EVERY);
    timeout_queue_init(&upstream->late, loop, upstream->config->late.window);
}

static void init_balance(struct upstream *upstream)
{
    const struct endpoint_config *endpoints = upstream->config->endpoints.items;
    struct worker *worker = upstream->worker;
    struct peer_spec *specs = mem_alloc(upstream->pool_count, sizeof(*specs));
    for (size_t i = 0; i < upstream->pool_count; i++)
        specs[i] = (struct peer_spec){endpoints[i].address, endpoints[i].weight};
    balance_init(&upstream->balance, &upstream->config->balance, &worker->rng, specs,
                 upstream->pool_count);
    free(specs);
    /* Workers start at different endpoints, or they would all send their first request to one. */
    balance_start_at(&upstream->balance, worker->number);
}

static void init_upstream(struct realm *realm, size_t number)
{
    struct worker *worker = realm->worker;
    const struct generation_upstream *common = &realm->generation->upstreams[number];
    const struct upstream_config *config =
        (const struct upstream_config *)realm->config->upstreams.items + number;
    struct upstream *upstream = &realm->upstreams[number];
    const struct endpoint_config *endpoints = config->endpoints.items;
    size_t workers = proxy_worker_count(worker->proxy);
    *upstream = (struct upstream){.config = config,
                                  .shared = common->shared,
                                  .realm = realm,
                                  .worker = worker,
                                  .tls = realm->generation->secure.upstreams[number],
                                  .pool_count = config->endpoints.count,
                                  .name_id = common->name};
    if (config->connections.idle_timeout.ns > 0)
        upstream->idle_limit = (int)(((size_t)config->connections.idle + workers - 1) / workers);
    upstream->pools = mem_alloc(upstream->pool_count, sizeof(*upstream->pools));
    for (size_t i = 0; i < upstream->pool_count; i++) {
        struct pool *pool = &upstream->pools[i];
        pool->shared = common->endpoints[i];
        pool->counters = &pool->shared->counters[worker->number];
        pool->upstream = upstream;
        pool->name = endpoints[i].name;
        pool->authority = endpoint_authority(&endpoints[i]);
        pool->name_id = common->endpoint_names[i];
        pool->tls_name = upstream->tls ? secure_name(config, &endpoints[i]) : NULL;
        list_init(&pool->idle);
        guard_watch(pool);
    }
    list_init(&upstream->queue);
    upstream->hedging = hedging_new(&config->hedge, &worker->loop);
    init_balance(upstream);
    init_timeouts(upstream, &worker->loop);
}

static void release_upstream(struct upstream *upstream)
{
    struct timeout_queue *queues[] = {&upstream->connect, &upstream->response, &upstream->body,
                                      &upstream->total,   &upstream->wait,     &upstream->idle,
                                      &upstream->tunnel,  &upstream->settle,   &upstream->late};
    for (size_t i = 0; i < upstream->pool_count; i++) {
        timer_stop(&upstream->pools[i].restore);
        pool_close_idle(&upstream->pools[i], "the worker ends");
    }
    for (size_t i = 0; i < ARRAY_LEN(queues); i++)
        timeout_queue_release(queues[i]);
    for (size_t i = 0; i < upstream->pool_count; i++) {
        tls_memory_forget(&upstream->pools[i].tls_memory);
        free(upstream->pools[i].tls_name);
    }
    hedging_free(&upstream->hedging);
    free(upstream->pools);
    balance_release(&upstream->balance);
}

/* ---- entrances */

static void on_accept(void *owner, int fd, const struct address *peer)
{
    client_accept(owner, fd, peer);
}

static void on_exhausted(void *owner, bool paused)
{
    struct entrance *entrance = owner;
    struct worker *worker = entrance->worker;
    worker_enter(worker);
    if (paused) {
        counter_add(&worker->counters.of[COUNTER_ACCEPT_PAUSES]);
        log_warn(&worker->log, NULL,
                 "out of file descriptors: accepting pauses (raise the limit, or keep fewer idle "
                 "connections)");
    }
    journal_state(worker, paused ? STATE_ACCEPT_PAUSED : STATE_ACCEPT_RESUMED, NAME_NONE, 0);
}

/* The socket that goes on is that of the same listener in the worker's realm up to now. */
static void take_socket(struct entrance *entrance, size_t number)
{
    struct worker *worker = entrance->worker;
    struct generation_listener *common = &entrance->realm->generation->listeners[number];
    if (common->kept >= 0) {
        listener_move(&entrance->listener, &worker->realm->entrances[common->kept].listener,
                      entrance);
        return;
    }
    listener_start(&entrance->listener, &worker->loop, common->sockets[worker->number],
                   worker->number > 0, on_accept, entrance);
    entrance->listener.exhausted = on_exhausted;
    common->sockets[worker->number] = -1;
}

static void init_entrance(struct realm *realm, size_t number)
{
    struct worker *worker = realm->worker;
    struct entrance *entrance = &realm->entrances[number];
    const struct listener_config *config =
        (const struct listener_config *)realm->config->listeners.items + number;
    entrance->config = config;
    entrance->worker = worker;
    entrance->realm = realm;
    entrance->tls = realm->generation->secure.listeners[number];
    timeout_queue_init(&entrance->head, &worker->loop, config->timeout.head);
    timeout_queue_init(&entrance->body, &worker->loop, config->timeout.body);
    timeout_queue_init(&entrance->send, &worker->loop, config->timeout.send);
    timeout_queue_init(&entrance->idle, &worker->loop, config->timeout.idle);
    timeout_queue_init(&entrance->greeting, &worker->loop, config->timeout.proxy_header);
    timeout_queue_init(&entrance->linger, &worker->loop, LINGER_FOR);
    take_socket(entrance, number);
    uint16_t port = address_peer(&entrance->listener.address).port;
    if (port)
        snprintf(entrance->port, sizeof(entrance->port), "%u", port);
}

static void release_entrance(struct entrance *entrance)
{
    struct timeout_queue *queues[] = {&entrance->head, &entrance->body,   &entrance->send,
                                      &entrance->idle, &entrance->linger, &entrance->greeting};
    listener_close(&entrance->listener);
    for (size_t i = 0; i < ARRAY_LEN(queues); i++)
        timeout_queue_release(queues[i]);
}

/* ---- the whole */

struct realm *realm_new(struct worker *worker, struct generation *generation)
{
    struct realm *realm = mem_alloc(1, sizeof(*realm));
    const struct proxy_config *config = &generation->config;
    realm->worker = worker;
    realm->generation = generation;
    list_init(&realm->episodes);
    realm->config = config;
    realm->upstreams = mem_alloc(config->upstreams.count, sizeof(*realm->upstreams));
    realm->entrances = mem_alloc(config->listeners.count, sizeof(*realm->entrances));
    for (size_t i = 0; i < config->upstreams.count; i++)
        init_upstream(realm, i);
    realm->gates = gates_new(realm);
    passages_init(realm);
    engine_plan(worker->engine, realm);
    for (size_t i = 0; i < config->listeners.count; i++)
        init_entrance(realm, i);
    list_push_back(&worker->realms, &realm->node);
    return realm;
}

void realm_release(struct realm *realm)
{
    episodes_hand_over(realm);
    for (size_t i = 0; i < realm->config->listeners.count; i++)
        release_entrance(&realm->entrances[i]);
    passages_release(realm);
    for (size_t i = 0; i < realm->config->upstreams.count; i++)
        release_upstream(&realm->upstreams[i]);
    list_remove(&realm->node);
    free(realm->gates);
    free(realm->entrances);
    free(realm->upstreams);
    proxy_generation_left(realm->worker->proxy, realm->generation);
    free(realm);
}
