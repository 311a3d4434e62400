/* SPDX-License-Identifier: MIT */
#include "proxy/request/splice.h"

/* From this length on, moving through a pipe costs less than copying; a body that is twice as long
 * is worth a read of its own for the head. */
enum { WORTH_IT = 8192, LONG_BODY = 2 * WORTH_IT, SHORT_READ = 4096 };

size_t splice_first_read(const struct exchange *exchange)
{
    return exchange->attempt.pool->long_bodies ? SHORT_READ : SCRATCH_SIZE;
}

void splice_note_length(const struct exchange *exchange)
{
    const struct attempt *attempt = &exchange->attempt;
    attempt->pool->long_bodies = http_body_run(&exchange->response_body) >= LONG_BODY &&
                                 pipe_can_join(&attempt->uplink->conn, &exchange->client->conn);
}

struct pipe *splice_pipe(const struct exchange *exchange)
{
    const struct uplink *uplink = exchange->attempt.uplink;
    if (exchange->state != EXCHANGE_RECEIVING || !uplink->conn.readable ||
        http_body_run(&exchange->response_body) < WORTH_IT || buf_len(&uplink->in) > 0 ||
        !pipe_can_join(&uplink->conn, &exchange->client->conn))
        return NULL;
    return pipes_lend(&exchange->worker->pipes);
}

/* In front of the body, in the same pipe: a head that were sent by itself would cost a segment of
 * its own, and a timer where the kernel paces what it sends. */
static bool put_first(struct exchange *exchange, struct pipe *pipe, const struct iovec *parts,
                      int count)
{
    return count == 0 || pipe_put(pipe, parts, count) ||
           client_send(exchange->client, parts, count);
}

/* Moving to the end of a body does not say whether the socket is empty, as a short read would.
 * Bytes behind a response are nobody's answer. */
static void look_behind(struct exchange *exchange)
{
    if (conn_has_more(&exchange->attempt.uplink->conn))
        exchange->uplink_keeps = false;
}

bool splice_body(struct exchange *exchange, struct pipe *pipe, const struct iovec *parts, int count,
                 ssize_t *got)
{
    struct http_body *body = &exchange->response_body;
    struct client *client = exchange->client;
    *got = CONN_AGAIN;
    bool there = put_first(exchange, pipe, parts, count);
    if (there && client_drained(client))
        *got = pipe_fill(pipe, &exchange->attempt.uplink->conn, http_body_run(body));
    if (*got > 0)
        http_body_skip(body, (uint64_t)*got);
    if (body->complete)
        look_behind(exchange);
    if (pipe->held > 0)
        return client_send_pipe(client, pipe);
    pipes_take_back(&exchange->worker->pipes, pipe);
    return there;
}
