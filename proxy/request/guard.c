/* SPDX-License-Identifier: MIT */
#include "proxy/request/guard.h"

#include "proxy/observe/journal.h"
#include "proxy/process/proxy.h"

/* What a try's outcome says about its endpoint: enum failure_kind, or that it answered, or only how
 * long it has not. No entry: nothing (the idle race, the gateway's own want of descriptors, an end
 * of TLS that somebody else may have made). */
enum { ANSWERED = 1 << FAILURE_BIT_COUNT, ABANDONED = ANSWERED << 1 };
static const unsigned meanings[CAUSE_COUNT] = {
    [CAUSE_NONE] = ANSWERED,
    [CAUSE_UPSTREAM_STATUS] = ANSWERED,
    [CAUSE_CLIENT_ABORT] = ABANDONED,
    [CAUSE_CLIENT_TRUNCATED] = ABANDONED,
    [CAUSE_CLIENT_TIMEOUT] = ABANDONED,
    [CAUSE_CONNECT_REFUSED] = FAILURE_CONNECT,
    [CAUSE_CONNECT_FAILED] = FAILURE_CONNECT,
    [CAUSE_CONNECT_TIMEOUT] = FAILURE_CONNECT | FAILURE_TIMEOUT,
    [CAUSE_DNS_FAILED] = FAILURE_CONNECT,
    [CAUSE_TLS_FAILED] = FAILURE_CONNECT,
    [CAUSE_RESPONSE_TIMEOUT] = FAILURE_TIMEOUT,
    [CAUSE_SEND_TIMEOUT] = FAILURE_TIMEOUT,
    [CAUSE_BODY_TIMEOUT] = FAILURE_TIMEOUT,
    [CAUSE_TOTAL_TIMEOUT] = FAILURE_TIMEOUT,
    [CAUSE_CLOSED_BEFORE_RESPONSE] = FAILURE_CLOSED,
    [CAUSE_RESET_BEFORE_RESPONSE] = FAILURE_CLOSED,
    [CAUSE_BODY_TRUNCATED] = FAILURE_CLOSED,
    [CAUSE_TUNNEL_RESET] = FAILURE_CLOSED,
    [CAUSE_RESPONSE_MALFORMED] = FAILURE_INVALID,
    [CAUSE_RESPONSE_HEAD_TOO_LARGE] = FAILURE_INVALID,
};

static unsigned meaning_of(enum cause outcome, int status)
{
    unsigned meaning = meanings[outcome];
    return meaning == ANSWERED && status >= 500 ? meaning | FAILURE_5XX : meaning;
}

/* From the choice of the endpoint to the first byte of its response, or until now. */
static duration time_taken(const struct attempt *attempt, mono now)
{
    return mono_between(attempt->started,
                        mono_is_set(attempt->first_byte) ? attempt->first_byte : now);
}

static size_t endpoint_of(const struct exchange *exchange)
{
    return (size_t)(exchange->attempt.pool - exchange->upstream->pools);
}

static void count(struct upstream *upstream, enum counter counter)
{
    counter_add(&upstream->worker->counters.of[counter]);
}

/* ---- endpoints */

static void look_for_panic(struct upstream *upstream)
{
    struct worker *worker = upstream->worker;
    struct health_group *group = &upstream->shared->group;
    bool panic;
    if (!health_group_turned(group, &panic))
        return;
    int fit = health_group_fit(group);
    journal_state(worker, panic ? STATE_PANIC_BEGUN : STATE_PANIC_ENDED, upstream->name_id,
                  (uint64_t)(fit > 0 ? fit : 0));
    if (panic)
        count(upstream, COUNTER_PANICS);
    log_warn(&worker->log, upstream->config->name, "%d of %d endpoints are fit: %s", fit,
             atomic_load(&group->endpoints),
             panic ? "too few, all of them are used" : "only those are used");
}

/* Requests may have waited for an endpoint to become usable again. */
static void serve_waiting(struct upstream *upstream)
{
    worker_serve_soon(upstream->worker);
    if (atomic_load(&upstream->shared->waiting) > upstream->queue_length)
        proxy_wake_others(upstream->worker->proxy, upstream->worker);
}

/* `failures`, of so many requests in the window, or in a row when `of` is 0; `last` says what the
 * last of them was. */
