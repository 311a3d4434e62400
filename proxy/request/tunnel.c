/* SPDX-License-Identifier: MIT */
#include "proxy/request/tunnel.h"

#include "proxy/request/attempt.h"
#include "proxy/worker/passage.h"

enum flow {
    FLOW_WAITS, /* nothing to read, or no room to write */
    FLOW_BROKEN /* the exchange has ended */
};

static enum flow client_broke(struct exchange *exchange, enum cause cause)
{
    exchange_client_gone(exchange, cause);
    return FLOW_BROKEN;
}

static enum flow upstream_broke(struct exchange *exchange)
{
    if (exchange->uplink_ended) {
        /* It had said all it had to say: what the client still sends is nobody's. */
        attempt_received(exchange);
        exchange_end(exchange, CLIENT_FINISH);
    } else {
        exchange_fail(exchange, CAUSE_TUNNEL_RESET);
    }
    return FLOW_BROKEN;
}

/* An end that TLS did not announce may be somebody else's doing, and must not pass for the end of
 * what was said (RFC 8446 6.1): the other side gets a reset. */
static enum flow upstream_truncated(struct exchange *exchange)
{
    exchange_fail(exchange, CAUSE_TUNNEL_TRUNCATED);
    return FLOW_BROKEN;
}

/* Reads a side that somebody wants more of. A reset that came together with the last bytes shows
 * only when it is asked for. */
static ssize_t read_side(struct conn *conn, char *bytes)
{
    if (!conn->readable && !conn_peer_gone(conn))
        return CONN_AGAIN;
    return conn_read(conn, bytes, SCRATCH_SIZE);
}

/* ---- up */

/* Sends what is held; `*drained`: all of it. */
static bool send_held(struct exchange *exchange, bool *drained)
{
    struct buf *held = &exchange->request;
    struct conn *uplink = &exchange->attempt.uplink->conn;
    while (buf_len(held) > 0) {
        ssize_t put = conn_write(uplink, buf_head(held), buf_len(held));
        if (put == CONN_FAILED)
            return false;
        if (put == CONN_AGAIN)
            break;
        buf_consume(held, (size_t)put);
    }
    *drained = buf_len(held) == 0;
    if (*drained)
        worker_take_back(exchange->worker, held);
    return true;
}

/* What the upstream does not take is held: less than was read at once. */
static bool send_up(struct exchange *exchange, const char *bytes, size_t length)
{
    ssize_t put = conn_write(&exchange->attempt.uplink->conn, bytes, length);
    if (put == CONN_FAILED)
        return false;
    exchange->record.bytes_in += length;
    if ((size_t)put < length) {
        worker_lend(exchange->worker, &exchange->request);
        buf_append(&exchange->request, bytes + put, length - (size_t)put);
    }
    return true;
}

static enum flow pump_up(struct exchange *exchange)
{
    char *bytes = exchange->worker->scratch;
    bool drained = false;
    for (;;) {
        if (!send_held(exchange, &drained))
            return upstream_broke(exchange);
        if (!drained || exchange->client_ended)
            return FLOW_WAITS;
        ssize_t got = read_side(&exchange->client->conn, bytes);
        if (got == CONN_AGAIN)
            return FLOW_WAITS;
        if (got == CONN_FAILED)
            return client_broke(exchange, CAUSE_CLIENT_ABORT);
        if (got == CONN_EOF && exchange->client->conn.truncated)
            return client_broke(exchange, CAUSE_CLIENT_TRUNCATED);
        if (got == CONN_EOF) {
            exchange->client_ended = true;
            conn_finish(&exchange->attempt.uplink->conn);
        } else if (!send_up(exchange, bytes, (size_t)got)) {
            return upstream_broke(exchange);
        }
    }
}

/* ---- down */

static enum flow pump_down(struct exchange *exchange)
{
    char *bytes = exchange->worker->scratch;
    while (client_drained(exchange->client) && !exchange->uplink_ended) {
        ssize_t got = read_side(&exchange->attempt.uplink->conn, bytes);
        if (got == CONN_AGAIN)
            break;
        if (got == CONN_FAILED)
            return upstream_broke(exchange);
        if (got == CONN_EOF && exchange->attempt.uplink->conn.truncated)
            return upstream_truncated(exchange);
        if (got == CONN_EOF) {
            exchange->uplink_ended = true;
            conn_finish(&exchange->client->conn);
            break;
        }
        struct iovec part = {bytes, (size_t)got};
        if (!client_send(exchange->client, &part, 1))
            return client_broke(exchange, CAUSE_CLIENT_ABORT);
    }
    return FLOW_WAITS;
}

/* ---- both */

void tunnel_run(struct exchange *exchange)
{
    if (pump_up(exchange) == FLOW_BROKEN || pump_down(exchange) == FLOW_BROKEN)
        return;
    /* The tunnel has its own timeout, for both directions. */
    timeout_cancel(&exchange->client->timeout);
    if (exchange->client_ended && exchange->uplink_ended) {
        attempt_received(exchange);
        exchange_deliver(exchange);
        return;
    }
    timeout_arm(exchange->passage->tunnel, &exchange->timeout, exchange->worker->now);
}

void tunnel_begin(struct exchange *exchange)
{
    struct buf *in = &exchange->client->in;
    worker_take_back(exchange->worker, &exchange->request);
    exchange->request_sent = 0;
    exchange->uplink_keeps = exchange->client_keeps = false;
    timeout_cancel(&exchange->total_timeout);
    /* A client that did not wait for the 101 has sent these already. */
    if (buf_len(in) > 0) {
        worker_lend(exchange->worker, &exchange->request);
        buf_append(&exchange->request, buf_head(in), buf_len(in));
        exchange->record.bytes_in += buf_len(in);
    }
    worker_take_back(exchange->worker, in);
    tunnel_run(exchange);
}
