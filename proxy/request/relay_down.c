/* SPDX-License-Identifier: MIT */
/* The response on its way down. */
#include <errno.h>
#include <string.h>

#include "proxy/request/attempt.h"
#include "proxy/request/relay.h"
#include "proxy/request/response.h"
#include "proxy/request/splice.h"
#include "proxy/request/tunnel.h"
#include "proxy/worker/passage.h"

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
        conn_spend(&exchange->attempt.uplink->conn, PIECE_COST);
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
    if (!exchange->request_body.complete || relay_unsent(exchange) > 0)
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
    enum cause wrong = response_take_head(exchange, piece->at, piece->length, &used);
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
        trouble_note(uplink->pool, CAUSE_TLS_FAILED, tls_failure(&uplink->conn));
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

/* What the upstream owes now has its time to come. Only bytes of the body give it more: events that
 * come while nothing moves do not. `moved`: some have come. */
static void watch_upstream(struct exchange *exchange, bool moved)
{
    const struct passage *passage = exchange->passage;
    struct timeout_queue *queue = NULL;
    if (exchange->state == EXCHANGE_RECEIVING)
        queue = passage->body;
    else if (timeout_armed(&exchange->timeout))
        return;
    else if (exchange->state == EXCHANGE_WAITING || exchange->awaits_continue)
        queue = passage->response;
    else if (relay_unsent(exchange) > 0)
        queue = passage->body;
    if (queue && (moved || !timeout_armed(&exchange->timeout)))
        timeout_arm(queue, &exchange->timeout, exchange->worker->now);
}

bool relay_response(struct exchange *exchange)
{
    struct uplink *uplink = exchange->attempt.uplink;
    bool moved = false;
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
        moved = true;
    }
    watch_upstream(exchange, moved);
    return true;
}
