/* SPDX-License-Identifier: MIT */
#include "proxy/request/exchange.h"

#include <assert.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/http/path.h"
#include "lib/http/target.h"
#include "proxy/config/route.h"
#include "proxy/fault/asked.h"
#include "proxy/fault/passing.h"
#include "proxy/message/forward.h"
#include "proxy/message/hop.h"
#include "proxy/message/limits.h"
#include "proxy/message/origin.h"
#include "proxy/observe/journal.h"
#include "proxy/process/proxy.h"
#include "proxy/request/answer.h"
#include "proxy/request/attempt.h"
#include "proxy/request/gate.h"
#include "proxy/request/hedge.h"
#include "proxy/request/relay.h"
#include "proxy/request/reply.h"
#include "proxy/request/throttle.h"
#include "proxy/request/tunnel.h"
#include "proxy/rules/affinity.h"
#include "proxy/worker/passage.h"
#include "proxy/worker/realm.h"

#define EXCHANGE_STATE_NAME(id, name) [EXCHANGE_##id] = name,
static const char *const state_names[] = {EXCHANGE_STATES(EXCHANGE_STATE_NAME)};

void exchange_set_state(struct exchange *exchange, enum exchange_state to)
{
#define TO(id) (1 << EXCHANGE_##id)
    static const unsigned legal[EXCHANGE_STATE_COUNT] = {
        [EXCHANGE_STARTED] = TO(HELD) | TO(QUEUED) | TO(CONNECTING) | TO(DELIVERING) | TO(ENDED),
        [EXCHANGE_HELD] = TO(HELD) | TO(QUEUED) | TO(CONNECTING) | TO(DELIVERING) | TO(ENDED),
        [EXCHANGE_QUEUED] = TO(CONNECTING) | TO(DELIVERING) | TO(ENDED),
        [EXCHANGE_CONNECTING] =
            TO(CONNECTING) | TO(QUEUED) | TO(PAUSING) | TO(SENDING) | TO(DELIVERING) | TO(ENDED),
        [EXCHANGE_PAUSING] = TO(QUEUED) | TO(CONNECTING) | TO(DELIVERING) | TO(ENDED),
        [EXCHANGE_SENDING] = TO(CONNECTING) | TO(QUEUED) | TO(PAUSING) | TO(WAITING) |
                             TO(RECEIVING) | TO(DELIVERING) | TO(ENDED),
        [EXCHANGE_WAITING] = TO(CONNECTING) | TO(QUEUED) | TO(PAUSING) | TO(RECEIVING) |
                             TO(TUNNELING) | TO(DELIVERING) | TO(ENDED),
        [EXCHANGE_TUNNELING] = TO(DELIVERING) | TO(ENDED),
        [EXCHANGE_RECEIVING] = TO(DELIVERING) | TO(ENDED),
        [EXCHANGE_DELIVERING] = TO(ENDED),
    };
#undef TO
    const struct log *log = &exchange->worker->log;
    assert(legal[exchange->state] >> to & 1);
    if (log->level <= LOG_DEBUG) {
        char subject[32];
        snprintf(subject, sizeof(subject), "c%llu", (unsigned long long)exchange->client->number);
        log_debug(log, subject, "%s -> %s", state_names[exchange->state], state_names[to]);
    }
    exchange->state = to;
}

/* ---- timeouts */

static enum cause cause_of_timeout(const struct exchange *exchange)
{
    switch (exchange->state) {
    case EXCHANGE_QUEUED:
        return CAUSE_QUEUE_TIMEOUT;
    case EXCHANGE_CONNECTING:
        return CAUSE_CONNECT_TIMEOUT;
    case EXCHANGE_SENDING:
        /* All that is there may be sent, and the client wait for a 100. */
        return relay_unsent(exchange) > 0 ? CAUSE_SEND_TIMEOUT : CAUSE_RESPONSE_TIMEOUT;
    case EXCHANGE_RECEIVING:
        return CAUSE_BODY_TIMEOUT;
    case EXCHANGE_TUNNELING:
        return CAUSE_TUNNEL_TIMEOUT;
    default:
        return CAUSE_RESPONSE_TIMEOUT;
    }
}

