/* SPDX-License-Identifier: MIT */
/* Writing responses. */
#include <assert.h>
#include <string.h>

#include "lib/http/status.h"
#include "lib/serve/serve_internal.h"

#define CHUNK_SIZE UINT64_C(16384)

static const char garbage[] = "\x16\x03\x01 this is no HTTP\r\n\x01\x02\x03\r\n\r\n";

/* What of the body follows, and how, once the head is out. */
enum body_form { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

static bool has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304;
}

static enum body_form body_form(struct serve_conn *conn, const struct serve_response *response)
{
    if (has_no_body(response->status))
        return BODY_NONE;
    if (!response->chunked)
        return BODY_LENGTH;
    if (!conn->old_client)
        return BODY_CHUNKED;
    conn->keeps_alive = false;
    return BODY_UNTIL_CLOSE;
}

static void write_head(struct serve_conn *conn, const struct serve_response *response,
                       enum body_form form)
{
    struct buf *out = &conn->out;
    buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", response->status,
               http_reason(response->status), serve_date(conn->serve));
    if (form == BODY_LENGTH)
        buf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)response->length);
    else if (form == BODY_CHUNKED)
        buf_append_text(out, "Transfer-Encoding: chunked\r\n");
    if (!conn->keeps_alive)
        buf_append_text(out, "Connection: close\r\n");
    else if (conn->old_client)
        buf_append_text(out, "Connection: keep-alive\r\n");
    if (response->fields)
        buf_append_text(out, response->fields);
    buf_append_text(out, "\r\n");
}

/* The first `length` bytes of the body: given bytes are copied, filler is made as it is sent. */
static void write_body(struct serve_conn *conn, const struct serve_response *response,
                       uint64_t length)
{
    if (!response->body) {
        conn->filler_left = length;
        return;
    }
    if (conn->chunked && length > 0)
        buf_printf(&conn->out, "%llx\r\n", (unsigned long long)length);
    buf_append(&conn->out, response->body, length);
    if (conn->chunked && length > 0)
        buf_append_text(&conn->out, "\r\n");
}

/* Puts the next chunk of filler behind what is to be sent. */
static void write_chunk(struct serve_conn *conn)
{
    uint64_t length = conn->filler_left < CHUNK_SIZE ? conn->filler_left : CHUNK_SIZE;
    buf_printf(&conn->out, "%llx\r\n", (unsigned long long)length);
    buf_append(&conn->out, conn->serve->filler, length);
    buf_append_text(&conn->out, "\r\n");
    conn->filler_left -= length;
}

/* Makes sure that `out` holds something, as long as there is anything that must go through it. */
static void fill(struct serve_conn *conn)
{
    if (!conn->chunked || buf_len(&conn->out) >= CHUNK_SIZE)
        return;
    if (conn->filler_left > 0) {
        write_chunk(conn);
    } else if (!conn->cut) {
        buf_append_text(&conn->out, "0\r\n\r\n");
        conn->chunked = false;
    }
}

static ssize_t write_some(struct serve_conn *conn)
{
    struct iovec parts[2] = {{buf_head(&conn->out), buf_len(&conn->out)}, {NULL, 0}};
    uint64_t filler = conn->chunked ? 0 : conn->filler_left;
    parts[1].iov_base = conn->serve->filler;
    parts[1].iov_len = filler < SERVE_FILLER_SIZE ? filler : SERVE_FILLER_SIZE;
    int first = parts[0].iov_len > 0 ? 0 : 1;
    int last = parts[1].iov_len > 0 ? 1 : 0;
    ssize_t n = conn_writev(&conn->io, parts + first, last - first + 1);
    if (n <= 0)
        return n;
    size_t head = (size_t)n < parts[0].iov_len ? (size_t)n : parts[0].iov_len;
    buf_consume(&conn->out, head);
    conn->filler_left -= (uint64_t)n - head;
    return n;
}

