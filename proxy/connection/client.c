/* SPDX-License-Identifier: MIT */
#include "proxy/connection/client.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/connection/greeting.h"
#include "proxy/message/credential.h"
#include "proxy/message/limits.h"
#include "proxy/message/origin.h"
#include "proxy/request/exchange.h"
#include "proxy/worker/realm.h"

#define CLIENT_STATE_NAME(id, name) [CLIENT_##id] = name,
static const char *const state_names[] = {CLIENT_STATES(CLIENT_STATE_NAME)};

static void client_set_state(struct client *client, enum client_state to)
{
    static const unsigned legal[CLIENT_STATE_COUNT] = {
        [CLIENT_GREETING] = 1 << CLIENT_HANDSHAKE | 1 << CLIENT_IDLE | 1 << CLIENT_CLOSED,
        [CLIENT_HANDSHAKE] = 1 << CLIENT_IDLE | 1 << CLIENT_LINGERING | 1 << CLIENT_CLOSED,
        [CLIENT_IDLE] = 1 << CLIENT_HEAD | 1 << CLIENT_BUSY | 1 << CLIENT_CLOSED,
        [CLIENT_HEAD] = 1 << CLIENT_BUSY | 1 << CLIENT_CLOSED,
        [CLIENT_BUSY] = 1 << CLIENT_IDLE | 1 << CLIENT_LINGERING | 1 << CLIENT_CLOSED,
        [CLIENT_LINGERING] = 1 << CLIENT_CLOSED,
    };
    const struct log *log = &client->worker->log;
    assert(legal[client->state] >> to & 1);
    if (log->level <= LOG_DEBUG) {
        char subject[32];
        snprintf(subject, sizeof(subject), "c%llu", (unsigned long long)client->number);
        log_debug(log, subject, "client %s -> %s", state_names[client->state], state_names[to]);
    }
    client->state = to;
}

/* ---- the end */

static void client_close(struct client *client, bool cut)
{
    struct worker *worker = client->worker;
    if (client->state == CLIENT_CLOSED)
        return;
    client_set_state(client, CLIENT_CLOSED);
    timeout_cancel(&client->timeout);
    list_remove(&client->node);
    list_foreach_safe (node, &client->uplinks)
        uplink_orphan(list_entry(node, struct uplink, of_client));
    worker_take_back(worker, &client->in);
    worker_take_back(worker, &client->out);
    credential_release(client);
    client_release_pipe(client);
    if (cut)
        conn_reset(&client->conn);
    else
        conn_close(&client->conn);
    worker_bury(worker, &client->grave, &worker->client_slab, client);
    realm_leave(client->entrance->realm);
    worker_client_gone(worker);
}

/* For so long a client may go on sending after its last answer, as long as it does not stop. */
static const duration LINGER_AT_MOST = {30 * NS_PER_S};

/* A client in the middle of an upload has longer than one that has fallen silent. */
static void prolong_lingering(struct client *client)
{
    const struct worker *worker = client->worker;
    if (worker->phase == WORKER_SERVING &&
        mono_between(client->lingering, worker->now).ns < LINGER_AT_MOST.ns)
        timeout_arm(&client->entrance->linger, &client->timeout, worker->now);
}

/* Takes what the client still sends, so that no reset overtakes the last answer (RFC 9112 9.6). */
static void linger_on(struct client *client)
{
    if (client->conn.readable)
        prolong_lingering(client);
    while (client->conn.readable) {
        ssize_t got = conn_read(&client->conn, client->worker->scratch, SCRATCH_SIZE);
        if (got == CONN_AGAIN)
            return;
        if (got < 0) {
            client_close(client, false);
            return;
        }
    }
}

static void begin_lingering(struct client *client)
{
    client_set_state(client, CLIENT_LINGERING);
    worker_take_back(client->worker, &client->in);
    conn_finish(&client->conn);
    client->lingering = client->worker->now;
    timeout_arm(&client->entrance->linger, &client->timeout, client->worker->now);
    linger_on(client);
}

void client_stop(struct client *client)
{
    if (client->state == CLIENT_BUSY)
        exchange_fail(client->exchange, CAUSE_DRAIN_TIMEOUT);
    if (client->exchange)
        exchange_client_gone(client->exchange, CAUSE_DRAIN_TIMEOUT);
    client_close(client, false);
}

/* One that was read already may wait for the connection's next turn. */
static bool has_no_request(const struct client *client)
{
    return client->state == CLIENT_IDLE && buf_len(&client->in) == 0;
}

