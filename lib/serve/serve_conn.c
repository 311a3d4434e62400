/* SPDX-License-Identifier: MIT */
/* The life of a connection. */
#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "lib/serve/serve_internal.h"

#define NAME_OF(id, text) text,
static const char *const state_names[] = {SERVE_STATES(NAME_OF)};
static const char *const reason_texts[] = {SERVE_REASONS(NAME_OF)};

#define BIT(id) (1u << SERVE_STATE_##id)

/* Where each state may lead. */
static const unsigned legal[SERVE_STATE_COUNT] = {
    [SERVE_STATE_IDLE] = BIT(HEAD) | BIT(CLOSED),
    [SERVE_STATE_HEAD] = BIT(BODY) | BIT(HANDLING) | BIT(FLUSHING) | BIT(CLOSED),
    [SERVE_STATE_BODY] = BIT(HANDLING) | BIT(FLUSHING) | BIT(CLOSED),
    [SERVE_STATE_HANDLING] = BIT(WRITING) | BIT(GONE),
    [SERVE_STATE_WRITING] = BIT(WRITTEN) | BIT(FLUSHING) | BIT(GONE),
    [SERVE_STATE_WRITTEN] = BIT(IDLE) | BIT(LINGERING) | BIT(GONE) | BIT(CLOSED),
    [SERVE_STATE_FLUSHING] = BIT(IDLE) | BIT(LINGERING) | BIT(CLOSED),
    [SERVE_STATE_LINGERING] = BIT(CLOSED),
    [SERVE_STATE_GONE] = BIT(CLOSED),
};

const char *serve_subject(const struct serve_conn *conn, char *out)
{
    snprintf(out, SERVE_SUBJECT, "c%llu", (unsigned long long)conn->number);
    return out;
}

/* The deadline that a state has. A first request gets the time of a stalled one: keep-alive is
 * about the next. */
static struct timeout_queue *deadline_of(struct serve_conn *conn, enum serve_state state)
{
    struct serve *serve = conn->serve;
    switch (state) {
    case SERVE_STATE_IDLE:
        return conn->requests > 0 ? &serve->idle : &serve->stall;
    case SERVE_STATE_HEAD:
    case SERVE_STATE_BODY:
    case SERVE_STATE_WRITING:
    case SERVE_STATE_FLUSHING:
        return &serve->stall;
    case SERVE_STATE_LINGERING:
        return &serve->linger;
    default:
        return NULL;
    }
}

void serve_conn_set_state(struct serve_conn *conn, enum serve_state to)
{
    char subject[SERVE_SUBJECT];
    assert(legal[conn->state] >> to & 1);
    log_debug(conn->serve->log, serve_subject(conn, subject), "%s -> %s", state_names[conn->state],
              state_names[to]);
    conn->state = to;
    struct timeout_queue *queue = deadline_of(conn, to);
    if (queue)
        timeout_arm(queue, &conn->timeout, mono_now());
    else
        timeout_cancel(&conn->timeout);
}

static bool owned(const struct serve_conn *conn)
{
    return conn->state == SERVE_STATE_HANDLING || conn->state == SERVE_STATE_WRITING ||
           conn->state == SERVE_STATE_WRITTEN;
}

static void count_close(struct serve_conn *conn, enum serve_reason reason)
{
    bool left = reason == SERVE_REASON_CLIENT_CLOSED || reason == SERVE_REASON_CLIENT_FAILED ||
                reason == SERVE_REASON_STALLED;
    bool unwritten = conn->state == SERVE_STATE_HANDLING || conn->state == SERVE_STATE_WRITING;
    if (left && unwritten)
        conn->serve->counts.gone++;
    if (reason == SERVE_REASON_IDLE)
        conn->serve->counts.idle_closed++;
    if (reason == SERVE_REASON_MAKES_ROOM)
        conn->serve->counts.made_room++;
}

void serve_conn_close(struct serve_conn *conn, enum serve_reason reason, bool tell)
{
    char subject[SERVE_SUBJECT];
    struct serve *serve = conn->serve;
    log_debug(serve->log, serve_subject(conn, subject), "closed in %s: %s",
              state_names[conn->state], reason_texts[reason]);
    count_close(conn, reason);
    list_remove(&conn->awaiting);
    buf_clear(&conn->in);
    buf_clear(&conn->out);
    serve_give_back(serve, &conn->in);
    serve_give_back(serve, &conn->out);
    buf_free(&conn->content);
    if (reason == SERVE_REASON_CLIENT_FAILED || reason == SERVE_REASON_RESETTING)
        conn_reset(&conn->io);
    else
        conn_close(&conn->io);
    if (owned(conn)) {
        serve_conn_set_state(conn, SERVE_STATE_GONE);
        if (tell)
            serve->calls->progress(serve->owner, conn, SERVE_GONE);
        return;
    }
    serve_conn_set_state(conn, SERVE_STATE_CLOSED);
    serve_bury(conn);
}

/* Between two requests: the next may have arrived already, pipelined. */
static void start_over(struct serve_conn *conn)
{
    conn->data = NULL;
    conn->scanned = 0;
    conn->head_length = 0;
    conn->body_bytes = 0;
    serve_conn_set_state(conn, SERVE_STATE_IDLE);
}