static void eject(struct upstream *upstream, struct pool *pool, uint64_t failures, uint64_t of,
                  const char *last)
{
    struct worker *worker = upstream->worker;
    duration length;
    if (!health_eject(&pool->shared->health, &upstream->shared->group,
                      &upstream->config->health.passive, worker->now, &length)) {
        count(upstream, COUNTER_EJECTIONS_DENIED);
        return;
    }
    count(upstream, COUNTER_EJECTIONS);
    journal_state(worker, STATE_ENDPOINT_EJECTED, pool->name_id, failures);
    double seconds = (double)length.ns / 1e9;
    if (of > 0)
        log_warn(&worker->log, pool->name,
                 "ejected for %.3f s: %llu of %llu requests failed, the last one: %s", seconds,
                 (unsigned long long)failures, (unsigned long long)of, last);
    else
        log_warn(&worker->log, pool->name,
                 "ejected for %.3f s: %llu failures in a row, the last one: %s", seconds,
                 (unsigned long long)failures, last);
    timer_start(&pool->restore, length);
    look_for_panic(upstream);
}

/* Ends the ejection if its time has come. */
static bool restore(struct upstream *upstream, struct pool *pool)
{
    struct worker *worker = upstream->worker;
    struct health *health = &pool->shared->health;
    if (!health_restore(health, &upstream->shared->group, worker->now))
        return false;
    uint64_t ms = (uint64_t)(atomic_load(&health->last_length) / NS_PER_MS);
    journal_state(worker, STATE_ENDPOINT_RESTORED, pool->name_id, ms);
    log_info(&worker->log, pool->name, "restored after %.3f s", (double)ms / 1e3);
    look_for_panic(upstream);
    serve_waiting(upstream);
    return true;
}

void guard_restore_due(void *arg)
{
    struct pool *pool = arg;
    struct worker *worker = pool->upstream->worker;
    worker_enter(worker);
    int64_t until = atomic_load(&pool->shared->health.ejected_until);
    /* The loop's clock may be a little ahead. */
    if (!restore(pool->upstream, pool) && until > worker->now.ns)
        timer_start(&pool->restore, duration_ns(until - worker->now.ns));
}

void guard_watch(struct pool *pool)
{
    int64_t until = atomic_load(&pool->shared->health.ejected_until);
    timer_init(&pool->restore, &pool->upstream->worker->loop, guard_restore_due, pool);
    if (until != 0)
        timer_start(&pool->restore, duration_ns(until - mono_now().ns));
}

bool guard_is_usable(struct upstream *upstream, struct pool *pool)
{
    if (health_is_fit(&pool->shared->health))
        return true;
    if (restore(upstream, pool) && health_is_fit(&pool->shared->health))
        return true;
    return health_group_panics(&upstream->shared->group);
}

bool guard_is_last_resort(const struct pool *pool)
{
    return health_is_merely_ejected(&pool->shared->health);
}

bool guard_is_warm(const struct upstream *upstream, const struct pool *pool)
{
    duration slow_start = upstream->config->health.slow_start;
    if (slow_start.ns == 0)
        return true;
    double warmth = health_warmth(&pool->shared->health, slow_start, upstream->worker->now);
    return warmth >= 1 || rng_unit(&upstream->worker->rng) < warmth;
}

void guard_check_says(struct upstream *upstream, struct pool *pool, bool fit, int in_a_row,
                      const char *why)
{
    struct worker *worker = upstream->worker;
    if (!health_check_says(&pool->shared->health, &upstream->shared->group, fit, worker->now))
        return;
    journal_state(worker, fit ? STATE_ENDPOINT_UP : STATE_ENDPOINT_DOWN, pool->name_id,
                  (uint64_t)in_a_row);
    if (fit)
        log_info(&worker->log, pool->name, "up: %d health checks in a row succeeded", in_a_row);
    else
        log_warn(&worker->log, pool->name, "down: %d health checks in a row failed, the last: %s",
                 in_a_row, why);
    look_for_panic(upstream);
    if (fit)
        serve_waiting(upstream);
}

/* ---- the breaker */