void client_drain(struct client *client)
{
    if (has_no_request(client) || client->state == CLIENT_GREETING)
        client_close(client, false);
}

/* ---- reload */

bool client_may_stay(const struct client *client)
{
    return client->worker->phase == WORKER_SERVING && entrance_stays(client->entrance);
}

void client_follow(struct client *client)
{
    struct entrance *from = client->entrance, *to = from->successor;
    if (!to || client->state == CLIENT_BUSY || client->state == CLIENT_GREETING)
        return;
    client->entrance = to;
    client->trusted = origin_trusts(&to->config->origin, &client->peer);
    realm_join(to->realm);
    realm_leave(from->realm);
}

/* ---- requests, one after the other */

/* What a request takes from its connection's turn beside its bytes, and what an empty line. */
enum { REQUEST_COST = 4096, LINE_COST = 16 };

/* Empty lines before a request are skipped (RFC 9112 2.2), also one whose halves come apart. */
static void skip_empty_lines(struct client *client)
{
    struct buf *in = &client->in;
    while (buf_len(in) >= 2 && memcmp(buf_head(in), "\r\n", 2) == 0) {
        buf_consume(in, 2);
        conn_spend(&client->conn, LINE_COST);
        client->head_scanned = 0;
    }
}

/* Reads more into `in`; false when nothing came (and the client may be closed now). */
static bool read_more(struct client *client)
{
    /* A reset may have come together with the part of a head that was read. */
    if (!client->conn.readable && !(client->state == CLIENT_HEAD && conn_peer_gone(&client->conn)))
        return false;
    worker_lend(client->worker, &client->in);
    ssize_t got = conn_read(&client->conn, buf_reserve(&client->in, LENT_SIZE / 2), LENT_SIZE / 2);
    if (got > 0) {
        client->in.end += (size_t)got;
        return true;
    }
    if (got < 0)
        client_close(client, false);
    return false;
}

/* A client that shuts its side down does not wait for the answer any more, unless that is allowed.
 * As long as its body is read, or what it sends through a tunnel, reading finds that out. */
static bool has_left(struct client *client)
{
    const struct exchange *exchange = client->exchange;
    if (!exchange->request_body.complete || exchange->state == EXCHANGE_TUNNELING)
        return false;
    return client->entrance->config->half_close == HALF_CLOSE_ALLOW ? conn_peer_left(&client->conn)
                                                                    : conn_peer_gone(&client->conn);
}

/* What a client did before its request was read raises no event any more. A reset shows only to who
 * asks for it, with a system call: only requests that have to wait anyway pay for that. */
static void notice_leaving(struct client *client)
{
    if (client->state != CLIENT_BUSY)
        return;
    if ((client->conn.peer_closed || exchange_waits(client->exchange)) && has_left(client))
        exchange_client_gone(client->exchange, CAUSE_CLIENT_ABORT);
}

static void take_head(struct client *client, size_t length)
{
    struct worker *worker = client->worker;
    const char *bytes = buf_head(&client->in);
    const char *problem = http_parse_request(&worker->request_head, bytes, length);
    struct refusal refusal =
        limits_check_head(&client->entrance->config->limits, &worker->request_head, problem);
    client->head_bytes = length;
    client->head_scanned = 0;
    client_set_state(client, CLIENT_BUSY);
    timeout_cancel(&client->timeout);
    conn_spend(&client->conn, REQUEST_COST);
    /* The bytes stay where they are until something is read behind them. */
    buf_consume(&client->in, length);
    if (refusal.status)
        exchange_refuse(client, &refusal);
    else
        exchange_start(client, &worker->request_head);
    notice_leaving(client);
}

static void refuse_head(struct client *client, const struct refusal *refusal)
{
    client->head_bytes = buf_len(&client->in);
    client_set_state(client, CLIENT_BUSY);
    timeout_cancel(&client->timeout);
    exchange_refuse(client, refusal);
}

/* Part of a head is there; the rest has `timeout.head` to come. */
static void wait_for_head(struct client *client)
{
    if (client->state == CLIENT_HEAD)
        return;
    client_set_state(client, CLIENT_HEAD);
    timeout_arm(&client->entrance->head, &client->timeout, client->worker->now);
}