/* No rate limit holds it back (any more). */
static void go_on(struct exchange *exchange)
{
    struct gate *gate = exchange->passage->gate;
    if (!gate || gate_admit(gate, exchange))
        attempt_start(exchange);
}

static void on_hold_over(struct exchange *exchange)
{
    if (exchange->gate) {
        gate_timed_out(exchange);
        return;
    }
    throttle_leave(exchange);
    go_on(exchange);
}

static void try_timed_out(struct exchange *exchange, enum cause cause)
{
    trouble_note(exchange->attempt.pool, cause, NULL);
    attempt_failed(exchange, cause);
}

static void on_timeout(void *arg)
{
    struct exchange *exchange = arg;
    worker_enter(exchange->worker);
    if (exchange->state == EXCHANGE_DELIVERING)
        exchange_deliver(exchange);
    else if (exchange->state == EXCHANGE_HELD)
        on_hold_over(exchange);
    else if (exchange->state >= EXCHANGE_CONNECTING && exchange->state <= EXCHANGE_WAITING)
        try_timed_out(exchange, cause_of_timeout(exchange));
    else
        exchange_fail(exchange, cause_of_timeout(exchange));
}

/* Armed only while the response's head is waited for. */
static void on_try_timeout(void *arg)
{
    struct exchange *exchange = arg;
    worker_enter(exchange->worker);
    bool connecting = exchange->state == EXCHANGE_CONNECTING;
    try_timed_out(exchange, connecting ? CAUSE_CONNECT_TIMEOUT : CAUSE_RESPONSE_TIMEOUT);
}

static void on_total_timeout(void *arg)
{
    struct exchange *exchange = arg;
    worker_enter(exchange->worker);
    exchange_fail(exchange, CAUSE_TOTAL_TIMEOUT);
}

/* ---- the start */

static void copy_text(char *out, size_t size, struct http_span span)
{
    memcpy(out, span.at, span.length < size ? span.length : size);
}

static struct exchange *exchange_new(struct client *client)
{
    struct worker *worker = client->worker;
    struct exchange *exchange = slab_get(&worker->exchange_slab);
    memset(exchange, 0, sizeof(*exchange));
    exchange->worker = worker;
    exchange->realm = worker->realm;
    exchange->client = client;
    exchange->started = client->head_started;
    exchange->head_read = worker->now;
    exchange->replayable = true;
    exchange->record.client = client->peer;
    exchange->record.client_requests = client->requests;
    exchange->record.bytes_in = client->head_bytes;
    exchange->record.route = NAME_NONE;
    exchange->record.upstream = NAME_NONE;
    list_init(&exchange->node);
    timeout_init(&exchange->timeout, on_timeout, exchange);
    timeout_init(&exchange->total_timeout, on_total_timeout, exchange);
    realm_join(exchange->realm);
    timeout_init(&exchange->try_timeout, on_try_timeout, exchange);
    counter_add(&worker->counters.of[COUNTER_REQUESTS]);
    return exchange;
}

/* The caller's trace goes on with a span of our own; without one a trace begins here. */
static void begin_trace(struct exchange *exchange, const struct http_head *head,
                        struct trace *trace)
{
    const struct http_field *given = http_only_field(head, HTTP_FIELD_TRACEPARENT);
    struct rng *rng = &exchange->worker->rng;
    if (!given || !trace_parse(trace, given->value.at, given->value.length)) {
        uint64_t id[2] = {rng_next(rng), rng_next(rng)};
        memcpy(trace->trace_id, id, sizeof(id));
        trace->sampled = true;
    }
    uint64_t span = rng_next(rng) | 1; /* never all zero */
    memcpy(trace->span_id, &span, sizeof(span));
    memcpy(exchange->record.trace_id.bytes, trace->trace_id, sizeof(trace->trace_id));
}

