/* SPDX-License-Identifier: MIT */
#include "proxy/request/hedge.h"

#include <stdlib.h>

#include "proxy/observe/episodes.h"
#include "proxy/request/attempt.h"
#include "proxy/worker/passage.h"
#include "proxy/worker/realm.h"

/* How long a quantile is good for before it is worked out again. */
static const duration QUANTILE_FOR = {100 * NS_PER_MS};

/* A try that is under way and not the current one. */
struct aside {
    bool used;
    struct exchange *exchange;
    struct attempt attempt;
    size_t request_sent;
    enum exchange_state state;
    struct timeout timeout, try_timeout;
};

struct hedge {
    struct timeout delay; /* until the next further try */
    int begun;            /* further tries so far */
    struct aside asides[HEDGE_MAX];
};

/* ---- a policy */

struct hedging *hedging_new(const struct hedge_config *config, struct loop *loop)
{
    if (!hedge_is_on(config))
        return NULL;
    struct hedging *hedging = mem_alloc(1, sizeof(*hedging));
    hedging->config = config;
    slab_init(&hedging->slab, sizeof(struct hedge), true);
    timeout_queue_init(&hedging->delays, loop, (duration){0});
    quantile_window_init(&hedging->latency, config->window);
    return hedging;
}

void hedging_free(struct hedging **hedging)
{
    if (!*hedging)
        return;
    timeout_queue_release(&(*hedging)->delays);
    slab_free(&(*hedging)->slab);
    free(*hedging);
    *hedging = NULL;
}

void hedging_inherit(struct hedging *hedging, const struct hedging *from)
{
    if (hedging && from && hedging->config->quantile > 0 && from->config->quantile > 0 &&
        hedging->config->window.ns == from->config->window.ns)
        hedging->latency = from->latency;
}

/* Negative: no further try. */
static duration delay_now(struct hedging *hedging, mono now)
{
    const struct hedge_config *config = hedging->config;
    if (config->delay.ns > 0)
        return config->delay;
    if (!mono_before(now, hedging->delay_until)) {
        hedging->delay = quantile_window_get(&hedging->latency, now, config->quantile,
                                             (uint64_t)config->minimum);
        if (hedging->delay.ns >= 0)
            hedging->delay_until = mono_add(now, QUANTILE_FOR);
    }
    return hedging->delay;
}

/* A try that is cancelled has taken at least so long: left out, the slow ones would be missing. */
static void learn(struct exchange *exchange)
{
    struct hedging *hedging = exchange->passage->hedging;
    mono now = exchange->worker->now;
    if (hedging->config->quantile > 0)
        quantile_window_add(&hedging->latency, now, mono_between(exchange->attempt.started, now));
}

/* ---- changing places */

/* Exchanges the current try with one that stands aside, but for the state. */
static void swap_books(struct exchange *exchange, struct aside *aside)
{
    struct attempt attempt = exchange->attempt;
    size_t sent = exchange->request_sent;
    exchange->attempt = aside->attempt;
    exchange->request_sent = aside->request_sent;
    aside->attempt = attempt;
    aside->request_sent = sent;
    timeout_swap(&exchange->timeout, &aside->timeout);
    timeout_swap(&exchange->try_timeout, &aside->try_timeout);
}

/* Step by step, as it got there. */
static void walk_to(struct exchange *exchange, enum exchange_state state)
{
    exchange_set_state(exchange, EXCHANGE_CONNECTING);
    if (state >= EXCHANGE_SENDING)
        exchange_set_state(exchange, EXCHANGE_SENDING);
    if (state >= EXCHANGE_WAITING)
        exchange_set_state(exchange, EXCHANGE_WAITING);
}

static void turn_to(struct exchange *exchange, struct aside *aside)
{
    enum exchange_state before = exchange->state;
    swap_books(exchange, aside);
    walk_to(exchange, aside->state);
    aside->state = before;
}

/* A timeout of a try that stands aside has passed: it becomes the current one, and the timeout is
 * the exchange's. */
static void on_aside_timeout(void *arg)
{
    struct aside *aside = arg;
    struct exchange *exchange = aside->exchange;
    worker_enter(exchange->worker);
    turn_to(exchange, aside);
    exchange->timeout.call(exchange->timeout.arg);
}

static void on_aside_try_timeout(void *arg)
{
    struct aside *aside = arg;
    struct exchange *exchange = aside->exchange;
    worker_enter(exchange->worker);
    turn_to(exchange, aside);
    exchange->try_timeout.call(exchange->try_timeout.arg);
}

static struct aside *find_aside(struct hedge *hedge, bool used)
{
    for (size_t i = 0; i < HEDGE_MAX; i++)
        if (hedge->asides[i].used == used)
            return &hedge->asides[i];
    return NULL;
}

static void set_aside(struct exchange *exchange, struct aside *aside)
{
    aside->used = true;
    aside->exchange = exchange;
    aside->attempt = exchange->attempt;
    aside->request_sent = exchange->request_sent;
    aside->state = exchange->state;
    timeout_init(&aside->timeout, on_aside_timeout, aside);
    timeout_init(&aside->try_timeout, on_aside_try_timeout, aside);
    timeout_swap(&exchange->timeout, &aside->timeout);
    timeout_swap(&exchange->try_timeout, &aside->try_timeout);
}

