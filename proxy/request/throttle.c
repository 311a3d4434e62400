/* SPDX-License-Identifier: MIT */
#include "proxy/request/throttle.h"

#include "lib/base/hash.h"
#include "proxy/observe/episodes.h"
#include "proxy/process/proxy.h"
#include "proxy/request/answer.h"
#include "proxy/request/relay.h"
#include "proxy/worker/realm.h"

/* A host has a whole /64 of IPv6 addresses to choose from. */
static uint64_t key_of_client(uint64_t seed, const struct ip_peer *client)
{
    return hash_bytes(seed, &client->ip, ip_is_v4(&client->ip) ? sizeof(client->ip) : 8);
}

static uint64_t key_of_header(uint64_t seed, const char *name, const struct http_head *head)
{
    const struct http_field *field = http_field_named(head, name);
    return field ? hash_bytes(seed, field->value.at, field->value.length) : hash_mix(seed);
}

static struct rate_bucket *bucket_of(struct throttle *throttle, struct exchange *exchange,
                                     const struct rate_limit_config *config,
                                     const struct http_head *head)
{
    struct worker *worker = exchange->worker;
    uint64_t seed = worker->proxy->seed;
    if (config->per == RATE_PER_ROUTE)
        return &throttle->state->all;
    uint64_t key = config->per == RATE_PER_CLIENT ? key_of_client(seed, &exchange->record.client)
                                                  : key_of_header(seed, config->name, head);
    struct rate_bucket *bucket =
        rate_table_find(&throttle->state->keys, &throttle->rule, key, worker->now);
    if (bucket == &throttle->state->keys.rest)
        counter_add(&worker->counters.of[COUNTER_RATE_OVERFLOWS]);
    return bucket;
}

/* What has arrived of a body is taken, so that a small one does not cost the connection. */
static void refuse(struct exchange *exchange, const struct rate_limit_config *config,
                   const struct rate_verdict *verdict)
{
    enum cause cause =
        verdict->result == RATE_WAIT_LIMIT ? CAUSE_RATE_WAIT_LIMIT : CAUSE_RATE_LIMITED;
    exchange->retry_after = (uint32_t)((verdict->wait.ns + NS_PER_S - 1) / NS_PER_S);
    worker_lend(exchange->worker, &exchange->request);
    if (relay_take_body(exchange) != CAUSE_NONE)
        exchange->request_body.complete = false;
    answer(exchange, (int)config->status, cause, NULL);
}

bool throttle_admit(struct exchange *exchange, size_t route, const struct http_head *head)
{
    struct worker *worker = exchange->worker;
    struct throttle *throttle = &exchange->realm->generation->throttles[route];
    const struct rate_limit_config *config =
        &((const struct route_config *)exchange->realm->config->routes.items)[route].rate_limit;
    struct rate_bucket *bucket = bucket_of(throttle, exchange, config, head);
    struct rate_verdict verdict = rate_take(&throttle->rule, bucket, worker->now);
    if (verdict.result != RATE_ADMITTED) {
        episodes_note(exchange->realm, &throttle->state->refusing, STATE_RATE_LIMITING_BEGUN,
                      exchange->record.route, 1);
        refuse(exchange, config, &verdict);
        return false;
    }
    exchange->hold = verdict.wait;
    return true;
}

void throttle_hold(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;
    exchange_set_state(exchange, EXCHANGE_HELD);
    exchange->queued = worker->now;
    counter_add(&worker->counters.of[COUNTER_RATE_HELD]);
    timeout_arm_for(&worker->held, &exchange->timeout, worker->now, exchange->hold);
}

void throttle_leave(struct exchange *exchange)
{
    timeout_cancel(&exchange->timeout);
    exchange->queue_ns += mono_between(exchange->queued, exchange->worker->now).ns;
    exchange->queued = exchange->worker->now;
}
