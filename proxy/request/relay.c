/* SPDX-License-Identifier: MIT */
#include "proxy/request/relay.h"

#include <errno.h>
#include <string.h>

#include "proxy/message/forward.h"
#include "proxy/message/hop.h"
#include "proxy/message/limits.h"
#include "proxy/request/attempt.h"
#include "proxy/request/hedge.h"
#include "proxy/request/splice.h"
#include "proxy/request/tunnel.h"
#include "proxy/rules/retry.h"
#include "proxy/worker/passage.h"

/* ---- up: the request */

static size_t unsent(const struct exchange *exchange)
{
    return buf_len(&exchange->request) - exchange->request_sent;
}

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
    while (!exchange->request_body.complete && buf_len(in) > 0 && unsent(exchange) < SCRATCH_SIZE) {
        size_t used;
        struct http_span payload;
        if (http_body_take(&exchange->request_body, buf_head(in), buf_len(in), &used, &payload))
            return refuse_body(exchange, CAUSE_REQUEST_MALFORMED);
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

static enum send_result send_pending(struct exchange *exchange)
{
    struct conn *conn = &exchange->attempt.uplink->conn;
    while (unsent(exchange) > 0) {
        const char *from = buf_head(&exchange->request) + exchange->request_sent;
        ssize_t put = conn_write(conn, from, unsent(exchange));
        if (put == CONN_FAILED)
            return SEND_BROKEN;
        if (put == CONN_AGAIN)
            return SENT_SOME;
        exchange->request_sent += (size_t)put;
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
    if (buf_len(&exchange->client->in) == 0 && !client_read_body(exchange->client, stalled))
        return false;
    enum cause problem = relay_take_body(exchange);
    if (problem == CAUSE_NONE)
        return true;
    exchange_fail(exchange, problem);
    return false;
}

/* Nothing more is there to be sent. It is the client's turn, and the client's timeout, unless the
 * client waits for the upstream's word. */
static void await_body(struct exchange *exchange)
{
    if (exchange->state != EXCHANGE_SENDING)
        return;
    if (exchange->awaits_continue) {
        timeout_cancel(&exchange->client->timeout);
        timeout_arm(exchange->passage->response, &exchange->timeout, exchange->worker->now);
    } else {
        timeout_cancel(&exchange->timeout);
    }
}

bool relay_request(struct exchange *exchange)
{
    for (;;) {
        switch (send_pending(exchange)) {
        case SEND_BROKEN:
            return on_send_broken(exchange);
        case SENT_SOME:
            timeout_arm(exchange->passage->body, &exchange->timeout, exchange->worker->now);
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
            await_body(exchange);
            return true;
        }
    }
}

/* ---- down: the response */

/* What the upstream sent and was not used yet: in the worker's scratch memory, or behind what the
 * connection had kept. */
struct piece {
    char *at;
    size_t length;
    bool kept; /* it stands in uplink->in */
};

static ssize_t read_piece(struct uplink *uplink, struct piece *piece, size_t most)
{
    struct worker *worker = uplink->upstream->worker;
    ssize_t got;
    piece->kept = buf_len(&uplink->in) > 0;
    if (piece->kept) {
        got = conn_read(&uplink->conn, buf_reserve(&uplink->in, LENT_SIZE), LENT_SIZE);
        uplink->in.end += got > 0 ? (size_t)got : 0;
        piece->at = buf_head(&uplink->in);
        piece->length = buf_len(&uplink->in);
    } else {
        got = conn_read(&uplink->conn, worker->scratch, most);
        piece->at = worker->scratch;
        piece->length = got > 0 ? (size_t)got : 0;
    }
    return got;
}

/* Keeps what was not used for the next time. */
static void keep_rest(struct uplink *uplink, const struct piece *piece, size_t used)
{
    if (piece->kept) {
        buf_consume(&uplink->in, used);
        if (buf_len(&uplink->in) == 0)
            worker_take_back(uplink->upstream->worker, &uplink->in);
    } else if (used < piece->length) {
        worker_lend(uplink->upstream->worker, &uplink->in);
        buf_append(&uplink->in, piece->at + used, piece->length - used);
    }
}

static void note_backend_timing(struct exchange *exchange, const struct http_head *head)
{
    struct timing timing;
    struct attempt_record *record = &exchange->attempt.record;
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
    note_backend_timing(exchange, head);
    return retry_looks_at_responses(exchange->passage->retry) &&
           attempt_retries_response(exchange, head);
}

/* Takes the head out of the piece. Sets how much was used (0: not all of it has arrived). Returns a
 * cause when it is wrong, and CAUSE_UPSTREAM_STATUS when another try has begun instead. */
static enum cause take_head(struct exchange *exchange, const struct piece *piece, size_t *used)
{
    struct uplink *uplink = exchange->attempt.uplink;
    struct http_head *head = &exchange->worker->response_head;
    uint64_t limit = exchange->realm->config->limits.response_head;
    size_t at = 0;
    *used = 0;
    while (exchange->state < EXCHANGE_RECEIVING) {
        size_t length = http_head_end(piece->at + at, piece->length - at, &uplink->head_scanned);
        if (length > limit || (length == 0 && piece->length - at > limit))
            return CAUSE_RESPONSE_HEAD_TOO_LARGE;
        if (length == 0)
            return CAUSE_NONE;
        uplink->head_scanned = 0;
        const char *problem = http_parse_response(head, piece->at + at, length);
        if (problem)
            return problem == http_too_many_fields ? CAUSE_RESPONSE_HEAD_TOO_LARGE
                                                   : CAUSE_RESPONSE_MALFORMED;
        if (is_tried_again(exchange, head))
            return CAUSE_UPSTREAM_STATUS;
        if (!use_head(exchange, head))
            return CAUSE_RESPONSE_MALFORMED;
        at += length;
        *used = at;
    }
    return CAUSE_NONE;
}

/* Reads the body in the piece, from `*used` on, and sets how many bytes were used. What is passed
 * on stands behind where it began, `*passed` bytes: it is moved together where something is left
 * out. With `unframe` only the content is passed on, behind the head. False: malformed. */
static bool take_body(struct exchange *exchange, const struct piece *piece, size_t *used,
                      size_t *passed)
{
    char *to = piece->at + *used;
    *passed = 0;
    while (!exchange->response_body.complete && *used < piece->length) {
        size_t taken;
        struct http_span payload;
        char *from = piece->at + *used;
        if (http_body_take(&exchange->response_body, from, piece->length - *used, &taken, &payload))
            return false;
        *used += taken;
        if (exchange->unframe)
            buf_append(&exchange->worker->head_out, payload.at, payload.length);
        if (http_body_drops(&exchange->response_body))
            continue;
        if (to + *passed != from)
            memmove(to + *passed, from, taken);
        *passed += taken;
    }
    return true;
}

/* Up to here copying a body behind its head costs less than a second part in a system call. */
enum { COPY_LIMIT = 4096 };

static bool send_parts(struct exchange *exchange, const struct iovec *parts, int count)
{
    if (exchange->response_body.complete && exchange_ends_connection(exchange))
        return client_send_last(exchange->client, parts, count);
    return client_send(exchange->client, parts, count);
}

static bool send_down(struct exchange *exchange, const char *body, size_t length)
{
    static const char chunk_end[] = "\r\n";
    struct buf *head = &exchange->worker->head_out;
    bool chunk = exchange->enchunk && length > 0;
    struct iovec parts[3];
    int count = 0;
    if (exchange->unframe)
        length = 0; /* the content was copied as it was taken out of its chunks */
    if (chunk)
        buf_printf(head, "%zx\r\n", length);
    if (buf_len(head) > 0 && length > 0 && length <= COPY_LIMIT) {
        buf_append(head, body, length);
        length = 0;
    }
    if (chunk && length == 0)
        buf_append(head, chunk_end, sizeof(chunk_end) - 1);
    if (buf_len(head) > 0)
        parts[count++] = (struct iovec){buf_head(head), buf_len(head)};
    if (length > 0)
        parts[count++] = (struct iovec){(void *)(uintptr_t)body, length};
    if (chunk && length > 0)
        parts[count++] = (struct iovec){(void *)(uintptr_t)chunk_end, sizeof(chunk_end) - 1};
    ssize_t got;
    struct pipe *pipe = count > 0 ? splice_pipe(exchange) : NULL;
    bool sent = pipe ? splice_body(exchange, pipe, parts, count, &got)
                     : count == 0 || send_parts(exchange, parts, count);
    buf_clear(head);
    if (!sent)
        exchange_client_gone(exchange, CAUSE_CLIENT_ABORT);
    return sent;
}

static void response_received(struct exchange *exchange)
{
    if (!exchange->request_body.complete || unsent(exchange) > 0)
        exchange->uplink_keeps = false; /* the upstream still waits for the rest */
    timeout_cancel(&exchange->timeout);
    attempt_received(exchange);
    exchange_deliver(exchange);
}

/* Uses one piece. False: the exchange has ended. */
static bool use_piece(struct exchange *exchange, const struct piece *piece)
{
    struct uplink *uplink = exchange->attempt.uplink;
    size_t used = 0, passed = 0;
    bool head_was_delivered = exchange->head_delivered;
    if (!mono_is_set(exchange->attempt.first_byte))
        exchange->attempt.first_byte = exchange->worker->now;
    enum cause wrong = take_head(exchange, piece, &used);
    size_t head_used = used;
    if (wrong == CAUSE_UPSTREAM_STATUS)
        return false;
    if (wrong == CAUSE_NONE && exchange->state == EXCHANGE_RECEIVING &&
        !take_body(exchange, piece, &used, &passed))
        wrong = CAUSE_RESPONSE_MALFORMED;
    if (exchange->state == EXCHANGE_TUNNELING)
        passed = piece->length - head_used;
    if (wrong != CAUSE_NONE) {
        /* A head in front of the broken bytes has not been sent: the client can still be told. */
        exchange->head_delivered = head_was_delivered;
        buf_clear(&exchange->worker->head_out);
        attempt_broken(exchange, wrong);
        return false;
    }
    if (!send_down(exchange, piece->at + head_used, passed))
        return false;
    keep_rest(uplink, piece, exchange->state == EXCHANGE_TUNNELING ? piece->length : used);
    if (exchange->state == EXCHANGE_TUNNELING) {
        tunnel_begin(exchange);
        return false;
    }
    if (exchange->state == EXCHANGE_RECEIVING && exchange->response_body.complete) {
        response_received(exchange);
        return false;
    }
    return true;
}

/* A body that ends by close has ended. */
static void response_closed(struct exchange *exchange)
{
    static const char last_chunk[] = "0\r\n\r\n";
    struct iovec part = {(void *)(uintptr_t)last_chunk, sizeof(last_chunk) - 1};
    if (exchange->enchunk && !client_send(exchange->client, &part, 1))
        exchange_client_gone(exchange, CAUSE_CLIENT_ABORT);
    else
        response_received(exchange);
}

static bool on_end(struct exchange *exchange, bool reset)
{
    struct uplink *uplink = exchange->attempt.uplink;
    bool silent = !mono_is_set(exchange->attempt.first_byte);
    bool refused = reset && errno == EPROTO; /* TLS 1.3 servers say so after the handshake */
    exchange->uplink_keeps = false;
    if (exchange->state == EXCHANGE_RECEIVING) {
        if (!reset && !uplink->conn.truncated &&
            exchange->response_body.framing == HTTP_UNTIL_CLOSE)
            response_closed(exchange);
        else
            exchange_fail(exchange, CAUSE_BODY_TRUNCATED);
    } else if (silent && exchange->attempt.reused) {
        attempt_failed(exchange, CAUSE_REUSED_CLOSED);
    } else if (silent && refused) {
        attempt_broken(exchange, CAUSE_TLS_FAILED);
    } else if (reset) {
        attempt_failed(exchange, CAUSE_RESET_BEFORE_RESPONSE);
    } else if (buf_len(&uplink->in) > 0) {
        attempt_broken(exchange, CAUSE_RESPONSE_MALFORMED); /* half a head */
    } else {
        attempt_failed(exchange, CAUSE_CLOSED_BEFORE_RESPONSE);
    }
    return false;
}

/* Moves one piece of the body through the pipe. Returns what conn_read would; false in `*alive`:
 * the exchange has ended. */
static ssize_t move_piece(struct exchange *exchange, struct pipe *pipe, bool *alive)
{
    ssize_t got;
    if (!splice_body(exchange, pipe, NULL, 0, &got)) {
        exchange_client_gone(exchange, CAUSE_CLIENT_ABORT);
        *alive = false;
    } else if (exchange->response_body.complete) {
        response_received(exchange);
        *alive = false;
    }
    return got;
}

/* Reads one piece and uses it. */
static ssize_t copy_piece(struct exchange *exchange, bool *alive)
{
    struct uplink *uplink = exchange->attempt.uplink;
    bool body = exchange->state == EXCHANGE_RECEIVING;
    struct piece piece;
    size_t most = body ? SCRATCH_SIZE : splice_first_read(exchange);
    ssize_t got = read_piece(uplink, &piece, most);
    if (got > 0)
        *alive = use_piece(exchange, &piece);
    /* More is wanted; a reset may have come together with what was just read. */
    if (got > 0 && *alive && !uplink->conn.readable)
        (void)conn_peer_gone(&uplink->conn);
    return got;
}

bool relay_response(struct exchange *exchange)
{
    struct uplink *uplink = exchange->attempt.uplink;
    while (uplink->conn.readable) {
        if (!client_drained(exchange->client)) {
            /* Nothing is read for a client that does not take what it has. */
            timeout_cancel(&exchange->timeout);
            return true;
        }
        bool alive = true;
        struct pipe *pipe = splice_pipe(exchange);
        ssize_t got = pipe ? move_piece(exchange, pipe, &alive) : copy_piece(exchange, &alive);
        if (!alive)
            return false;
        if (got == CONN_AGAIN)
            break;
        if (got < 0)
            return on_end(exchange, got == CONN_FAILED);
    }
    if (exchange->state == EXCHANGE_RECEIVING)
        timeout_arm(exchange->passage->body, &exchange->timeout, exchange->worker->now);
    return true;
}
