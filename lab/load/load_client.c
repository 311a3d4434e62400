/* SPDX-License-Identifier: MIT */
#include "lab/load/load_client.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/http/trace.h"
#include "lib/net/dial.h"

static const char *const state_names[] = {
#define CLIENT_STATE_NAME(id, name) [CLIENT_##id] = name,
    CLIENT_STATES(CLIENT_STATE_NAME)
#undef CLIENT_STATE_NAME
};

#define STEP(id) (1u << CLIENT_##id)
static const unsigned legal_steps[] = {
    [CLIENT_CLOSED] = STEP(CONNECTING),
    [CLIENT_IDLE] = STEP(SENDING) | STEP(CLOSED),
    [CLIENT_CONNECTING] = STEP(SENDING) | STEP(CLOSED),
    [CLIENT_SENDING] = STEP(WAITING) | STEP(CLOSED),
    [CLIENT_WAITING] = STEP(RECEIVING) | STEP(IDLE) | STEP(CLOSED),
    [CLIENT_RECEIVING] = STEP(IDLE) | STEP(CLOSED),
};
#undef STEP

/* Where a client stands decides which of the load's lists it is in. */
static void client_set_state(struct load_client *client, enum load_client_state state)
{
    assert(legal_steps[client->state] >> state & 1);
    if (client->load->log.level == LOG_DEBUG)
        log_debug(&client->load->log, NULL, "connection %llu: %s -> %s",
                  (unsigned long long)client->number, state_names[client->state],
                  state_names[state]);
    bool was_busy = client->state >= CLIENT_CONNECTING;
    client->state = state;
    if (was_busy && state >= CLIENT_CONNECTING)
        return; /* its place among the busy ones goes by the request */
    list_remove(&client->node);
    if (state >= CLIENT_CONNECTING)
        list_push_back(&client->load->busy, &client->node);
    else
        list_push_front(state == CLIENT_IDLE ? &client->load->idle : &client->load->closed,
                        &client->node);
}

void load_client_init(struct load_client *client, struct load *load, uint64_t number)
{
    *client = (struct load_client){.load = load, .number = number, .conn = {.fd = -1}};
    list_init(&client->node);
    list_push_back(&load->closed, &client->node);
}

static const struct request_spec *client_request(const struct load_client *client)
{
    const struct request_spec *requests = client->load->job->spec->requests.items;
    return &requests[client->arrival->request];
}

static void write_trace(const struct load *load, uint64_t ordinal, char text[TRACE_TEXT])
{
    struct trace trace = {.sampled = true};
    for (int i = 0; i < 8; i++) {
        trace.trace_id[i] = (uint8_t)(load->trace_prefix >> (56 - 8 * i));
        trace.trace_id[8 + i] = trace.span_id[i] = (uint8_t)((ordinal + 1) >> (56 - 8 * i));
    }
    trace_format(&trace, text);
}

static void write_head(struct load_client *client)
{
    const struct request_spec *request = client_request(client);
    char trace[TRACE_TEXT];
    write_trace(client->load, client->ordinal, trace);
    buf_clear(&client->out);
    buf_printf(&client->out,
               "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tailgate\r\n"
               "Traceparent: %.*s\r\n",
               request_spec_method(request), request_spec_target(request), client->load->host,
               TRACE_TEXT, trace);
    if (request->post)
        buf_printf(&client->out,
                   "Content-Type: application/octet-stream\r\nContent-Length: %llu\r\n",
                   (unsigned long long)request->body);
    buf_append_text(&client->out, "\r\n");
    client->body_left = request->post ? request->body : 0;
}

static void on_ready(struct conn *conn, void *owner);

static void client_fail_errno(struct load_client *client, enum client_error otherwise)
{
    bool reset = errno == ECONNRESET || errno == EPIPE;
    load_client_finish(client, reset ? CLIENT_ERROR_RESET : otherwise, mono_now());
}

