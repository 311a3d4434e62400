/* SPDX-License-Identifier: MIT */
#include "proxy/request/gate.h"

#include "proxy/observe/episodes.h"
#include "proxy/process/proxy.h"
#include "proxy/request/attempt.h"
#include "proxy/worker/passage.h"

/* ---- setting up */

struct gate *gates_new(struct realm *realm)
{
    size_t count = limiters_count(realm->config);
    struct gate *gates = mem_alloc(count, sizeof(*gates));
    for (size_t i = 0; i < count; i++) {
        gates[i].worker = realm->worker;
        gates[i].limiter = realm->generation->limiters[i];
        gates[i].config = limiter_config(realm->config, i);
        list_init(&gates[i].queue);
    }
    return gates;
}

struct gate *gate_find(struct realm *realm, size_t upstream, const struct route_config *route)
{
    const struct proxy_config *config = realm->config;
    size_t number = (size_t)(route - (const struct route_config *)config->routes.items);
    struct gate *of_route = &realm->gates[config->upstreams.count + number];
    struct gate *of_upstream = &realm->gates[upstream];
    if (of_route->limiter)
        return of_route;
    return of_upstream->limiter ? of_upstream : NULL;
}

/* ---- permits */

static void write_down(struct gate *gate, struct permits_news news)
{
    struct limiter *limiter = gate->limiter;
    if (news.limit > 0)
        journal_state(gate->worker, STATE_CONCURRENCY_LIMIT, limiter->name_id,
                      (uint64_t)news.limit);
    if (news.baseline > 0)
        journal_state(gate->worker, STATE_CONCURRENCY_BASELINE, limiter->name_id,
                      (uint64_t)news.baseline);
}

static bool take_permit(struct gate *gate)
{
    struct permits *permits = &gate->limiter->permits;
    if (permits_take(permits))
        return true;
    if (!gate->config->adaptive)
        return false;
    write_down(gate, permits_look(permits, gate->config, gate->worker->now));
    return permits_take(permits);
}

static void grant(struct gate *gate, struct exchange *exchange)
{
    exchange->gate = gate;
    exchange->permitted = gate->worker->now;
}

static void shed(struct gate *gate, struct exchange *exchange)
{
    struct limiter *limiter = gate->limiter;
    episodes_note(exchange->realm, &limiter->shedding, STATE_SHEDDING_BEGUN, limiter->name_id,
                  (uint64_t)atomic_load(&limiter->permits.limit));
    exchange_fail(exchange, CAUSE_SHED);
}

/* ---- the queue */

static void enqueue(struct gate *gate, struct exchange *exchange)
{
    struct worker *worker = gate->worker;
    exchange_set_state(exchange, EXCHANGE_HELD);
    exchange->gate = gate;
    exchange->queued = worker->now;
    list_push_back(&gate->queue, &exchange->node);
    timeout_arm_for(&worker->held, &exchange->timeout, worker->now, gate->config->max_wait);
    counter_add(&worker->counters.of[COUNTER_GATE_HELD]);
    /* A permit that came free before this one was seen to wait. */
    worker_serve_soon(worker);
}

static void leave_queue(struct exchange *exchange)
{
    list_remove(&exchange->node);
    atomic_fetch_sub(&exchange->gate->limiter->waiting, 1);
    exchange->gate = NULL;
    timeout_cancel(&exchange->timeout);
    exchange->queue_ns += mono_between(exchange->queued, exchange->worker->now).ns;
    exchange->queued = exchange->worker->now;
}

bool gate_admit(struct gate *gate, struct exchange *exchange)
{
    struct limiter *limiter = gate->limiter;
    bool others_wait = atomic_load_explicit(&limiter->waiting, memory_order_relaxed) > 0;
    if (!others_wait && take_permit(gate)) {
        grant(gate, exchange);
        return true;
    }
    if (atomic_fetch_add(&limiter->waiting, 1) < gate->config->queue) {
        enqueue(gate, exchange);
    } else {
        atomic_fetch_sub(&limiter->waiting, 1);
        shed(gate, exchange);
    }
    return false;
}

void gate_timed_out(struct exchange *exchange)
{
    struct gate *gate = exchange->gate;
    leave_queue(exchange);
    shed(gate, exchange);
}

static void serve(struct gate *gate)
{
    while (!list_empty(&gate->queue) && take_permit(gate)) {
        struct exchange *first = list_entry(list_first(&gate->queue), struct exchange, node);
        leave_queue(first);
        grant(gate, first);
        attempt_start(first);
    }
}

void gates_serve(struct realm *realm)
{
    size_t count = limiters_count(realm->config);
    for (size_t i = 0; i < count; i++)
        serve(&realm->gates[i]);
}

/* ---- what latency says */

/* Latency is the time to the response's first byte: how fast the client takes the rest says nothing
 * about the upstream. Of failures only those that took their time are heeded, or fast ones would
 * raise the limit. */
static void learn(const struct exchange *exchange, struct gate *gate, enum cause cause)
{
    mono now = exchange->worker->now, end = exchange->attempt.first_byte;
    if (!mono_is_set(end) && cause_row(cause)->status != 504)
        return;
    duration latency = mono_between(exchange->permitted, mono_is_set(end) ? end : now);
    write_down(gate, permits_learn(&gate->limiter->permits, gate->config, exchange->permitted,
                                   latency, now));
}

/* After a reload requests may wait in the realms of several configurations. */
static bool may_have_waiting(const struct gate *gate)
{
    const struct list *realms = &gate->worker->realms;
    return !list_empty(&gate->queue) || realms->next != realms->prev;
}

void gate_leave(struct exchange *exchange, enum cause cause)
{
    struct gate *gate = exchange->gate;
    if (!gate)
        return;
    if (!mono_is_set(exchange->permitted)) {
        leave_queue(exchange);
        return;
    }
    exchange->gate = NULL;
    permits_give(&gate->limiter->permits, gate->config, exchange->worker->now);
    if (gate->config->adaptive)
        learn(exchange, gate, cause);
    if (atomic_load(&gate->limiter->waiting) == 0)
        return;
    if (may_have_waiting(gate))
        worker_serve_soon(gate->worker);
    if (list_empty(&gate->queue))
        proxy_wake_others(gate->worker->proxy, gate->worker);
}
