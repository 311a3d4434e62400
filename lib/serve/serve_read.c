/* SPDX-License-Identifier: MIT */
/* Reading requests. */
#include <string.h>

#include "lib/serve/serve_internal.h"

/* More of the request, into `in`. Closes the connection when the client has. */
static bool read_more(struct serve_conn *conn)
{
    /* In the middle of a request a reset may have come with the last bytes; between two of them the
     * idle timeout is soon enough. */
    if (!conn->io.readable && (conn->state == SERVE_STATE_IDLE || !conn_peer_gone(&conn->io))) {
        if (buf_len(&conn->in) == 0)
            serve_give_back(conn->serve, &conn->in);
        return false;
    }
    serve_lend(conn->serve, &conn->in);
    char *to = buf_reserve(&conn->in, SERVE_READ_SIZE);
    ssize_t n = conn_read(&conn->io, to, SERVE_READ_SIZE);
    if (n > 0) {
        conn->in.end += (size_t)n;
        return true;
    }
    if (n == CONN_AGAIN) {
        if (buf_len(&conn->in) == 0)
            serve_give_back(conn->serve, &conn->in);
    } else {
        serve_conn_close(
            conn, n == CONN_EOF ? SERVE_REASON_CLIENT_CLOSED : SERVE_REASON_CLIENT_FAILED, false);
    }
    return false;
}

static bool refuse(struct serve_conn *conn, int status, const char *why)
{
    serve_write_refusal(conn, status, why);
    return true;
}

/* The request is whole: to its owner. */
static bool hand_over(struct serve_conn *conn, size_t length)
{
    struct serve *serve = conn->serve;
    struct serve_request request = {.head = &serve->head, .body_bytes = conn->body_bytes};
    if (serve->options.body_limit > 0)
        request.body = buf_len(&conn->content) > 0 ? buf_head(&conn->content) : "";
    conn->keeps_alive =
        http_keeps_alive(&serve->head) && serve->options.keepalive.ns > 0 && !serve->draining;
    conn->answers_head = http_span_is(serve->head.method, "HEAD");
    conn->old_client = serve->head.minor_version == 0;
    conn->requests++;
    serve->counts.requests++;
    list_remove(&conn->node);
    list_push_back(&serve->conns, &conn->node);
    serve_conn_set_state(conn, SERVE_STATE_HANDLING);
    /* The bytes stay where they are until something is read, which is not before the call ends. */
    buf_consume(&conn->in, length);
    serve->calls->handle(serve->owner, conn, &request);
    buf_free(&conn->content);
    if (buf_len(&conn->in) == 0)
        serve_give_back(serve, &conn->in);
    return true;
}

/* Looks at the head of `length` bytes at the start of `in`. */
static bool take_head(struct serve_conn *conn, size_t length)
{
    struct serve *serve = conn->serve;
    const char *wrong = http_parse_request(&serve->head, buf_head(&conn->in), length);
    if (!wrong)
        wrong = http_request_body(&conn->body, &serve->head);
    if (wrong)
        return refuse(conn, 400, wrong);
    if (conn->body.complete || conn->body.framing == HTTP_NO_BODY)
        return hand_over(conn, length);
    conn->head_length = length;
    serve_conn_set_state(conn, SERVE_STATE_BODY);
    if (http_has(&serve->head, HTTP_FIELD_EXPECT) && buf_len(&conn->in) == length)
        serve_write_continue(conn);
    return true;
}

/* Empty lines before a request are skipped (RFC 9112 2.2). False when the rest of one, or anything
 * at all, is still to come. */
static bool skip_empty_lines(struct serve_conn *conn)
{
    struct buf *in = &conn->in;
    while (buf_len(in) >= 2 && memcmp(buf_head(in), "\r\n", 2) == 0)
        buf_consume(in, 2);
    return buf_len(in) > 1 || (buf_len(in) == 1 && *buf_head(in) != '\r');
}

bool serve_read_head(struct serve_conn *conn)
{
    size_t limit = conn->serve->options.head_limit;
    if (conn->state == SERVE_STATE_IDLE && !skip_empty_lines(conn))
        return read_more(conn);
    if (conn->state == SERVE_STATE_IDLE)
        serve_conn_set_state(conn, SERVE_STATE_HEAD);
    size_t length = http_head_end(buf_head(&conn->in), buf_len(&conn->in), &conn->scanned);
    if (length > limit || (!length && buf_len(&conn->in) > limit))
        return refuse(conn, 431, "the request's head is too large");
    if (!length)
        return read_more(conn);
    conn->scanned = 0;
    return take_head(conn, length);
}

/* Counts a run of content, and keeps it where that is asked for; false when it is too long. */
static bool keep_content(struct serve_conn *conn, struct http_span payload)
{
    size_t limit = conn->serve->options.body_limit;
    conn->body_bytes += payload.length;
    if (limit == 0)
        return true;
    if (conn->body_bytes > limit)
        return false;
    buf_append(&conn->content, payload.at, payload.length);
    return true;
}

/* The head is kept at the start of `in` until the body is complete: its owner gets both at once. */
bool serve_read_body(struct serve_conn *conn)
{
    struct buf *in = &conn->in;
    size_t used = 0;
    struct http_span payload = {0};
    size_t length = buf_len(in) - conn->head_length;
    if (length == 0)
        return read_more(conn);
    char *body = buf_head(in) + conn->head_length;
    const char *wrong = http_body_take(&conn->body, body, length, &used, &payload);
    if (wrong)
        return refuse(conn, 400, wrong);
    if (!keep_content(conn, payload))
        return refuse(conn, 413, "the request's body is too large");
    memmove(body, body + used, length - used);
    in->end -= used;
    if (conn->body.complete) {
        /* Parsed again, as other requests were since; it was right the first time. */
        (void)http_parse_request(&conn->serve->head, buf_head(in), conn->head_length);
        return hand_over(conn, conn->head_length);
    }
    return used > 0 || read_more(conn);
}

bool serve_read_discard(struct serve_conn *conn)
{
    buf_clear(&conn->in);
    return read_more(conn);
}