/* Takes a request out of `in`; false when there is none yet. */
static bool take_request(struct client *client)
{
    skip_empty_lines(client);
    size_t available = buf_len(&client->in);
    if (available == 0)
        return false;
    if (client->state == CLIENT_IDLE)
        client->head_started = client->worker->now;
    size_t length = http_head_end(buf_head(&client->in), available, &client->head_scanned);
    struct refusal refusal =
        limits_check_size(&client->entrance->config->limits, &client->in, length);
    if (refusal.status) {
        refuse_head(client, &refusal);
        return true;
    }
    if (length == 0) {
        wait_for_head(client);
        return false;
    }
    take_head(client, length);
    return true;
}

static bool expects_request(const struct client *client)
{
    return client->state == CLIENT_IDLE || client->state == CLIENT_HEAD;
}

static void client_continue(struct client *client)
{
    if (client->taking)
        return;
    client->taking = true;
    while (expects_request(client) && !conn_turn_is_over(&client->conn) &&
           (take_request(client) || read_more(client)))
        continue;
    client->taking = false;
    if (client->state != CLIENT_IDLE)
        return;
    /* Empty lines, and what TLS has to say of itself, are no request. */
    if (!timeout_armed(&client->timeout))
        timeout_arm(&client->entrance->idle, &client->timeout, client->worker->now);
    if (!has_no_request(client))
        return;
    worker_take_back(client->worker, &client->in);
    if (client->worker->phase != WORKER_SERVING)
        client_close(client, false);
}

void client_exchange_ended(struct client *client, enum client_next next)
{
    timeout_cancel(&client->timeout);
    client->requests++;
    switch (next) {
    case CLIENT_KEEP:
        client_set_state(client, CLIENT_IDLE);
        client_follow(client);
        client_continue(client);
        break;
    case CLIENT_FINISH:
        if (!client->conn.readable && buf_len(&client->in) == 0 && conn_part(&client->conn)) {
            client_close(client, false);
            break;
        }
        begin_lingering(client);
        break;
    case CLIENT_LINGER:
        begin_lingering(client);
        break;
    case CLIENT_CUT:
        client_close(client, true);
        break;
    }
}

bool client_read_body(struct client *client, bool *stalled)
{
    if (client->conn.readable || conn_peer_gone(&client->conn)) {
        worker_lend(client->worker, &client->in);
        ssize_t got = conn_read(&client->conn, buf_reserve(&client->in, LENT_SIZE), LENT_SIZE);
        if (got > 0) {
            client->in.end += (size_t)got;
            if (client_drained(client))
                timeout_cancel(&client->timeout);
            return true;
        }
        if (got < 0) {
            exchange_client_gone(client->exchange, CAUSE_CLIENT_ABORT);
            return false;
        }
    }
    *stalled = true;
    /* Only bytes give it more time: what else happens meanwhile does not. */
    if (client_drained(client) && !timeout_armed(&client->timeout))
        timeout_arm(&client->entrance->body, &client->timeout, client->worker->now);
    return true;
}

/* ---- events */

/* Who connects and goes again without a word only looked whether anybody listens. */
static void say_handshake_failed(struct client *client, const char *reason)
{
    static const duration apart = {NS_PER_S};
    struct worker *worker = client->worker;
    char subject[32], peer[IP_PEER_TEXT], more[LOG_PACE_MORE];
    uint64_t left_out;
    snprintf(subject, sizeof(subject), "c%llu", (unsigned long long)client->number);
    if (client->conn.truncated) {
        log_debug(&worker->log, subject, "the TLS handshake failed: %s", reason);
        return;
    }
    ip_peer_format(&client->peer, peer);
    if (log_pace_ask(&client->entrance->tls_failures, worker->now, apart, &left_out))
        log_warn(&worker->log, subject, "the TLS handshake with the client %s failed: %s%s", peer,
                 reason, log_pace_more(more, left_out));
}

static void handshake_failed(struct client *client, const char *reason)
{
    say_handshake_failed(client, reason);
    counter_add(&client->worker->counters.of[COUNTER_TLS_FAILED]);
}

static void on_handshake(struct client *client)
{
    struct counters *counters = &client->worker->counters;
    struct error error;
    switch (conn_handshake(&client->conn, &error)) {
    case CONN_READY:
        worker_enter(client->worker); /* it has taken its time */
        counter_add(&counters->of[COUNTER_TLS_HANDSHAKES]);
        if (tls_resumed(&client->conn))
            counter_add(&counters->of[COUNTER_TLS_RESUMED]);
        timeout_cancel(&client->timeout);
        client_set_state(client, CLIENT_IDLE);
        client_continue(client);
        break;
    case CONN_FAILED:
        handshake_failed(client, error.text);
        begin_lingering(client); /* the client is to read the alert that says why */
        break;
    default:
        break;
    }
}