static void note_request(struct exchange *exchange, const struct http_head *head)
{
    struct request_record *record = &exchange->record;
    copy_text(record->method, sizeof(record->method), head->method);
    copy_text(record->path, sizeof(record->path), head->target);
    exchange->idempotent = http_method_is_idempotent(head->method);
    exchange->answers_head = http_span_is(head->method, "HEAD");
    exchange->client_http_1_0 = head->minor_version == 0;
    record->client = origin_client(exchange->client, head);
    exchange->client_keeps = http_keeps_alive(head) && client_may_stay(exchange->client);
    exchange->awaits_continue = http_expects_continue(head) && !exchange->request_body.complete;
}

static void choose_upstream(struct exchange *exchange, size_t route)
{
    exchange->passage = passage_choose(exchange->realm, route, &exchange->record.trace_id);
    exchange->upstream = exchange->passage->upstream;
    exchange->record.upstream = exchange->upstream->name_id;
}

static void refuse(struct exchange *exchange, enum cause cause, const char *detail)
{
    exchange->client_keeps = false;
    answer(exchange, cause_row(cause)->status, cause, detail);
}

static void forward(struct exchange *exchange, const struct http_head *head,
                    const struct trace *trace)
{
    struct worker *worker = exchange->worker;
    worker_lend(worker, &exchange->request);
    exchange->upgrades = hop_upgrades(exchange, head);
    forward_request_head(&exchange->request, head, trace, exchange);
    if (worker->config->cleanup == PROXY_CLEANUP_DEFERRED)
        exchange_defer_request(exchange);
    enum cause problem = relay_take_body(exchange);
    if (problem != CAUSE_NONE) {
        refuse(exchange, problem, NULL);
        return;
    }
    if (exchange->upstream->balance.algorithm == BALANCE_CONSISTENT_HASH)
        exchange->affinity =
            affinity_key(&exchange->upstream->config->balance, head,
                         affinity_of_client(&exchange->record.client), &worker->rng);
    upstream_earn_retries(exchange->upstream, exchange->passage->retry->budget);
    timeout_arm(exchange->passage->total, &exchange->total_timeout, worker->now);
    if (exchange->hold.ns > 0)
        throttle_hold(exchange);
    else
        go_on(exchange);
}

static void release_request(void *arg)
{
    struct exchange *exchange = arg;
    worker_take_back(exchange->worker, &exchange->request);
}

void exchange_defer_request(struct exchange *exchange)
{
    defer_push(&exchange->cleanup, release_request, exchange);
}

void exchange_refuse(struct client *client, const struct refusal *refusal)
{
    struct exchange *exchange = exchange_new(client);
    client->exchange = exchange;
    answer(exchange, refusal->status, refusal->cause, refusal->detail);
}

/* Most paths are what they look like. */
static bool resolve_path(struct worker *worker, struct route_query *query)
{
    struct http_span path = route_path(query->target);
    if (http_path_is_plain(path))
        return true;
    buf_clear(&worker->path);
    if (!http_path_resolve(&worker->path, path))
        return false;
    query->path = (struct http_span){buf_head(&worker->path), (uint32_t)buf_len(&worker->path)};
    return true;
}

/* What the route says becomes of the request. */
static void take_route(struct exchange *exchange, const struct http_head *head,
                       const struct trace *trace)
{
    const struct realm *realm = exchange->realm;
    struct route_query query = {.target = head->target, .head = head};
    if (head->authority.length > 0)
        query.host = head->authority;
    if (!resolve_path(exchange->worker, &query)) {
        refuse(exchange, CAUSE_REQUEST_MALFORMED,
               "a path that climbs above its root, or with an encoded NUL");
        return;
    }
    int found = route_find(realm->config, &query);
    if (found < 0) {
        answer(exchange, 404, CAUSE_NO_ROUTE, NULL);
        return;
    }
    const struct route_config *route =
        (const struct route_config *)realm->config->routes.items + found;
    exchange->record.route = realm->generation->route_names[found];
    if (route->rate_limit.rate > 0 && !throttle_admit(exchange, (size_t)found, head))
        return;
    if (route->target_count == 0) {
        reply(exchange, route, &query);
        return;
    }
    choose_upstream(exchange, (size_t)found);
    if (exchange->passage->faults || realm->config->fault_headers.trusted.count > 0)
        passing_match(exchange, head);
    forward(exchange, head, trace);
}

