/* SPDX-License-Identifier: MIT */
#include "proxy/request/response.h"

#include "proxy/message/forward.h"
#include "proxy/message/hop.h"
#include "proxy/request/attempt.h"
#include "proxy/request/hedge.h"
#include "proxy/request/splice.h"
#include "proxy/rules/retry.h"
#include "proxy/worker/passage.h"

/* What reading and passing on a head takes from a connection's turn, beside its bytes. */
enum { HEAD_COST = 1024 };

void response_note_timing(struct attempt_record *record, const struct http_head *head)
{
    struct timing timing;
    if (!http_has(head, HTTP_FIELD_SERVER_TIMING))
        return;
    timing_clear(&timing);
    for (int i = 0; i < head->field_count; i++)
        if (head->fields[i].id == HTTP_FIELD_SERVER_TIMING)
            timing_parse(&timing, head->fields[i].value.at, head->fields[i].value.length);
    record->backend_queue = timing.ns[TIMING_QUEUE];
    record->backend_lock = timing.ns[TIMING_LOCK];
    record->backend_work = timing.ns[TIMING_WORK];
    record->backend_gc = timing.ns[TIMING_GC];
    record->backend_cleanup = timing.ns[TIMING_CLEANUP];
}

static void write_head(struct exchange *exchange, const struct http_head *head)
{
    struct buf *out = &exchange->worker->head_out;
    size_t before = buf_len(out);
    forward_response_head(out, head, exchange);
    exchange->head_bytes_out += buf_len(out) - before;
}

/* The head is right: decides how the body travels, and writes the head for the client. */
static bool begin_response(struct exchange *exchange, const struct http_head *head)
{
    if (http_response_body(&exchange->response_body, head, exchange->answers_head))
        return false;
    if (exchange->hedge)
        hedge_won(exchange);
    enum http_framing framing = exchange->response_body.framing;
    exchange->uplink_keeps = http_keeps_alive(head) && framing != HTTP_UNTIL_CLOSE;
    exchange->unframe = framing == HTTP_CHUNKED && exchange->client_http_1_0;
    exchange->enchunk = framing == HTTP_UNTIL_CLOSE && !exchange->client_http_1_0;
    bool ends_by_close = exchange->unframe || (framing == HTTP_UNTIL_CLOSE && !exchange->enchunk);
    if (ends_by_close || !exchange->request_body.complete || !client_may_stay(exchange->client))
        exchange->client_keeps = false;
    exchange->attempt.record.status = (uint16_t)head->status;
    exchange->record.status = (uint16_t)head->status;
    if (http_has(head, HTTP_FIELD_KEEP_ALIVE))
        exchange->attempt.uplink->keepalive = keepalive_read(head);
    timeout_cancel(&exchange->try_timeout);
    splice_note_length(exchange);
    write_head(exchange, head);
    exchange->head_delivered = true;
    exchange->replayable = false;
    exchange_set_state(exchange, EXCHANGE_RECEIVING);
    if (mono_is_set(exchange->attempt.sent) &&
        exchange->worker->config->cleanup != PROXY_CLEANUP_DEFERRED) {
        worker_take_back(exchange->worker, &exchange->request);
        exchange->request_sent = 0;
    }
    return true;
}

/* 1xx (RFC 9110 15.2): passed on to clients that know of it, and the final head follows. */
static bool pass_interim(struct exchange *exchange, const struct http_head *head)
{
    if (!exchange->client_http_1_0)
        write_head(exchange, head);
    if (exchange->awaits_continue && head->status == 100) {
        struct client *client = exchange->client;
        exchange->awaits_continue = false;
        timeout_cancel(&exchange->timeout);
        timeout_arm(&client->entrance->body, &client->timeout, exchange->worker->now);
    }
    return true;
}

/* 101: what follows the head is in another protocol. */
static bool begin_tunnel(struct exchange *exchange, const struct http_head *head)
{
    if (!hop_accepts_upgrade(exchange, head))
        return false;
    exchange->attempt.record.status = exchange->record.status = (uint16_t)head->status;
    timeout_cancel(&exchange->try_timeout);
    write_head(exchange, head);
    exchange->head_delivered = true;
    exchange_set_state(exchange, EXCHANGE_TUNNELING);
    counter_add(&exchange->worker->counters.of[COUNTER_UPGRADES]);
    return true;
}

static bool use_head(struct exchange *exchange, const struct http_head *head)
{
    if (head->status == 101)
        return begin_tunnel(exchange, head);
    return head->status < 200 ? pass_interim(exchange, head) : begin_response(exchange, head);
}

/* Whether another try has begun, because the configuration does not want that response. */
static bool is_tried_again(struct exchange *exchange, const struct http_head *head)
{
    if (head->status < 200)
        return false;
    response_note_timing(&exchange->attempt.record, head);
    return retry_looks_at_responses(exchange->passage->retry) &&
           attempt_retries_response(exchange, head);
}

enum cause response_take_head(struct exchange *exchange, const char *bytes, size_t available,
                              size_t *used)
{
    struct uplink *uplink = exchange->attempt.uplink;
    struct http_head *head = &exchange->worker->response_head;
    uint64_t limit = exchange->realm->config->limits.response_head;
    size_t at = 0;
    *used = 0;
    while (exchange->state < EXCHANGE_RECEIVING) {
        size_t length = http_head_end(bytes + at, available - at, &uplink->head_scanned);
        if (length > limit || (length == 0 && available - at > limit))
            return CAUSE_RESPONSE_HEAD_TOO_LARGE;
        if (length == 0)
            return CAUSE_NONE;
        uplink->head_scanned = 0;
        const char *problem = http_parse_response(head, bytes + at, length);
        if (problem)
            return problem == http_too_many_fields ? CAUSE_RESPONSE_HEAD_TOO_LARGE
                                                   : CAUSE_RESPONSE_MALFORMED;
        conn_spend(&uplink->conn, HEAD_COST);
        if (is_tried_again(exchange, head))
            return CAUSE_UPSTREAM_STATUS;
        if (!use_head(exchange, head))
            return CAUSE_RESPONSE_MALFORMED;
        at += length;
        *used = at;
    }
    return CAUSE_NONE;
}