static void close_aside(struct exchange *exchange, struct aside *aside, enum cause cause)
{
    swap_books(exchange, aside);
    if (cause == CAUSE_HEDGE_LOST) {
        learn(exchange);
        counter_add(&exchange->worker->counters.of[COUNTER_HEDGES_LOST]);
    }
    attempt_close(exchange, cause, false);
    swap_books(exchange, aside);
    timeout_cancel(&aside->timeout);
    timeout_cancel(&aside->try_timeout);
    aside->used = false;
}

static void close_asides(struct exchange *exchange, enum cause cause)
{
    struct aside *aside;
    while ((aside = find_aside(exchange->hedge, true)))
        close_aside(exchange, aside, cause);
}

/* ---- a further try */

static bool may_send_again(const struct exchange *exchange, const struct hedge_config *config)
{
    uint64_t body = exchange->record.bytes_in - exchange->client->head_bytes;
    return exchange->state >= EXCHANGE_CONNECTING && exchange->state <= EXCHANGE_WAITING &&
           !exchange->head_delivered && exchange->replayable && exchange->request_body.complete &&
           attempt_may_repeat(exchange) && !exchange->upgrades && body <= config->body;
}

static bool budget_allows(struct exchange *exchange)
{
    struct upstream *upstream = exchange->upstream;
    if (budget_spend(&upstream->hedge_budget, exchange->worker->now,
                     exchange->passage->hedging->config->budget))
        return true;
    counter_add(&exchange->worker->counters.of[COUNTER_HEDGES_DENIED]);
    episodes_note(upstream->realm, &upstream->shared->no_hedges, STATE_HEDGES_EXHAUSTED,
                  upstream->name_id, 1);
    return false;
}

static void arm(struct exchange *exchange)
{
    struct hedging *hedging = exchange->passage->hedging;
    mono now = exchange->worker->now;
    duration delay = delay_now(hedging, now);
    if (delay.ns >= 0)
        timeout_arm_for(&hedging->delays, &exchange->hedge->delay, now, delay);
}

static void begin_another(struct exchange *exchange, struct hedging *hedging)
{
    struct hedge *hedge = exchange->hedge;
    struct aside *aside = find_aside(hedge, false);
    struct attempt_order order;
    if (!attempt_order(exchange, &order)) {
        budget_earn(&exchange->upstream->hedge_budget, exchange->worker->now, 1);
        return;
    }
    counter_add(&exchange->worker->counters.of[COUNTER_HEDGES]);
    set_aside(exchange, aside);
    if (++hedge->begun < hedging->config->max)
        arm(exchange);
    order.hedge = true;
    attempt_begin(exchange, &order);
}

static void on_delay(void *arg)
{
    struct exchange *exchange = arg;
    struct hedging *hedging = exchange->passage->hedging;
    worker_enter(exchange->worker);
    if (may_send_again(exchange, hedging->config) && budget_allows(exchange))
        begin_another(exchange, hedging);
}

void hedge_plan(struct exchange *exchange)
{
    struct hedging *hedging = exchange->passage->hedging;
    budget_earn(&exchange->upstream->hedge_budget, exchange->worker->now, hedging->config->budget);
    struct hedge *hedge = slab_get(&hedging->slab);
    *hedge = (struct hedge){.begun = 0};
    timeout_init(&hedge->delay, on_delay, exchange);
    exchange->hedge = hedge;
    arm(exchange);
}

/* ---- what becomes of the tries */

void hedge_turn_to(struct exchange *exchange, const struct uplink *uplink)
{
    struct aside *asides = exchange->hedge->asides;
    for (size_t i = 0; i < HEDGE_MAX; i++)
        if (asides[i].used && asides[i].attempt.uplink == uplink) {
            turn_to(exchange, &asides[i]);
            return;
        }
}

bool hedge_goes_on(struct exchange *exchange, enum cause cause)
{
    struct aside *aside = exchange->hedge ? find_aside(exchange->hedge, true) : NULL;
    if (!aside)
        return false;
    timeout_cancel(&exchange->timeout);
    buf_clear(&exchange->worker->head_out); /* interim heads that came with what is wrong */
    attempt_close(exchange, cause, true);
    turn_to(exchange, aside);
    timeout_cancel(&aside->timeout);
    timeout_cancel(&aside->try_timeout);
    aside->used = false;
    return true;
}

void hedge_won(struct exchange *exchange)
{
    if (exchange->attempt.hedge)
        counter_add(&exchange->worker->counters.of[COUNTER_HEDGES_WON]);
    timeout_cancel(&exchange->hedge->delay);
    learn(exchange);
    close_asides(exchange, CAUSE_HEDGE_LOST);
}

void hedge_drop(struct exchange *exchange, enum cause cause)
{
    close_asides(exchange, cause);
    timeout_cancel(&exchange->hedge->delay);
    slab_put(&exchange->passage->hedging->slab, exchange->hedge);
    exchange->hedge = NULL;
}