void exchange_start(struct client *client, struct http_head *head)
{
    struct exchange *exchange = exchange_new(client);
    client->exchange = exchange;
    struct trace trace;
    const char *problem = http_request_body(&exchange->request_body, head);
    exchange->request_body.chunks.refused = exchange->realm->config->credential_fields.items;
    exchange->request_body.chunks.refused_count = exchange->realm->config->credential_fields.count;
    if (!problem)
        problem = http_resolve_target(head);
    note_request(exchange, head);
    begin_trace(exchange, head, &trace);
    journal_keep_texts(exchange, head);
    if (problem) {
        exchange->request_body.complete = false; /* where it ends cannot be known */
        refuse(exchange, CAUSE_REQUEST_MALFORMED, problem);
    } else if (http_span_is(head->method, "CONNECT")) {
        /* What follows is meant for somebody else, whatever it looks like. */
        exchange->request_body.complete = false;
        refuse(exchange, CAUSE_REQUEST_DENIED, "CONNECT tunnels are not opened here");
    } else if (!limits_allow_body(&client->entrance->config->limits, &exchange->request_body, 0)) {
        refuse(exchange, CAUSE_REQUEST_TOO_LARGE, "the body is larger than limits.request_body");
    } else if (origin_is_loop(&exchange->realm->config->identity, head)) {
        answer(exchange, cause_row(CAUSE_REQUEST_LOOP)->status, CAUSE_REQUEST_LOOP, NULL);
    } else if (hop_is_last(head)) {
        reply_last(exchange, head);
    } else {
        take_route(exchange, head, &trace);
    }
}

/* ---- events */

void exchange_client_ready(struct exchange *exchange)
{
    struct client *client = exchange->client;
    if (exchange->state == EXCHANGE_DELIVERING) {
        exchange_deliver(exchange);
        return;
    }
    if (exchange->state == EXCHANGE_TUNNELING) {
        tunnel_run(exchange);
        return;
    }
    if (!exchange->attempt.uplink || exchange->state < EXCHANGE_SENDING)
        return;
    if (!exchange->request_body.complete && !relay_request(exchange))
        return;
    if (client_drained(client))
        (void)relay_response(exchange);
}

void exchange_uplink_ready(struct exchange *exchange)
{
    struct uplink *uplink = exchange->attempt.uplink;
    if (exchange->state == EXCHANGE_DELIVERING) {
        /* Kept by deferred cleanup; whatever happens to it now makes it useless to others. */
        if (uplink->conn.readable || uplink->conn.peer_closed)
            exchange->uplink_keeps = false;
        return;
    }
    if (exchange->state == EXCHANGE_TUNNELING) {
        tunnel_run(exchange);
        return;
    }
    if (!mono_is_set(exchange->attempt.sent) && uplink->conn.writable && !relay_request(exchange))
        return;
    (void)relay_response(exchange);
}

void exchange_client_gone(struct exchange *exchange, enum cause cause)
{
    if (!exchange->head_delivered)
        exchange->record.status = (uint16_t)cause_row(cause)->status;
    else
        exchange->record.cut_short = 1;
    /* A failure that was being answered stays what it was. */
    if (exchange->record.cause == CAUSE_NONE)
        exchange->record.cause = (uint16_t)cause;
    exchange_end(exchange, CLIENT_CUT);
}

/* ---- the end */

static int status_of_failure(const struct exchange *exchange, enum cause cause)
{
    int status = cause_row(cause)->status;
    return status == 504 ? (int)exchange->realm->config->timeout_status : status;
}