/* Nothing but HTTP, or the handshake before it, is to come now. */
static void await_first(struct client *client)
{
    struct entrance *entrance = client->entrance;
    struct error error;
    if (entrance->tls && tls_accept(&client->conn, entrance->tls, &error) != OK) {
        log_error(&client->worker->log, NULL, "%s", error.text);
        client_close(client, false);
        return;
    }
    timeout_arm(entrance->tls ? &entrance->head : &entrance->idle, &client->timeout,
                client->worker->now);
}

static void on_greeting(struct client *client)
{
    switch (greeting_read(client)) {
    case GREETING_FAILED:
        client_close(client, false);
        return;
    case GREETING_WAITS:
        return;
    case GREETING_DONE:
        break;
    }
    client_set_state(client, client->entrance->tls ? CLIENT_HANDSHAKE : CLIENT_IDLE);
    await_first(client);
    if (client->state == CLIENT_HANDSHAKE)
        on_handshake(client);
    else if (client->state == CLIENT_IDLE)
        client_continue(client);
}

static void on_timeout(void *arg)
{
    static const struct refusal too_late = {408, CAUSE_CLIENT_TIMEOUT,
                                            "the head did not arrive in time"};
    struct client *client = arg;
    worker_enter(client->worker);
    switch (client->state) {
    case CLIENT_GREETING:
        greeting_late(client);
        client_close(client, false);
        break;
    case CLIENT_HANDSHAKE:
        handshake_failed(client, "it did not end in time");
        client_close(client, false);
        break;
    case CLIENT_HEAD:
        refuse_head(client, &too_late);
        break;
    case CLIENT_BUSY:
        if (client_drained(client))
            exchange_fail(client->exchange, CAUSE_CLIENT_TIMEOUT);
        else
            exchange_client_gone(client->exchange, CAUSE_CLIENT_TIMEOUT);
        break;
    default:
        client_close(client, false);
    }
}

static void on_busy(struct client *client)
{
    struct exchange *exchange = client->exchange;
    if (client->conn.writable && !client_drained(client) && !client_flush(client)) {
        exchange_client_gone(exchange, CAUSE_CLIENT_ABORT);
        return;
    }
    if (has_left(client))
        exchange_client_gone(exchange, CAUSE_CLIENT_ABORT);
    else
        exchange_client_ready(exchange);
}

static void client_ready(struct conn *conn, void *owner)
{
    struct client *client = owner;
    worker_enter(client->worker);
    switch (client->state) {
    case CLIENT_GREETING:
        on_greeting(client);
        break;
    case CLIENT_HANDSHAKE:
        on_handshake(client);
        break;
    case CLIENT_IDLE:
    case CLIENT_HEAD:
        if (conn->readable || buf_len(&client->in) > 0)
            client_continue(client);
        break;
    case CLIENT_BUSY:
        on_busy(client);
        break;
    case CLIENT_LINGERING:
        linger_on(client);
        break;
    default:
        break;
    }
}

void client_accept(struct entrance *entrance, int fd, const struct address *peer)
{
    struct worker *worker = entrance->worker;
    struct client *client = slab_get(&worker->client_slab);
    struct error error;
    bool greets = entrance->config->proxy_protocol != 0;
    worker_enter(worker);
    *client = (struct client){.worker = worker,
                              .entrance = entrance,
                              .state = greets          ? CLIENT_GREETING
                                       : entrance->tls ? CLIENT_HANDSHAKE
                                                       : CLIENT_IDLE,
                              .number = worker->next_connection++,
                              .peer = address_peer(peer)};
    client->trusted = origin_trusts(&entrance->config->origin, &client->peer);
    list_init(&client->uplinks);
    timeout_init(&client->timeout, on_timeout, client);
    if (conn_init(&client->conn, &worker->loop, fd, &conn_plain, client_ready, client, &error) !=
        OK) {
        log_error(&worker->log, NULL, "%s", error.text);
        close(fd);
        slab_put(&worker->client_slab, client);
        return;
    }
    realm_join(entrance->realm);
    counter_add(&worker->counters.of[COUNTER_CONNECTIONS]);
    list_push_back(&worker->clients, &client->node);
    if (greets)
        timeout_arm(&entrance->greeting, &client->timeout, worker->now);
    else
        await_first(client);
}