void serve_conn_answered(struct serve_conn *conn)
{
    if (conn->keeps_alive) {
        start_over(conn);
        return;
    }
    if (!conn->lingers && buf_len(&conn->in) == 0 && !conn->io.readable) {
        serve_conn_close(conn, SERVE_REASON_ANSWERED, false);
        return;
    }
    shutdown(conn->io.fd, SHUT_WR);
    buf_clear(&conn->in);
    serve_conn_set_state(conn, SERVE_STATE_LINGERING);
}

static void on_timeout(void *arg)
{
    struct serve_conn *conn = arg;
    switch (conn->state) {
    case SERVE_STATE_IDLE:
        serve_conn_close(conn, SERVE_REASON_IDLE, false);
        break;
    case SERVE_STATE_HEAD:
    case SERVE_STATE_BODY:
        serve_write_refusal(conn, 408, "the request did not arrive in time");
        serve_conn_run(conn);
        break;
    default:
        serve_conn_close(conn, SERVE_REASON_STALLED, true);
        break;
    }
}

/* While the owner works on a request nothing is read, which is the back-pressure; but a client that
 * leaves is noticed. */
static bool watch_client(struct serve_conn *conn)
{
    if (conn_peer_gone(&conn->io))
        serve_conn_close(conn, SERVE_REASON_CLIENT_CLOSED, true);
    return false;
}

static bool write_for_owner(struct serve_conn *conn)
{
    enum serve_progress progress = serve_write_on(conn);
    if (progress == SERVE_GONE) {
        serve_conn_close(conn, SERVE_REASON_CLIENT_FAILED, true);
    } else if (progress == SERVE_WRITTEN) {
        serve_conn_set_state(conn, SERVE_STATE_WRITTEN);
        conn->serve->calls->progress(conn->serve->owner, conn, SERVE_WRITTEN);
        return true;
    } else {
        return watch_client(conn);
    }
    return false;
}

static bool flush(struct serve_conn *conn)
{
    enum serve_progress progress = serve_write_on(conn);
    if (progress == SERVE_WRITTEN)
        serve_conn_answered(conn);
    else if (progress == SERVE_GONE || conn_peer_gone(&conn->io))
        serve_conn_close(conn, SERVE_REASON_CLIENT_FAILED, false);
    return progress == SERVE_WRITTEN;
}

static bool nothing(struct serve_conn *conn)
{
    (void)conn;
    return false;
}

/* What is done in each state; the result says whether there may be more to do. */
static bool (*const steps[SERVE_STATE_COUNT])(struct serve_conn *) = {
    [SERVE_STATE_IDLE] = serve_read_head,
    [SERVE_STATE_HEAD] = serve_read_head,
    [SERVE_STATE_BODY] = serve_read_body,
    [SERVE_STATE_HANDLING] = watch_client,
    [SERVE_STATE_WRITING] = write_for_owner,
    [SERVE_STATE_WRITTEN] = watch_client,
    [SERVE_STATE_FLUSHING] = flush,
    [SERVE_STATE_LINGERING] = serve_read_discard,
    [SERVE_STATE_GONE] = nothing,
    [SERVE_STATE_CLOSED] = nothing,
};

void serve_conn_run(struct serve_conn *conn)
{
    /* An owner that ends a request inside a callback leaves the next one to the loop below, so
     * that a long pipeline is no deep recursion. */
    if (conn->running)
        return;
    conn->running = true;
    while (steps[conn->state](conn))
        ;
    conn->running = false;
}

static void on_ready(struct conn *io, void *owner)
{
    (void)io;
    serve_conn_run(owner);
}

void serve_conn_accept(struct serve *serve, int fd)
{
    struct serve_conn *conn = slab_get(&serve->slab);
    *conn = (struct serve_conn){.serve = serve, .number = ++serve->counts.connections};
    struct error error;
    if (conn_init(&conn->io, serve->loop, fd, &conn_plain, on_ready, conn, &error) != OK) {
        log_error(serve->log, NULL, "%s", error.text);
        close(fd);
        slab_put(&serve->slab, conn);
        return;
    }
    list_push_back(&serve->conns, &conn->node);
    list_init(&conn->awaiting);
    timeout_init(&conn->timeout, on_timeout, conn);
    timeout_arm(&serve->stall, &conn->timeout, mono_now());
    serve->conn_count++;
}

void serve_set_data(struct serve_conn *conn, void *data)
{
    conn->data = data;
}

void *serve_data(const struct serve_conn *conn)
{
    return conn->data;
}

void serve_end(struct serve_conn *conn)
{
    conn->data = NULL;
    switch (conn->state) {
    case SERVE_STATE_HANDLING:
        serve_conn_close(conn, SERVE_REASON_UNANSWERED, false);
        break;
    case SERVE_STATE_WRITING:
        serve_conn_set_state(conn, SERVE_STATE_FLUSHING);
        break;
    case SERVE_STATE_WRITTEN:
        list_remove(&conn->awaiting);
        serve_conn_answered(conn);
        break;
    default:
        assert(conn->state == SERVE_STATE_GONE);
        break;
    }
    if (conn->state == SERVE_STATE_GONE) {
        serve_conn_set_state(conn, SERVE_STATE_CLOSED);
        serve_bury(conn);
        return;
    }
    serve_conn_run(conn);
}
