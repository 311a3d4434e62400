/* SPDX-License-Identifier: MIT */
#include "proxy/request/attempt.h"
#include "proxy/connection/pool.h"
#include "proxy/fault/passing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/observe/episodes.h"
#include "proxy/process/proxy.h"
#include "proxy/request/guard.h"
#include "proxy/request/hedge.h"
#include "proxy/request/late.h"
#include "proxy/request/relay.h"
#include "proxy/rules/retry.h"
#include "proxy/worker/passage.h"

static void enqueue(struct exchange *exchange)
{
    struct upstream *upstream = exchange->upstream;
    struct worker *worker = exchange->worker;
    if (upstream->queue_length >= upstream->config->connections.queue) {
        episodes_note(upstream->realm, &upstream->shared->queue_shed, STATE_QUEUE_SHED,
                      upstream->name_id, (uint64_t)upstream->queue_length);
        exchange_fail(exchange, CAUSE_QUEUE_FULL);
        return;
    }
    exchange_set_state(exchange, EXCHANGE_QUEUED);
    exchange->queued = worker->now;
    exchange->queued_behind = upstream->queue_length;
    list_push_back(&upstream->queue, &exchange->node);
    atomic_fetch_add(&upstream->shared->waiting, 1);
    counter_add(&worker->counters.of[COUNTER_QUEUED]);
    proxy_wake_idle(worker->proxy, upstream);
    episodes_note_waiting(upstream->realm, &upstream->shared->pool_exhausted, STATE_POOL_EXHAUSTED,
                          upstream->name_id, 1, &upstream->shared->waiting);
    /* A connection that another worker closed before it could see this one wait. */
    if (upstream->queue_length++ == 0)
        worker_serve_soon(worker);
    timeout_arm(exchange->passage->wait, &exchange->timeout, worker->now);
}

void exchange_leave_queue(struct exchange *exchange)
{
    struct upstream *upstream = exchange->upstream;
    struct worker *worker = exchange->worker;
    list_remove(&exchange->node);
    atomic_fetch_sub(&upstream->shared->waiting, 1);
    exchange->queue_ns += mono_between(exchange->queued, worker->now).ns;
    timeout_cancel(&exchange->timeout);
    upstream->queue_length--;
    episode_goes_on(&upstream->shared->pool_exhausted, worker->now);
}

/* Deferred cleanup: registered now, with its argument; run when the exchange has ended. */
static void release_uplink(void *arg)
{
    struct exchange *exchange = arg;
    struct uplink *uplink = exchange->attempt.uplink;
    exchange->attempt.uplink = NULL;
    if (uplink)
        pool_put_back(uplink, exchange->uplink_keeps);
}

/* Once all have been tried, only the last is avoided. */
static void note_tried(struct exchange *exchange, const struct pool *pool)
{
    uint64_t last = uplink_bit(exchange->upstream, pool);
    exchange->tried |= last;
    if ((size_t)__builtin_popcountll(exchange->tried) >= exchange->upstream->pool_count)
        exchange->tried = last;
}

static void open_books(struct exchange *exchange, const struct uplink_order *order,
                       struct breaker_ticket ticket)
{
    struct attempt *attempt = &exchange->attempt;
    struct worker *worker = exchange->worker;
    const struct uplink *uplink = order->uplink;
    *attempt =
        (struct attempt){.uplink = order->uplink, .pool = order->pool, .started = worker->now};
    attempt->reused = uplink && uplink->requests > 0;
    attempt->record = (struct attempt_record){
        .number = (uint16_t)++exchange->attempts,
        .endpoint = order->pool->name_id,
        .connection = uplink ? uplink->number : 0,
        .connection_age = uplink ? mono_between(uplink->opened, worker->now).ns : -1,
        .connection_requests = uplink ? uplink->requests : 0,
        .faults = order->faults,
        .late = -1,
        .listened = -1,
        .backend_queue = -1,
        .backend_lock = -1,
        .backend_work = -1,
        .backend_gc = -1,
        .backend_cleanup = -1};
    exchange->request_sent = 0;
    note_tried(exchange, order->pool);
    if (exchange->passage->per_try.after.ns > 0)
        timeout_arm(&exchange->passage->per_try, &exchange->try_timeout, worker->now);
    guard_begin(exchange, ticket);
    counter_add(&worker->counters.of[COUNTER_ATTEMPTS]);
    if (attempt->reused)
        counter_add(&worker->counters.of[COUNTER_REUSES]);
    if (uplink && worker->config->cleanup == PROXY_CLEANUP_DEFERRED)
        defer_push(&exchange->cleanup, release_uplink, exchange);
}

static enum cause cause_of_connect_error(int problem)
{
    switch (problem) {
    case ECONNREFUSED:
    case ENOENT: /* a unix socket that is not there */
        return CAUSE_CONNECT_REFUSED;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL: /* no local port is left */
        return CAUSE_DESCRIPTORS_EXHAUSTED;
    case ETIMEDOUT:
        return CAUSE_CONNECT_TIMEOUT;
    default:
        return CAUSE_CONNECT_FAILED;
    }
}