/* Nothing more is done upstream. */
static void stop_trying(struct exchange *exchange, enum cause cause)
{
    if (exchange->state == EXCHANGE_HELD && !exchange->gate)
        throttle_leave(exchange);
    gate_leave(exchange, cause);
    if (exchange->hedge)
        hedge_drop(exchange, cause);
    if (exchange->state == EXCHANGE_QUEUED)
        exchange_leave_queue(exchange);
    attempt_stop_pausing(exchange);
    timeout_cancel(&exchange->timeout);
    timeout_cancel(&exchange->total_timeout);
    if (exchange->state == EXCHANGE_TUNNELING && exchange->attempt.uplink)
        conn_reset(&exchange->attempt.uplink->conn); /* no end that passes for the other side's */
    attempt_close(exchange, cause, false);
}

void exchange_fail(struct exchange *exchange, enum cause cause)
{
    if (exchange->state == EXCHANGE_DELIVERING) {
        /* The upstream has done its part; it is the client who does not take the answer. */
        exchange_client_gone(exchange, CAUSE_CLIENT_TIMEOUT);
        return;
    }
    stop_trying(exchange, cause);
    if (!exchange->head_delivered) {
        answer(exchange, status_of_failure(exchange, cause), cause, NULL);
        return;
    }
    exchange->record.cause = (uint16_t)cause;
    exchange->record.cut_short = 1;
    exchange_end(exchange, CLIENT_CUT);
}

bool exchange_ends_connection(const struct exchange *exchange)
{
    return !exchange->client_keeps && exchange->request_body.complete && !exchange->cleanup.top;
}

void exchange_deliver_own(struct exchange *exchange, const struct iovec *parts, int count)
{
    exchange->head_delivered = true;
    bool last = exchange_ends_connection(exchange);
    if (last ? client_send_last(exchange->client, parts, count)
             : client_send(exchange->client, parts, count))
        exchange_deliver(exchange);
    else
        exchange_client_gone(exchange, CAUSE_CLIENT_ABORT);
}

/* Deferred cleanup waits for the client's reading, as far as the kernel can tell: until nothing of
 * the answer waits in the socket for room at the other end. */
static bool client_has_taken_all(struct exchange *exchange)
{
    int left = 0;
    if (!client_drained(exchange->client))
        return false;
    if (exchange->worker->config->cleanup != PROXY_CLEANUP_DEFERRED || !exchange->cleanup.top)
        return true;
    if (ioctl(exchange->client->conn.fd, SIOCOUTQNSD, &left) != 0 || left == 0)
        return true;
    timeout_arm(&exchange->upstream->settle, &exchange->timeout, exchange->worker->now);
    return false;
}

void exchange_deliver(struct exchange *exchange)
{
    if (exchange->state != EXCHANGE_DELIVERING) {
        exchange->received = exchange->worker->now;
        gate_leave(exchange, CAUSE_NONE);
        exchange_set_state(exchange, EXCHANGE_DELIVERING);
    }
    if (!client_has_taken_all(exchange))
        return;
    exchange->delivered = exchange->worker->now;
    if (exchange->record.cause == CAUSE_NONE && exchange->record.status >= 500 &&
        exchange->upstream)
        exchange->record.cause = (uint16_t)attempt_cause_of_status(&exchange->attempt);
    if (!exchange->request_body.complete)
        exchange_end(exchange, CLIENT_LINGER);
    else
        exchange_end(exchange, exchange->client_keeps ? CLIENT_KEEP : CLIENT_FINISH);
}

void exchange_end(struct exchange *exchange, enum client_next next)
{
    struct client *client = exchange->client;
    struct worker *worker = exchange->worker;
    if (exchange->upstream)
        stop_trying(exchange, (enum cause)exchange->record.cause);
    exchange_set_state(exchange, EXCHANGE_ENDED);
    defer_run(&exchange->cleanup);
    worker_take_back(worker, &exchange->request);
    journal_request(exchange);
    if (exchange->asked)
        asked_free(&exchange->asked);
    realm_leave(exchange->realm);
    slab_put(&worker->exchange_slab, exchange);
    client->exchange = NULL;
    client_exchange_ended(client, next);
}