static void client_connect(struct load_client *client)
{
    client_set_state(client, CLIENT_CONNECTING);
    struct error error;
    int fd = dial_start(&client->load->job->target);
    if (fd < 0 || conn_init(&client->conn, &client->load->loop, fd, &conn_plain, on_ready, client,
                            &error) != OK) {
        log_warn(&client->load->log, NULL, "cannot connect: %s", strerror(errno));
        load_client_finish(client, CLIENT_ERROR_CONNECT, mono_now());
    }
}

/* The content of every body sent: read only, any part of it will do. */
static const char body_bytes[16384];

/* One write of what is left to send; false when it cannot go on now. */
static bool client_write_some(struct load_client *client)
{
    struct iovec parts[2];
    int count = 0;
    size_t head = buf_len(&client->out);
    size_t body = client->body_left < sizeof(body_bytes) ? client->body_left : sizeof(body_bytes);
    if (head > 0)
        parts[count++] = (struct iovec){buf_head(&client->out), head};
    if (body > 0)
        parts[count++] = (struct iovec){(void *)(uintptr_t)body_bytes, body};
    ssize_t put = conn_writev(&client->conn, parts, count);
    if (put <= 0) {
        if (put == CONN_FAILED && !client->conn.readable)
            client_fail_errno(client, CLIENT_ERROR_CLOSED);
        return false; /* with something to read, the response explains the failure */
    }
    size_t of_head = (size_t)put < head ? (size_t)put : head;
    buf_consume(&client->out, of_head);
    client->body_left -= (size_t)put - of_head;
    return true;
}

static void client_write(struct load_client *client)
{
    while (buf_len(&client->out) > 0 || client->body_left > 0)
        if (!client_write_some(client))
            return;
    client_set_state(client, CLIENT_WAITING);
}

static void client_start_sending(struct load_client *client)
{
    client_set_state(client, CLIENT_SENDING);
    client->sent = mono_now();
    const struct load *load = client->load;
    struct tally *tally = load->job->tally;
    tally_add(client->arrival->at.ns < 0 ? &tally->warmup.sent : &tally->measured.sent);
    client_write(client);
}

void load_client_finish(struct load_client *client, enum client_error error, mono done)
{
    mono deadline = load_deadline(client->load, client->arrival);
    if (error != CLIENT_ERROR_UNFINISHED && mono_before(deadline, done)) {
        error = CLIENT_ERROR_TIMEOUT; /* seen late by this process; given up on time */
        done = deadline;
    }
    load_record(client->load, client->ordinal, client, error, done);
    client->arrival = NULL;
    bool reusable = error == CLIENT_ERROR_NONE && client->keep_alive &&
                    client->state >= CLIENT_WAITING && !client->conn.peer_closed;
    if (!reusable)
        conn_close(&client->conn);
    client_set_state(client, reusable ? CLIENT_IDLE : CLIENT_CLOSED);
    soon_ask(&client->load->assign);
}

void load_client_close(struct load_client *client)
{
    if (client->state >= CLIENT_CONNECTING)
        load_client_finish(client, CLIENT_ERROR_UNFINISHED, mono_now());
    if (client->state == CLIENT_IDLE) {
        conn_close(&client->conn);
        client_set_state(client, CLIENT_CLOSED);
    }
    buf_free(&client->in);
    buf_free(&client->out);
}

/* Takes body bytes; anything behind the end of the response makes the connection unusable. */
static void client_take_body(struct load_client *client, const char *bytes, size_t length)
{
    while (length > 0 && !client->body.complete) {
        size_t used;
        struct http_span payload;
        if (http_body_take(&client->body, bytes, length, &used, &payload)) {
            load_client_finish(client, CLIENT_ERROR_MALFORMED, mono_now());
            return;
        }
        client->bytes += payload.length;
        bytes += used;
        length -= used;
    }
    if (!client->body.complete)
        return;
    if (length > 0 || client->body.framing == HTTP_UNTIL_CLOSE)
        client->keep_alive = false;
    load_client_finish(client, CLIENT_ERROR_NONE, mono_now());
}