static void begin_sending(struct exchange *exchange)
{
    struct attempt *attempt = &exchange->attempt;
    if ((exchange->faults | exchange->upstream->faults) || exchange->asked ||
        attempt->uplink->faults)
        passing_begin(exchange);
    if (mono_is_set(attempt->connected))
        attempt->secured = exchange->worker->now;
    else
        attempt->connected = exchange->worker->now;
    exchange_set_state(exchange, EXCHANGE_SENDING);
    timeout_arm(exchange->passage->body, &exchange->timeout, exchange->worker->now);
    (void)relay_request(exchange);
}

bool attempt_order(struct exchange *exchange, struct attempt_order *order)
{
    struct upstream *upstream = exchange->upstream;
    *order = (struct attempt_order){.uplink = {.exchange = exchange,
                                               .fresh = exchange->fresh_connection,
                                               .avoid = exchange->tried,
                                               .refused = exchange->refused,
                                               .affinity = exchange->affinity},
                                    .refusal = CAUSE_BREAKER_OPEN};
    if (!guard_admit(upstream, &order->ticket))
        return false;
    order->result = pool_acquire(upstream, &order->uplink);
    order->problem = errno;
    if (order->result != UPLINK_EXHAUSTED && order->result != UPLINK_NO_ENDPOINT)
        return true;
    guard_hand_back(upstream, &order->ticket);
    order->refusal = order->result == UPLINK_EXHAUSTED ? CAUSE_NONE
                     : upstream->pool_count > 0        ? CAUSE_NO_ENDPOINT
                                                       : CAUSE_DNS_FAILED;
    return false;
}

void attempt_begin(struct exchange *exchange, const struct attempt_order *order)
{
    open_books(exchange, &order->uplink, order->ticket);
    exchange->attempt.hedge = order->hedge;
    exchange_set_state(exchange, EXCHANGE_CONNECTING);
    if (order->result == UPLINK_READY) {
        begin_sending(exchange);
    } else if (order->result == UPLINK_PENDING) {
        exchange->attempt.connecting = exchange->worker->now;
        timeout_arm(exchange->passage->connect, &exchange->timeout, exchange->worker->now);
    } else {
        exchange_connect_failed(exchange, order->problem);
    }
}

/* False: every connection is in use. */
static bool try_start(struct exchange *exchange)
{
    struct attempt_order order;
    if (!attempt_order(exchange, &order)) {
        if (order.refusal != CAUSE_NONE)
            exchange_fail(exchange, order.refusal);
        return order.refusal != CAUSE_NONE;
    }
    if (exchange->state == EXCHANGE_QUEUED)
        exchange_leave_queue(exchange);
    if (exchange->passage->hedging && exchange->attempts == 0)
        hedge_plan(exchange);
    attempt_begin(exchange, &order);
    return true;
}

void attempt_start(struct exchange *exchange)
{
    if (!try_start(exchange))
        enqueue(exchange);
}

bool exchange_dequeue(struct exchange *exchange)
{
    return try_start(exchange);
}

void exchange_securing(struct exchange *exchange)
{
    exchange->attempt.connected = exchange->worker->now;
}

void exchange_tls_failed(struct exchange *exchange)
{
    attempt_failed(exchange, CAUSE_TLS_FAILED);
}

void exchange_connected(struct exchange *exchange)
{
    begin_sending(exchange);
}

void exchange_connect_failed(struct exchange *exchange, int problem)
{
    struct upstream *upstream = exchange->upstream;
    enum cause cause = cause_of_connect_error(problem);
    if (cause == CAUSE_DESCRIPTORS_EXHAUSTED)
        episodes_note(upstream->realm, &upstream->shared->no_descriptors,
                      STATE_DESCRIPTORS_EXHAUSTED, upstream->name_id, (uint64_t)problem);
    trouble_note(exchange->attempt.pool, cause, strerror(problem));
    attempt_failed(exchange, cause);
}

void attempt_close(struct exchange *exchange, enum cause outcome, bool retried)
{
    struct attempt *attempt = &exchange->attempt;
    if (!mono_is_set(attempt->started))
        return;
    guard_settle(exchange, outcome);
    timeout_cancel(&exchange->try_timeout);
    bool listens = late_wants(exchange, outcome);
    if (attempt->uplink && attempt->uplink->faults)
        passing_end(exchange, listens);
    journal_close_attempt(exchange, outcome, retried);
    attempt->started = (mono){0};
    if (listens) {
        late_listen(exchange);
        return;
    }
    journal_append_attempt(exchange->worker, &attempt->record);
    bool received = !retried && (outcome == CAUSE_NONE || outcome == CAUSE_UPSTREAM_STATUS);
    if (!attempt->uplink || received)
        return;
    uplink_close(attempt->uplink, cause_row(outcome)->name);
    attempt->uplink = NULL;
}

