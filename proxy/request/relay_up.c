/* SPDX-License-Identifier: MIT */
/* The request on its way up. */
#include "proxy/message/limits.h"
#include "proxy/request/relay.h"
#include "proxy/worker/passage.h"

/* What follows in the client's buffer is not looked at any more. */
static enum cause refuse_body(struct exchange *exchange, enum cause cause)
{
    exchange->client_keeps = false;
    return cause;
}

enum cause relay_take_body(struct exchange *exchange)
{
    struct buf *in = &exchange->client->in;
    const struct request_limits *limits = &exchange->client->entrance->config->limits;
    while (!exchange->request_body.complete && buf_len(in) > 0 &&
           relay_unsent(exchange) < SCRATCH_SIZE) {
        size_t used;
        struct http_span payload;
        if (http_body_take(&exchange->request_body, buf_head(in), buf_len(in), &used, &payload))
            return refuse_body(exchange, CAUSE_REQUEST_MALFORMED);
        conn_spend(&exchange->client->conn, PIECE_COST);
        exchange->body_taken += payload.length;
        if (!limits_allow_body(limits, &exchange->request_body, exchange->body_taken))
            return refuse_body(exchange, CAUSE_REQUEST_TOO_LARGE);
        if (!http_body_drops(&exchange->request_body))
            buf_append(&exchange->request, buf_head(in), used);
        buf_consume(in, used);
        exchange->record.bytes_in += used;
        exchange->awaits_continue = false;
    }
    return CAUSE_NONE;
}

/* What was sent is kept for a retry as long as it is small. */
static void drop_sent(struct exchange *exchange)
{
    if (buf_len(&exchange->request) < SCRATCH_SIZE)
        return;
    exchange->replayable = false;
    buf_consume(&exchange->request, exchange->request_sent);
    exchange->request_sent = 0;
}

enum send_result { SENT_ALL, SENT_SOME, SEND_BROKEN };

/* Sets `*moved` when the upstream took some of it. */
static enum send_result send_pending(struct exchange *exchange, bool *moved)
{
    struct conn *conn = &exchange->attempt.uplink->conn;
    while (relay_unsent(exchange) > 0) {
        const char *from = buf_head(&exchange->request) + exchange->request_sent;
        ssize_t put = conn_write(conn, from, relay_unsent(exchange));
        if (put == CONN_FAILED)
            return SEND_BROKEN;
        if (put == CONN_AGAIN)
            return SENT_SOME;
        exchange->request_sent += (size_t)put;
        *moved = true;
    }
    return SENT_ALL;
}

/* The upstream does not take the request any more. It may have answered before it closed, so what
 * it sent decides; reading finds the answer, the end or the reset. */
static bool on_send_broken(struct exchange *exchange)
{
    struct uplink *uplink = exchange->attempt.uplink;
    exchange->uplink_keeps = false;
    uplink->conn.peer_closed = true;
    uplink->conn.readable = true;
    return relay_response(exchange);
}

static void request_sent(struct exchange *exchange)
{
    exchange->attempt.sent = exchange->worker->now;
    if (exchange->state != EXCHANGE_SENDING)
        return; /* the response came before the request's end */
    exchange_set_state(exchange, EXCHANGE_WAITING);
    timeout_arm(exchange->passage->response, &exchange->timeout, exchange->worker->now);
}

/* More of the body is wanted. False: the exchange has ended. */
static bool refill(struct exchange *exchange, bool *stalled)
{
    bool awaited = exchange->awaits_continue;
    if (buf_len(&exchange->client->in) == 0 && !client_read_body(exchange->client, stalled))
        return false;
    enum cause problem = relay_take_body(exchange);
    if (problem != CAUSE_NONE) {
        exchange_fail(exchange, problem);
        return false;
    }
    if (awaited && !exchange->awaits_continue && exchange->state == EXCHANGE_SENDING)
        timeout_cancel(&exchange->timeout); /* nothing is owed to a client that did not wait */
    return true;
}

/* Part of the request was sent, or has to wait for room. Only what moves gives the upstream more
 * time: events that come while it takes nothing do not. One that answers already may wait for the
 * rest with its answer. */
static void watch_upload(struct exchange *exchange, bool moved)
{
    bool armed = timeout_armed(&exchange->timeout);
    if (exchange->state == EXCHANGE_SENDING ? moved || !armed : moved && armed)
        timeout_arm(exchange->passage->body, &exchange->timeout, exchange->worker->now);
}

/* Nothing more is there to be sent. It is the client's turn, and the client's timeout, unless the
 * client waits for the upstream's word. */
static void await_body(struct exchange *exchange, bool moved)
{
    if (exchange->state != EXCHANGE_SENDING) {
        watch_upload(exchange, moved);
    } else if (exchange->awaits_continue) {
        timeout_cancel(&exchange->client->timeout);
        if (moved || !timeout_armed(&exchange->timeout))
            timeout_arm(exchange->passage->response, &exchange->timeout, exchange->worker->now);
    } else {
        timeout_cancel(&exchange->timeout);
    }
}

bool relay_request(struct exchange *exchange)
{
    bool moved = false;
    for (;;) {
        switch (send_pending(exchange, &moved)) {
        case SEND_BROKEN:
            return on_send_broken(exchange);
        case SENT_SOME:
            watch_upload(exchange, moved);
            return true;
        case SENT_ALL:
            break;
        }
        if (exchange->request_body.complete) {
            if (!mono_is_set(exchange->attempt.sent))
                request_sent(exchange);
            return true;
        }
        bool stalled = false;
        drop_sent(exchange);
        if (!refill(exchange, &stalled))
            return false;
        if (stalled) {
            await_body(exchange, moved);
            return true;
        }
    }
}
