/* SPDX-License-Identifier: MIT */
#include "proxy/request/gate.h"

#include "proxy/observe/journal.h"
#include "proxy/process/proxy.h"
#include "proxy/request/attempt.h"
#include "proxy/worker/passage.h"

/* A window with fewer requests says nothing: it goes on. */
enum { MIN_SAMPLES = 10 };

/* ---- setting up */

size_t limiters_count(const struct proxy_config *config)
{
    return config->upstreams.count + config->routes.count;
}

static void limiter_init(struct limiter *limiter, const struct concurrency_config *config,
                         const char *name, uint16_t name_id)
{
    if (config->limit == 0)
        return;
    limiter->config = config;
    limiter->name = name;
    limiter->name_id = name_id;
    limiter->recorded = (int)config->limit;
    atomic_init(&limiter->limit, (int)config->limit);
    atomic_flag_clear(&limiter->updating);
    gradient_init(&limiter->gradient, config);
}

struct limiter *limiters_new(const struct generation *generation)
{
    const struct proxy_config *config = &generation->config;
    const struct upstream_config *upstreams = config->upstreams.items;
    const struct route_config *routes = config->routes.items;
    struct limiter *limiters = mem_alloc(limiters_count(config), sizeof(*limiters));
    for (size_t i = 0; i < config->upstreams.count; i++)
        limiter_init(&limiters[i], &upstreams[i].concurrency, upstreams[i].name,
                     generation->upstreams[i].name);
    for (size_t i = 0; i < config->routes.count; i++)
        limiter_init(&limiters[config->upstreams.count + i], &routes[i].concurrency, routes[i].name,
                     generation->route_names[i]);
    return limiters;
}

struct gate *gates_new(struct realm *realm)
{
    size_t count = limiters_count(realm->config);
    struct gate *gates = mem_alloc(count, sizeof(*gates));
    for (size_t i = 0; i < count; i++) {
        struct limiter *limiter = &realm->generation->limiters[i];
        gates[i].worker = realm->worker;
        gates[i].limiter = limiter->config ? limiter : NULL;
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

static bool take_permit(struct limiter *limiter)
{
    int limit = atomic_load_explicit(&limiter->limit, memory_order_relaxed);
    int under_way = atomic_load_explicit(&limiter->in_flight, memory_order_relaxed);
    do {
        if (under_way >= limit)
            return false;
    } while (!atomic_compare_exchange_weak(&limiter->in_flight, &under_way, under_way + 1));
    if (under_way + 1 > atomic_load_explicit(&limiter->peak, memory_order_relaxed))
        atomic_store_explicit(&limiter->peak, under_way + 1, memory_order_relaxed);
    return true;
}

static void grant(struct gate *gate, struct exchange *exchange)
{
    struct worker *worker = gate->worker;
    uint64_t shed;
    exchange->gate = gate;
    exchange->permitted = worker->now;
    if (episode_over(&gate->limiter->shedding, worker->now, &shed))
        journal_state(worker, STATE_SHEDDING_ENDED, gate->limiter->name_id, shed);
}

static void shed(struct gate *gate, struct exchange *exchange)
{
    struct limiter *limiter = gate->limiter;
    if (episode_event(&limiter->shedding, gate->worker->now))
        journal_state(gate->worker, STATE_SHEDDING_BEGUN, limiter->name_id,
                      (uint64_t)atomic_load(&limiter->limit));
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
    timeout_arm_for(&worker->held, &exchange->timeout, worker->now,
                    gate->limiter->config->max_wait);
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
    if (!others_wait && take_permit(limiter)) {
        grant(gate, exchange);
        return true;
    }
    if (atomic_fetch_add(&limiter->waiting, 1) < limiter->config->queue) {
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
    while (!list_empty(&gate->queue) && take_permit(gate->limiter)) {
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

/* A record a second at most, and none for small changes. */
static void record_limit(struct limiter *limiter, struct worker *worker, int limit)
{
    int change = limit > limiter->recorded ? limit - limiter->recorded : limiter->recorded - limit;
    if (change == 0 || change * 10 < limiter->recorded ||
        mono_between(limiter->recorded_at, worker->now).ns < NS_PER_S)
        return;
    limiter->recorded = limit;
    limiter->recorded_at = worker->now;
    journal_state(worker, STATE_CONCURRENCY_LIMIT, limiter->name_id, (uint64_t)limit);
}

static void end_window(struct limiter *limiter, struct worker *worker)
{
    int samples = atomic_exchange(&limiter->samples, 0);
    double sum = (double)atomic_exchange(&limiter->latency_sum, 0);
    struct gradient_window window = {.latency = sum / samples};
    window.peak = atomic_exchange(&limiter->peak, atomic_load(&limiter->in_flight));
    atomic_store(&limiter->window_end, mono_add(worker->now, limiter->config->window).ns);
    if (samples == 0 || sum <= 0)
        return;
    int limit = gradient_update(&limiter->gradient, limiter->config, &window);
    atomic_store(&limiter->limit, limit);
    record_limit(limiter, worker, limit);
}

static void add_sample(struct limiter *limiter, struct worker *worker, duration latency)
{
    atomic_fetch_add(&limiter->latency_sum, latency.ns);
    if (atomic_fetch_add(&limiter->samples, 1) + 1 < MIN_SAMPLES ||
        worker->now.ns < atomic_load_explicit(&limiter->window_end, memory_order_relaxed) ||
        atomic_flag_test_and_set(&limiter->updating))
        return;
    end_window(limiter, worker);
    atomic_flag_clear(&limiter->updating);
}

/* Latency is the time to the response's first byte: how fast the client takes the rest says nothing
 * about the upstream. Of failures only those that took their time are heeded, or fast ones would
 * raise the limit. */
static void learn(struct exchange *exchange, struct limiter *limiter, enum cause cause)
{
    struct worker *worker = exchange->worker;
    const struct attempt *attempt = &exchange->attempt;
    if (mono_is_set(attempt->first_byte))
        add_sample(limiter, worker, mono_between(exchange->permitted, attempt->first_byte));
    else if (cause_row(cause)->status == 504)
        add_sample(limiter, worker, mono_between(exchange->permitted, worker->now));
}

void gate_leave(struct exchange *exchange, enum cause cause)
{
    struct gate *gate = exchange->gate;
    if (!gate)
        return;
    struct limiter *limiter = gate->limiter;
    if (!mono_is_set(exchange->permitted)) {
        leave_queue(exchange);
        return;
    }
    exchange->gate = NULL;
    atomic_fetch_sub(&limiter->in_flight, 1);
    if (limiter->config->adaptive)
        learn(exchange, limiter, cause);
    if (!list_empty(&gate->queue))
        worker_serve_soon(gate->worker);
    else if (atomic_load(&limiter->waiting) > 0)
        proxy_wake_others(gate->worker->proxy, gate->worker);
}