enum cause attempt_cause_of_status(const struct attempt *attempt)
{
    return attempt->fault_status != 0 && attempt->fault_status == attempt->record.status
               ? CAUSE_FAULT_ABORT
               : CAUSE_UPSTREAM_STATUS;
}

void attempt_received(struct exchange *exchange)
{
    struct attempt *attempt = &exchange->attempt;
    attempt->last_byte = exchange->worker->now;
    attempt->uplink->answered = exchange->worker->now;
    enum cause outcome = attempt->record.status >= 500 ? CAUSE_UPSTREAM_STATUS : CAUSE_NONE;
    attempt_close(exchange, outcome, false);
    if (exchange->worker->config->cleanup != PROXY_CLEANUP_DEFERRED)
        release_uplink(exchange);
}

bool attempt_may_repeat(const struct exchange *exchange)
{
    return retry_is_safe(exchange->passage->retry, exchange->idempotent, true);
}

/* ---- the budget */

static bool budget_allows(struct exchange *exchange, enum cause cause)
{
    struct upstream *upstream = exchange->upstream;
    if (retry_is_free(cause) || budget_spend(&upstream->retry_budget, exchange->worker->now,
                                             exchange->passage->retry->budget))
        return true;
    counter_add(&exchange->worker->counters.of[COUNTER_RETRIES_DENIED]);
    episodes_note(upstream->realm, &upstream->shared->no_retries, STATE_RETRIES_EXHAUSTED,
                  upstream->name_id, 1);
    return false;
}

void upstream_earn_retries(struct upstream *upstream, double share)
{
    budget_earn(&upstream->retry_budget, upstream->worker->now, share);
}

/* ---- a further try */

/* Apart from whether what has happened is a reason for one. */
static bool may_try_again(const struct exchange *exchange)
{
    const struct retry_config *config = exchange->passage->retry;
    return !exchange->head_delivered && exchange->replayable &&
           exchange->attempts < config->attempts &&
           retry_is_safe(config, exchange->idempotent, exchange->request_sent > 0);
}

static void on_pause_over(void *arg)
{
    struct exchange *exchange = arg;
    worker_enter(exchange->worker);
    attempt_stop_pausing(exchange);
    attempt_start(exchange);
}

void attempt_stop_pausing(struct exchange *exchange)
{
    if (!exchange->pause)
        return;
    timer_stop(exchange->pause);
    free(exchange->pause);
    exchange->pause = NULL;
}

static void begin_pause(struct exchange *exchange, duration pause)
{
    exchange_set_state(exchange, EXCHANGE_PAUSING);
    exchange->pause = mem_alloc(1, sizeof(*exchange->pause));
    timer_init(exchange->pause, &exchange->worker->loop, on_pause_over, exchange);
    timer_start(exchange->pause, pause);
}

static void try_again(struct exchange *exchange, enum cause cause)
{
    struct worker *worker = exchange->worker;
    counter_add(&worker->counters.of[COUNTER_RETRIES]);
    if (retry_is_free(cause))
        exchange->refused |= uplink_bit(exchange->upstream, exchange->attempt.pool);
    timeout_cancel(&exchange->timeout);
    buf_clear(&worker->head_out); /* interim heads that came with an unwanted one */
    attempt_close(exchange, cause, true);
    exchange->fresh_connection = cause == CAUSE_REUSED_CLOSED;
    duration pause = retry_pause(exchange->passage->retry, cause, exchange->attempts, &worker->rng);
    if (pause.ns > 0)
        begin_pause(exchange, pause);
    else
        attempt_start(exchange);
}

void attempt_broken(struct exchange *exchange, enum cause cause)
{
    if (!hedge_goes_on(exchange, cause))
        exchange_fail(exchange, cause);
}

void attempt_failed(struct exchange *exchange, enum cause cause)
{
    if (hedge_goes_on(exchange, cause))
        return;
    guard_settle(exchange, cause); /* it may have opened the breaker */
    if (may_try_again(exchange) && retry_wants_cause(exchange->passage->retry, cause) &&
        guard_would_admit(exchange->upstream) && budget_allows(exchange, cause))
        try_again(exchange, cause);
    else
        exchange_fail(exchange, cause);
}

bool attempt_retries_response(struct exchange *exchange, const struct http_head *head)
{
    if (!retry_wants_response(exchange->passage->retry, head))
        return false;
    exchange->attempt.record.status = (uint16_t)head->status;
    if (hedge_goes_on(exchange, CAUSE_UPSTREAM_STATUS))
        return true;
    if (!may_try_again(exchange))
        return false;
    guard_settle(exchange, CAUSE_UPSTREAM_STATUS); /* it may have opened the breaker */
    if (!guard_would_admit(exchange->upstream) || !budget_allows(exchange, CAUSE_UPSTREAM_STATUS))
        return false;
    try_again(exchange, CAUSE_UPSTREAM_STATUS);
    return true;
}