static void announce(struct upstream *upstream, const struct breaker_change *change)
{
    static const enum state_kind kinds[] = {
        [BREAKER_CLOSED] = STATE_BREAKER_CLOSED,
        [BREAKER_OPEN] = STATE_BREAKER_OPENED,
        [BREAKER_HALF_OPEN] = STATE_BREAKER_HALF_OPEN,
    };
    const struct log *log = &upstream->worker->log;
    const char *name = upstream->config->name;
    unsigned long long bad = change->bad, all = change->all;
    if (!change->changed)
        return;
    journal_state(upstream->worker, kinds[change->to], upstream->name_id, change->bad);
    if (change->to == BREAKER_OPEN) {
        count(upstream, COUNTER_BREAKERS);
        log_warn(log, name, "breaker opened: %llu of %llu calls %s", bad, all,
                 change->slow ? "were slow" : "failed");
    } else if (change->to == BREAKER_HALF_OPEN) {
        log_info(log, name, "breaker half open: %lld calls are let through",
                 (long long)upstream->config->breaker.probes);
    } else {
        log_info(log, name, "breaker closed: %llu of %llu calls were bad", bad, all);
        /* Requests that wait may begin. */
        serve_waiting(upstream);
    }
}

bool guard_admit(struct upstream *upstream, struct breaker_ticket *ticket)
{
    struct breaker_change change;
    *ticket = (struct breaker_ticket){0};
    if (!breaker_is_on(&upstream->config->breaker))
        return true;
    bool admitted = breaker_admit(&upstream->shared->breaker, &upstream->config->breaker,
                                  upstream->worker->now, ticket, &change);
    announce(upstream, &change);
    return admitted;
}

bool guard_would_admit(const struct upstream *upstream)
{
    return !breaker_is_on(&upstream->config->breaker) ||
           breaker_would_admit(&upstream->shared->breaker, &upstream->config->breaker,
                               upstream->worker->now);
}

static void settle_ticket(struct upstream *upstream, struct breaker_ticket *ticket,
                          unsigned verdict)
{
    struct breaker_change change;
    if (!breaker_is_on(&upstream->config->breaker))
        return;
    breaker_settle(&upstream->shared->breaker, &upstream->config->breaker, upstream->worker->now,
                   ticket, verdict, &change);
    announce(upstream, &change);
}

void guard_hand_back(struct upstream *upstream, struct breaker_ticket *ticket)
{
    settle_ticket(upstream, ticket, BREAKER_NEITHER);
}

static unsigned verdict_on(const struct breaker_config *config, unsigned meaning, duration took)
{
    unsigned verdict = meaning & config->counts ? BREAKER_FAILED : BREAKER_GOOD;
    if (config->slow_ratio > 0 && took.ns > config->slow_call.ns)
        return verdict | BREAKER_SLOW;
    return meaning & ABANDONED ? BREAKER_NEITHER : verdict;
}

/* ---- tries */

void guard_begin(struct exchange *exchange, struct breaker_ticket ticket)
{
    exchange->attempt.open = true;
    exchange->attempt.ticket = ticket;
    exchange->upstream->balance.peers[endpoint_of(exchange)].active++;
    counter_add(&exchange->attempt.pool->counters->attempts);
}

static void judge_endpoint(struct upstream *upstream, struct pool *pool, unsigned meaning,
                           duration took, enum cause outcome)
{
    const struct passive_config *config = &upstream->config->health.passive;
    bool too_slow = config->latency.ns > 0 && took.ns > config->latency.ns;
    uint64_t of;
    if (!passive_is_on(config) || ((meaning & ABANDONED) && !too_slow))
        return;
    uint64_t failures =
        health_note(&pool->shared->health, config, too_slow || (meaning & config->counts),
                    upstream->worker->now, &of);
    if (failures > 0)
        eject(upstream, pool, failures, of,
              too_slow ? "slower than passive.latency" : cause_row(outcome)->name);
}

void guard_settle(struct exchange *exchange, enum cause outcome)
{
    struct upstream *upstream = exchange->upstream;
    struct attempt *attempt = &exchange->attempt;
    unsigned meaning = meaning_of(outcome, attempt->record.status);
    mono now = exchange->worker->now;
    if (!attempt->open)
        return;
    attempt->open = false;
    upstream->balance.peers[endpoint_of(exchange)].active--;
    if (meaning == 0) {
        guard_hand_back(upstream, &attempt->ticket);
        return;
    }
    duration took = time_taken(attempt, now);
    judge_endpoint(upstream, attempt->pool, meaning, took, outcome);
    settle_ticket(upstream, &attempt->ticket,
                  verdict_on(&upstream->config->breaker, meaning, took));
    if (balance_learns(&upstream->balance) && meaning != ABANDONED)
        balance_learn(&upstream->balance, endpoint_of(exchange), took, meaning != ANSWERED, now);
}