/* Parses the head at the start of `in`; false when the response is malformed. */
static bool client_parse_head(struct load_client *client, size_t end)
{
    struct http_head *head = &client->load->head;
    if (http_parse_response(head, buf_head(&client->in), end))
        return false;
    client->status = head->status;
    client->keep_alive = http_keeps_alive(head);
    bool interim = head->status < 200;
    if (!interim && http_response_body(&client->body, head, false))
        return false;
    client->head_complete = !interim;
    client->scanned = 0;
    buf_consume(&client->in, end);
    return true;
}

#define LONGEST_HEAD 65536

static void client_take_head(struct load_client *client)
{
    while (!client->head_complete) {
        size_t end = http_head_end(buf_head(&client->in), buf_len(&client->in), &client->scanned);
        if (end == 0 && buf_len(&client->in) < LONGEST_HEAD)
            return;
        if (end == 0 || !client_parse_head(client, end)) {
            client->status = 0;
            load_client_finish(client, CLIENT_ERROR_MALFORMED, mono_now());
            return;
        }
    }
    if (client->state == CLIENT_WAITING)
        client_set_state(client, CLIENT_RECEIVING);
    client_take_body(client, buf_head(&client->in), buf_len(&client->in));
}

/* The connection has ended under a request. */
static void client_end_of_input(struct load_client *client, bool failed)
{
    mono now = mono_now();
    if (failed)
        load_client_finish(client, CLIENT_ERROR_RESET, now);
    else if (client->head_complete && client->body.framing == HTTP_UNTIL_CLOSE)
        load_client_finish(client, CLIENT_ERROR_NONE, now);
    else
        load_client_finish(
            client, mono_is_set(client->first_byte) ? CLIENT_ERROR_TRUNCATED : CLIENT_ERROR_CLOSED,
            now);
}

static void client_read(struct load_client *client)
{
    struct load *load = client->load;
    while (client->state >= CLIENT_SENDING && client->conn.readable) {
        ssize_t got = conn_read(&client->conn, load->bytes, sizeof(load->bytes));
        if (got == CONN_AGAIN)
            return;
        if (got < 0) {
            client_end_of_input(client, got == CONN_FAILED);
            return;
        }
        if (!mono_is_set(client->first_byte))
            client->first_byte = mono_now();
        if (client->head_complete) {
            client_take_body(client, load->bytes, (size_t)got);
        } else {
            buf_append(&client->in, load->bytes, (size_t)got);
            client_take_head(client);
        }
        if (client->state >= CLIENT_SENDING && !client->conn.readable)
            conn_peer_gone(&client->conn); /* a reset that came with the bytes shows only so */
    }
}

void load_client_send(struct load_client *client, size_t ordinal)
{
    client->ordinal = ordinal;
    client->arrival = &client->load->job->arrivals.items[ordinal];
    client->sent = client->first_byte = (mono){0};
    client->status = 0;
    client->bytes = 0;
    client->scanned = 0;
    client->head_complete = client->keep_alive = false;
    buf_clear(&client->in);
    write_head(client);
    if (client->state != CLIENT_IDLE) {
        client_connect(client);
        return;
    }
    client_start_sending(client);
    client_read(client);
}

/* An idle connection has something to say: its end, or bytes nobody asked for. */
static void client_end_idle(struct load_client *client)
{
    char byte;
    if (conn_read(&client->conn, &byte, 1) == CONN_AGAIN)
        return;
    conn_close(&client->conn);
    client_set_state(client, CLIENT_CLOSED);
}

static void on_ready(struct conn *conn, void *owner)
{
    struct load_client *client = owner;
    if (client->state == CLIENT_CONNECTING) {
        if (!conn->writable && !conn->peer_closed)
            return;
        if (dial_error(conn->fd) != 0) {
            load_client_finish(client, CLIENT_ERROR_CONNECT, mono_now());
            return;
        }
        client_start_sending(client);
    } else if (client->state == CLIENT_SENDING && conn->writable) {
        client_write(client);
    }
    if (client->state >= CLIENT_SENDING)
        client_read(client);
    else if (client->state == CLIENT_IDLE && conn->readable)
        client_end_idle(client);
}
