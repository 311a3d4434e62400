/* SPDX-License-Identifier: MIT */
#include "proxy/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proxy/connection/client.h"
#include "proxy/connection/pool.h"
#include "proxy/connection/probe.h"
#include "proxy/connection/uplink.h"
#include "proxy/fault/engine.h"
#include "proxy/observe/journal.h"
#include "proxy/process/proxy.h"
#include "proxy/request/exchange.h"
#include "proxy/request/gate.h"
#include "proxy/request/late.h"
#include "proxy/worker/realm.h"
#include "proxy/worker/succession.h"

/* Pipes for long bodies, per worker. One is held as long as a client has not taken what is in it;
 * with so many slow clients, the next one's body is copied. */
enum { PIPES_MAX = 64 };

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

/* ---- time */

const char *worker_date(struct worker *worker)
{
    if (mono_before(worker->now, worker->date_until))
        return worker->date;
    int64_t now = wall_now().ns;
    http_date(worker->date, now / NS_PER_S);
    worker->date_until = mono_add(worker->now, duration_ns(NS_PER_S - now % NS_PER_S));
    return worker->date;
}

/* ---- the dead */

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

static void serve_realm(struct realm *realm)
{
    gates_serve(realm);
    for (size_t i = 0; i < realm->config->upstreams.count; i++) {
        struct upstream *upstream = &realm->upstreams[i];
        upstream_share_idle(upstream);
        upstream_serve_queue(upstream);
        /* What was kept for requests that waited, and then did not. */
        if (realm != realm->worker->realm && !upstream_has_queue(upstream))
            upstream_move_idle(upstream);
    }
}

/* The oldest requests come first. */
static void serve_queues(void *arg)
{
    struct worker *worker = arg;
    worker_enter(worker);
    list_foreach (node, &worker->realms)
        serve_realm(list_entry(node, struct realm, node));
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
        listener_close(&worker->realm->entrances[i].listener);
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

/* A worker that drains keeps what it has. */
static void take_generation(struct worker *worker)
{
    struct generation *latest = atomic_load(&worker->proxy->generation);
    if (latest->number == worker->told)
        return;
    worker->told = latest->number;
    if (worker->phase == WORKER_SERVING)
        succession_begin(worker, latest);
    else
        proxy_generation_left(worker->proxy, latest);
    proxy_generation_taken(worker->proxy);
}

static void on_wake(void *arg)
{
    struct worker *worker = arg;
    uint64_t count;
    if (read(worker->wake_fd, &count, sizeof(count)) < 0)
        return;
    worker_enter(worker);
    take_generation(worker);
    engine_look(worker->engine);
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
    pipes_init(&worker->pipes, PIPES_MAX);
    worker->scratch = mem_alloc(1, SCRATCH_SIZE);
    list_init(&worker->clients);
    list_init(&worker->late);
    list_init(&worker->realms);
    list_init(&worker->graveyard);
}

static void init_records(struct worker *worker)
{
    const struct proxy *proxy = worker->proxy;
    duration offset = proxy->store ? record_store_clock_offset(proxy->store) : clock_offset();
    worker->source = (struct record_source){
        .pid = (uint32_t)getpid(), .writer = worker->number, .clock_offset = offset};
    worker_learn_generation(worker, proxy->generation);
}

void worker_learn_generation(struct worker *worker, const struct generation *generation)
{
    worker->source.process = generation->config.name;
    worker_learn_names(worker, generation->names, generation->name_count);
}

void worker_learn_names(struct worker *worker, const char *const *names, size_t count)
{
    if (count < worker->source.name_count)
        return;
    worker->source.names = names;
    worker->source.name_count = (uint16_t)count;
    record_writer_renew(worker->records);
}

static void init_events(struct worker *worker)
{
    timeout_queue_init(&worker->held, &worker->loop, (duration){0});
    soon_init(&worker->bury, &worker->loop, bury_dead, worker);
    soon_init(&worker->serve, &worker->loop, serve_queues, worker);
    soon_init(&worker->retire, &worker->loop, succession_end, worker);
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
    worker->told = proxy->generation->number;
    worker->engine = engine_new(worker);
    worker->realm = realm_new(worker, proxy->generation);
    engine_look(worker->engine);
    if (number == 0)
        worker->prober = prober_start(worker->realm);
    if (proxy->store)
        result = record_writer_open(&worker->records, proxy->store, number, error);
    return result;
}

static void release_loop(struct worker *worker)
{
    prober_stop(&worker->prober);
    list_foreach_safe (node, &worker->realms)
        realm_release(list_entry(node, struct realm, node));
    timeout_queue_release(&worker->held);
    timer_stop(&worker->access_flush);
    fd_watch_stop(&worker->wake);
    soon_cancel(&worker->serve);
    soon_cancel(&worker->retire);
    soon_cancel(&worker->bury);
    bury_dead(worker);
    engine_free(&worker->engine);
    loop_release(&worker->loop);
}

void worker_release(struct worker *worker)
{
    if (worker->loop.base)
        release_loop(worker);
    if (worker->wake_fd >= 0)
        close(worker->wake_fd);
    while (worker->stash.count > 0)
        buf_free(&worker->stash.slots[--worker->stash.count]);
    buf_free(&worker->head_out);
    buf_free(&worker->path);
    buf_free(&worker->access_lines.text);
    free(worker->scratch);
    pipes_release(&worker->pipes);
    slab_free(&worker->client_slab);
    slab_free(&worker->uplink_slab);
    slab_free(&worker->exchange_slab);
    slab_free(&worker->texts_slab);
}

void *worker_run(void *arg)
{
    struct worker *worker = arg;
    loop_run(&worker->loop);
    late_end_all(worker);
    journal_end(worker);
    proxy_worker_ended(worker->proxy);
    return NULL;
}
