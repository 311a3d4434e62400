/* SPDX-License-Identifier: MIT */
#include "proxy/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/guard.h"
#include "proxy/journal.h"
#include "proxy/passage.h"
#include "proxy/probe.h"
#include "proxy/proxy.h"
#include "proxy/secure.h"

/* What a client still sends after the last answer is taken for so long. */
static const duration LINGER_FOR = {2 * NS_PER_S};

/* Deferred cleanup looks so often whether a slow client has taken everything. */
static const duration SETTLE_EVERY = {NS_PER_MS};

/* ---- memory */

void worker_lend(struct worker *worker, struct buf *buf)
{
    if (buf->data)
        return;
    if (worker->stash.count > 0)
        *buf = worker->stash.slots[--worker->stash.count];
    else
        buf_reserve(buf, LENT_SIZE);
}

void worker_take_back(struct worker *worker, struct buf *buf)
{
    struct stash *stash = &worker->stash;
    if (!buf->data)
        return;
    if (!stash->keeps || stash->count == STASH_SLOTS || buf->capacity > 8 * LENT_SIZE) {
        buf_free(buf);
        return;
    }
    buf_clear(buf);
    stash->slots[stash->count++] = *buf;
    *buf = (struct buf){0};
}

static void bury_dead(void *arg)
{
    struct worker *worker = arg;
    for (struct list *node; (node = list_pop_front(&worker->graveyard));) {
        struct grave *grave = list_entry(node, struct grave, node);
        slab_put(grave->slab, grave->object);
    }
}

void worker_bury(struct worker *worker, struct grave *grave, struct slab *slab, void *object)
{
    grave->slab = slab;
    grave->object = object;
    list_push_back(&worker->graveyard, &grave->node);
    soon_ask(&worker->bury);
}

/* ---- what waits */

static void serve_queues(void *arg)
{
    struct worker *worker = arg;
    worker_enter(worker);
    for (size_t i = 0; i < worker->config->upstreams.count; i++) {
        upstream_share_idle(&worker->upstreams[i]);
        upstream_serve_queue(&worker->upstreams[i]);
    }
}

void worker_serve_soon(struct worker *worker)
{
    soon_ask(&worker->serve);
}

static void end_when_empty(struct worker *worker)
{
    if (worker->phase != WORKER_SERVING && list_empty(&worker->clients))
        loop_stop(&worker->loop);
}

void worker_client_gone(struct worker *worker)
{
    end_when_empty(worker);
}

static void stop_accepting(struct worker *worker)
{
    for (size_t i = 0; i < worker->config->listeners.count; i++)
        listener_close(&worker->entrances[i].listener);
}

static void enter_phase(struct worker *worker, enum worker_phase phase)
{
    worker->phase = phase;
    stop_accepting(worker);
    if (phase == WORKER_DRAINING)
        journal_state(worker, STATE_DRAINING, NAME_NONE, 0);
    list_foreach_safe (node, &worker->clients) {
        struct client *client = list_entry(node, struct client, node);
        if (phase == WORKER_DRAINING)
            client_drain(client);
        else
            client_stop(client);
    }
    end_when_empty(worker);
}

static void on_wake(void *arg)
{
    struct worker *worker = arg;
    uint64_t count;
    if (read(worker->wake_fd, &count, sizeof(count)) < 0)
        return;
    worker_enter(worker);
    enum worker_phase phase = (enum worker_phase)atomic_load(&worker->proxy->phase);
    if (phase > worker->phase)
        enter_phase(worker, phase);
    serve_queues(worker);
}

void worker_wake(struct worker *worker)
{
    uint64_t one = 1;
    ssize_t put = write(worker->wake_fd, &one, sizeof(one));
    (void)put; /* a full counter wakes as well */
}

/* ---- upstreams */

