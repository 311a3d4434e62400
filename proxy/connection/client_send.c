/* SPDX-License-Identifier: MIT */
/* What a client is sent. */
#include <assert.h>

#include "proxy/connection/client.h"
#include "proxy/request/exchange.h"

void client_release_pipe(struct client *client)
{
    if (client->pipe)
        pipes_take_back(&client->worker->pipes, client->pipe);
    client->pipe = NULL;
}

/* The socket has no room for the rest. */
static void wait_for_room(struct client *client)
{
    timeout_arm(&client->entrance->send, &client->timeout, client->worker->now);
}

static bool flush_pipe(struct client *client)
{
    while (client->pipe->held > 0) {
        ssize_t put = pipe_drain(client->pipe, &client->conn);
        if (put == CONN_FAILED)
            return false;
        if (put == CONN_AGAIN) {
            wait_for_room(client);
            return true;
        }
    }
    client_release_pipe(client);
    return true;
}

bool client_flush(struct client *client)
{
    struct buf *out = &client->out;
    while (buf_len(out) > 0) {
        ssize_t put = conn_write(&client->conn, buf_head(out), buf_len(out));
        if (put == CONN_FAILED)
            return false;
        if (put == CONN_AGAIN) {
            wait_for_room(client);
            return true;
        }
        buf_consume(out, (size_t)put);
    }
    timeout_cancel(&client->timeout);
    worker_take_back(client->worker, out);
    return !client->pipe || flush_pipe(client);
}

static void keep_unsent(struct client *client, const struct iovec *parts, int count, size_t sent)
{
    assert(!client->pipe); /* it would go out behind these */
    worker_lend(client->worker, &client->out);
    for (int i = 0; i < count; i++) {
        size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;
        buf_append(&client->out, (const char *)parts[i].iov_base + skip, parts[i].iov_len - skip);
        sent -= skip;
    }
}

static size_t total_length(const struct iovec *parts, int count)
{
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += parts[i].iov_len;
    return length;
}

bool client_send(struct client *client, const struct iovec *parts, int count)
{
    size_t length = total_length(parts, count);
    ssize_t put = 0;
    client->exchange->record.bytes_out += length;
    if (client_drained(client)) {
        put = conn_writev(&client->conn, parts, count);
        if (put == CONN_FAILED)
            return false;
        if ((size_t)put == length)
            return true;
    }
    keep_unsent(client, parts, count, (size_t)put);
    return client_flush(client);
}

bool client_send_last(struct client *client, const struct iovec *parts, int count)
{
    client->conn.more_follows = true;
    bool sent = client_send(client, parts, count);
    client->conn.more_follows = sent && client_drained(client);
    return sent;
}

bool client_send_pipe(struct client *client, struct pipe *pipe)
{
    client->exchange->record.bytes_out += pipe->held;
    client->pipe = pipe;
    return flush_pipe(client);
}