enum serve_progress serve_write_on(struct serve_conn *conn)
{
    bool wrote = false;
    for (;;) {
        fill(conn);
        if (buf_len(&conn->out) == 0 && conn->filler_left == 0)
            break;
        ssize_t n = write_some(conn);
        if (n == CONN_FAILED)
            return SERVE_GONE;
        if (n == CONN_AGAIN) {
            if (wrote)
                timeout_arm(&conn->serve->stall, &conn->timeout, mono_now());
            return SERVE_WRITING;
        }
        wrote = true;
    }
    serve_give_back(conn->serve, &conn->out);
    return SERVE_WRITTEN;
}

/* Head and the first `length` bytes of the body, into the buffers. */
static void stage(struct serve_conn *conn, const struct serve_response *response, uint64_t length)
{
    serve_lend(conn->serve, &conn->out);
    enum body_form form = body_form(conn, response);
    bool sends_body = form != BODY_NONE && !conn->answers_head;
    conn->chunked = sends_body && form == BODY_CHUNKED;
    conn->cut = length < response->length;
    conn->filler_left = 0;
    write_head(conn, response, form);
    if (sends_body)
        write_body(conn, response, length);
}

/* The first `length` bytes of it, for an owner that goes on having the request. */
static enum serve_progress respond(struct serve_conn *conn, const struct serve_response *response,
                                   uint64_t length)
{
    if (conn->state == SERVE_STATE_GONE)
        return SERVE_GONE;
    stage(conn, response, length);
    serve_conn_set_state(conn, SERVE_STATE_WRITING);
    enum serve_progress progress = serve_write_on(conn);
    if (progress == SERVE_WRITTEN)
        serve_conn_set_state(conn, SERVE_STATE_WRITTEN);
    else if (progress == SERVE_GONE)
        serve_conn_close(conn, SERVE_REASON_CLIENT_FAILED, false);
    return progress;
}

enum serve_progress serve_respond(struct serve_conn *conn, const struct serve_response *response)
{
    return respond(conn, response, response->length);
}

static void misbehave_by_writing(struct serve_conn *conn)
{
    conn->keeps_alive = false;
    serve_conn_set_state(conn, SERVE_STATE_WRITING);
}

enum serve_progress serve_misbehave(struct serve_conn *conn, enum serve_fault fault,
                                    const struct serve_response *response)
{
    if (conn->state == SERVE_STATE_GONE)
        return SERVE_GONE;
    switch (fault) {
    case SERVE_FAULT_CLOSE:
        serve_conn_close(conn, SERVE_REASON_MISBEHAVED, false);
        break;
    case SERVE_FAULT_RESET:
        serve_conn_close(conn, SERVE_REASON_RESETTING, false);
        break;
    case SERVE_FAULT_TRUNCATE:
        stage(conn, response, response->length / 2);
        misbehave_by_writing(conn);
        break;
    case SERVE_FAULT_GARBAGE:
        serve_lend(conn->serve, &conn->out);
        buf_append(&conn->out, garbage, sizeof(garbage) - 1);
        misbehave_by_writing(conn);
        break;
    case SERVE_FAULT_STALL:
        conn->keeps_alive = false;
        return respond(conn, response, response->length / 2);
    default:
        assert(fault == SERVE_FAULT_HANG);
        return SERVE_WRITING;
    }
    return SERVE_GONE;
}

void serve_write_refusal(struct serve_conn *conn, int status, const char *why)
{
    char subject[SERVE_SUBJECT];
    log_debug(conn->serve->log, serve_subject(conn, subject), "%d: %s", status, why);
    conn->serve->counts.refused++;
    conn->keeps_alive = false;
    conn->answers_head = false;
    conn->lingers = true;
    struct serve_response response = {.status = status,
                                      .fields = "Content-Type: text/plain\r\n",
                                      .body = why,
                                      .length = strlen(why)};
    stage(conn, &response, response.length);
    serve_conn_set_state(conn, SERVE_STATE_FLUSHING);
}

void serve_write_continue(struct serve_conn *conn)
{
    /* So short that it fits; a client that does not get it sends its body after a while anyhow. */
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    (void)conn_write(&conn->io, text, sizeof(text) - 1);
}