static void init_timeouts(struct upstream *upstream, struct loop *loop)
{
    const struct upstream_timeouts *timeout = &upstream->config->timeout;
    timeout_queue_init(&upstream->connect, loop, timeout->connect);
    timeout_queue_init(&upstream->response, loop, timeout->response);
    timeout_queue_init(&upstream->body, loop, timeout->idle);
    timeout_queue_init(&upstream->total, loop, timeout->total);
    timeout_queue_init(&upstream->wait, loop, timeout->queue);
    timeout_queue_init(&upstream->idle, loop, upstream->config->connections.idle_timeout);
    timeout_queue_init(&upstream->settle, loop, SETTLE_EVERY);
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

static void init_upstream(struct worker *worker, size_t number)
{
    struct proxy *proxy = worker->proxy;
    const struct upstream_config *config =
        (const struct upstream_config *)worker->config->upstreams.items + number;
    struct upstream *upstream = &worker->upstreams[number];
    const struct endpoint_config *endpoints = config->endpoints.items;
    size_t workers = proxy_worker_count(proxy);
    *upstream = (struct upstream){.config = config,
                                  .shared = &proxy->upstreams[number],
                                  .worker = worker,
                                  .tls = proxy->secure->upstreams[number],
                                  .pool_count = config->endpoints.count,
                                  .retry_tokens = RETRY_RESERVE,
                                  .name_id = proxy_upstream_name(proxy, number)};
    upstream->idle_limit = (int)(((size_t)config->connections.idle + workers - 1) / workers);
    upstream->pools = mem_alloc(upstream->pool_count, sizeof(*upstream->pools));
    for (size_t i = 0; i < upstream->pool_count; i++) {
        struct pool *pool = &upstream->pools[i];
        pool->shared = &upstream->shared->endpoints[i];
        pool->name = endpoints[i].address;
        pool->name_id = proxy_endpoint_name(proxy, number, i);
        pool->tls_name = upstream->tls ? secure_name(config, endpoints[i].address) : NULL;
        pool->upstream = upstream;
        list_init(&pool->idle);
        timer_init(&pool->restore, &worker->loop, guard_restore_due, pool);
    }
    list_init(&upstream->queue);
    init_balance(upstream);
    init_timeouts(upstream, &worker->loop);
}

static void release_upstream(struct upstream *upstream)
{
    struct timeout_queue *queues[] = {&upstream->connect, &upstream->response, &upstream->body,
                                      &upstream->total,   &upstream->wait,     &upstream->idle,
                                      &upstream->settle};
    for (size_t i = 0; i < upstream->pool_count; i++) {
        timer_stop(&upstream->pools[i].restore);
        list_foreach_safe (node, &upstream->pools[i].idle)
            uplink_close(list_entry(node, struct uplink, node), "the worker ends");
    }
    for (size_t i = 0; i < ARRAY_LEN(queues); i++)
        timeout_queue_release(queues[i]);
    for (size_t i = 0; i < upstream->pool_count; i++) {
        tls_memory_forget(&upstream->pools[i].tls_memory);
        free(upstream->pools[i].tls_name);
    }
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

static enum result init_entrance(struct worker *worker, size_t number, struct error *error)
{
    struct entrance *entrance = &worker->entrances[number];
    const struct listener_config *config =
        (const struct listener_config *)worker->config->listeners.items + number;
    const struct worker *first = &worker->proxy->workers[0];
    const struct listener_options options = {
        .share = true, .beside = worker == first ? NULL : &first->entrances[number].listener};
    struct address *address = &worker->proxy->listening[number];
    entrance->worker = worker;
    entrance->tls = worker->proxy->secure->listeners[number];
    entrance->config = config;
    timeout_queue_init(&entrance->head, &worker->loop, config->timeout.head);
    timeout_queue_init(&entrance->body, &worker->loop, config->timeout.body);
    timeout_queue_init(&entrance->send, &worker->loop, config->timeout.send);
    timeout_queue_init(&entrance->idle, &worker->loop, config->timeout.idle);
    timeout_queue_init(&entrance->linger, &worker->loop, LINGER_FOR);
    enum result result = listener_open(&entrance->listener, &worker->loop, address, &options,
                                       on_accept, entrance, error);
    if (result != OK)
        return result;
    entrance->listener.exhausted = on_exhausted;
    *address = entrance->listener.address;
    uint16_t port = address_peer(address).port;
    if (port)
        snprintf(entrance->port, sizeof(entrance->port), "%u", port);
    return OK;
}

static void release_entrance(struct entrance *entrance)
{
    struct timeout_queue *queues[] = {&entrance->head, &entrance->body, &entrance->send,
                                      &entrance->idle, &entrance->linger};
    if (!entrance->worker)
        return;
    listener_close(&entrance->listener);
    for (size_t i = 0; i < ARRAY_LEN(queues); i++)
        timeout_queue_release(queues[i]);
}

/* ---- the worker itself */

static void flush_access_log(void *arg)
{
    journal_flush(arg);
}

static void init_memory(struct worker *worker)
{
    bool recycle = worker->config->cleanup == PROXY_CLEANUP_POOLED;
    slab_init(&worker->client_slab, sizeof(struct client), true);
    slab_init(&worker->uplink_slab, sizeof(struct uplink), true);
    slab_init(&worker->texts_slab, sizeof(struct access_texts), true);
    slab_init(&worker->exchange_slab, sizeof(struct exchange), recycle);
    worker->stash.keeps = recycle;
    worker->scratch = mem_alloc(1, SCRATCH_SIZE);
    list_init(&worker->clients);
    list_init(&worker->graveyard);
}

static void init_records(struct worker *worker)
{
    const struct proxy *proxy = worker->proxy;
    duration offset = proxy->store ? record_store_clock_offset(proxy->store) : clock_offset();
    worker->source = (struct record_source){.process = worker->config->name,
                                            .pid = (uint32_t)getpid(),
                                            .writer = worker->number,
                                            .clock_offset = offset,
                                            .names = proxy->names,
                                            .name_count = (uint16_t)proxy->name_count};
}

static void init_events(struct worker *worker)
{
    soon_init(&worker->bury, &worker->loop, bury_dead, worker);
    soon_init(&worker->serve, &worker->loop, serve_queues, worker);
    timer_init(&worker->access_flush, &worker->loop, flush_access_log, worker);
    fd_watch_start(&worker->wake, &worker->loop, worker->wake_fd, on_wake, worker);
}

enum result worker_init(struct worker *worker, struct proxy *proxy, uint16_t number,
                        struct error *error)
{
    char part[16];
    *worker = (struct worker){.proxy = proxy, .config = proxy->config, .number = number};
    snprintf(part, sizeof(part), "w%u", number);
    log_init_part(&worker->log, &proxy->log, part);
    rng_init_stream(&worker->rng, proxy->seed, "worker", number);
    init_memory(worker);
    init_records(worker);
    worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (worker->wake_fd < 0)
        return error_errno(error, "cannot make an eventfd for worker %u", number);
    enum result result = loop_init(&worker->loop, false, error);
    if (result != OK)
        return result;
    init_events(worker);
    worker->upstreams = mem_alloc(proxy->config->upstreams.count, sizeof(*worker->upstreams));
    worker->entrances = mem_alloc(proxy->config->listeners.count, sizeof(*worker->entrances));
    for (size_t i = 0; i < proxy->config->upstreams.count; i++)
        init_upstream(worker, i);
    passages_init(worker);
    for (size_t i = 0; i < proxy->config->listeners.count && result == OK; i++)
        result = init_entrance(worker, i, error);
    if (result == OK && number == 0)
        worker->prober = prober_start(worker);
    if (result == OK && proxy->store)
        result = record_writer_open(&worker->records, proxy->store, number, error);
    return result;
}

static void release_loop(struct worker *worker)
{
    prober_stop(&worker->prober);
    for (size_t i = 0; worker->entrances && i < worker->config->listeners.count; i++)
        release_entrance(&worker->entrances[i]);
    passages_release(worker);
    for (size_t i = 0; worker->upstreams && i < worker->config->upstreams.count; i++)
        release_upstream(&worker->upstreams[i]);
    timer_stop(&worker->access_flush);
    fd_watch_stop(&worker->wake);
    soon_cancel(&worker->serve);
    soon_cancel(&worker->bury);
    bury_dead(worker);
    loop_release(&worker->loop);
}

void worker_release(struct worker *worker)
{
    if (worker->loop.base)
        release_loop(worker);
    free(worker->entrances);
    free(worker->upstreams);
    if (worker->wake_fd >= 0)
        close(worker->wake_fd);
    while (worker->stash.count > 0)
        buf_free(&worker->stash.slots[--worker->stash.count]);
    buf_free(&worker->head_out);
    buf_free(&worker->access_lines.text);
    free(worker->scratch);
    slab_free(&worker->client_slab);
    slab_free(&worker->uplink_slab);
    slab_free(&worker->exchange_slab);
    slab_free(&worker->texts_slab);
}

void *worker_run(void *arg)
{
    struct worker *worker = arg;
    loop_run(&worker->loop);
    journal_end(worker);
    proxy_worker_ended(worker->proxy);
    return NULL;
}
