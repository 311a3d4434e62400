/* SPDX-License-Identifier: MIT */
#include "lib/serve/serve.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "lib/serve/serve_internal.h"

#define STALL_DEFAULT      duration_s(60)
#define LINGER_TIME        duration_s(1)
#define HEAD_LIMIT_DEFAULT (16 * 1024)
#define SPARE_SIZE_LIMIT   (64 * 1024)

void serve_lend(struct serve *serve, struct buf *buf)
{
    if (!buf->data && serve->spare_count > 0)
        *buf = serve->spare[--serve->spare_count];
}

void serve_give_back(struct serve *serve, struct buf *buf)
{
    assert(buf_len(buf) == 0);
    if (!buf->data)
        return;
    if (serve->spare_count == SERVE_SPARE_BUFFERS || buf->capacity > SPARE_SIZE_LIMIT) {
        buf_free(buf);
        return;
    }
    serve->spare[serve->spare_count++] = *buf;
    *buf = (struct buf){0};
}

const char *serve_date(struct serve *serve)
{
    time_t now = (time_t)(wall_now().ns / NS_PER_S);
    if (now != serve->date_second) {
        struct tm tm;
        gmtime_r(&now, &tm);
        strftime(serve->date, sizeof(serve->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        serve->date_second = now;
    }
    return serve->date;
}

static void free_dead(void *arg)
{
    struct serve *serve = arg;
    for (struct list *node; (node = list_pop_front(&serve->dead));)
        slab_put(&serve->slab, list_entry(node, struct serve_conn, node));
}

static bool is_full(const struct serve *serve)
{
    size_t max = serve->options.max_connections;
    return max > 0 && serve->conn_count >= max;
}

static void turn_listener(struct serve *serve)
{
    listener_hold(&serve->listener, is_full(serve) || serve->gate != SERVE_ACCEPTS);
}

void serve_set_gate(struct serve *serve, enum serve_gate gate)
{
    if (serve->draining || serve->gate == gate)
        return;
    bool shut = serve->gate == SERVE_REFUSES;
    serve->gate = gate;
    listener_hold(&serve->listener, true);
    if (gate == SERVE_REFUSES)
        listener_shut(&serve->listener);
    else if (shut && !listener_listen(&serve->listener, serve->options.backlog))
        log_error(serve->log, NULL, "cannot listen again: %s", strerror(errno));
    turn_listener(serve);
}

void serve_bury(struct serve_conn *conn)
{
    struct serve *serve = conn->serve;
    list_remove(&conn->node);
    list_push_back(&serve->dead, &conn->node);
    serve->conn_count--;
    turn_listener(serve);
    soon_ask(&serve->bury);
}

/* Nobody waits for anything from it: no request of it is whole, or its response is written. */
static bool is_silent(const struct serve_conn *conn)
{
    return conn->state == SERVE_STATE_IDLE || conn->state == SERVE_STATE_HEAD ||
           conn->state == SERVE_STATE_BODY || conn->state == SERVE_STATE_FLUSHING ||
           conn->state == SERVE_STATE_LINGERING;
}

/* Closes silent connections, the oldest first, until no more than `keep` connections are left. */
static void make_room(struct serve *serve, size_t keep)
{
    list_foreach_safe (node, &serve->conns) {
        struct serve_conn *conn = list_entry(node, struct serve_conn, node);
        if (serve->conn_count <= keep)
            return;
        if (is_silent(conn))
            serve_conn_close(conn, SERVE_REASON_MAKES_ROOM, false);
    }
}

static void on_accept(void *owner, int fd, const struct address *peer)
{
    (void)peer;
    struct serve *serve = owner;
    serve_conn_accept(serve, fd);
    if (is_full(serve) && serve->options.makes_room)
        make_room(serve, serve->options.max_connections - 1);
    turn_listener(serve);
}

static void on_exhausted(void *owner, bool paused)
{
    struct serve *serve = owner;
    if (paused && serve->options.makes_room)
        make_room(serve, 0);
    if (serve->calls->exhausted)
        serve->calls->exhausted(serve->owner, paused);
}

static void set_up(struct serve *serve, const struct serve_options *options)
{
    serve->options = *options;
    if (serve->options.stall.ns <= 0)
        serve->options.stall = STALL_DEFAULT;
    if (!serve->options.head_limit)
        serve->options.head_limit = HEAD_LIMIT_DEFAULT;
    list_init(&serve->conns);
    list_init(&serve->dead);
    soon_init(&serve->bury, serve->loop, free_dead, serve);
    slab_init(&serve->slab, sizeof(struct serve_conn), true);
    timeout_queue_init(&serve->idle, serve->loop, options->keepalive);
    timeout_queue_init(&serve->stall, serve->loop, serve->options.stall);
    timeout_queue_init(&serve->linger, serve->loop, LINGER_TIME);
    serve_taken_init(serve);
    serve->filler = mem_alloc(1, SERVE_FILLER_SIZE);
    memset(serve->filler, 'x', SERVE_FILLER_SIZE);
}

static void tear_down(struct serve *serve)
{
    soon_cancel(&serve->bury);
    free_dead(serve);
    slab_free(&serve->slab);
    timeout_queue_release(&serve->idle);
    timeout_queue_release(&serve->stall);
    timeout_queue_release(&serve->linger);
    timer_stop(&serve->awaiting_timer);
    while (serve->spare_count > 0)
        buf_free(&serve->spare[--serve->spare_count]);
    free(serve->filler);
    free(serve);
}

enum result serve_open(struct serve **out, struct loop *loop, const struct address *address,
                       const struct serve_options *options, const struct serve_calls *calls,
                       void *owner, const struct log *log, struct error *error)
{
    struct serve *serve = mem_alloc(1, sizeof(*serve));
    serve->loop = loop;
    serve->calls = calls;
    serve->owner = owner;
    serve->log = log;
    set_up(serve, options);
    struct listener_options listening = {.backlog = options->backlog};
    enum result result =
        listener_open(&serve->listener, loop, address, &listening, on_accept, serve, error);
    if (result != OK) {
        tear_down(serve);
        return result;
    }
    serve->listener.exhausted = on_exhausted;
    serve->listener.reserve = options->reserve;
    *out = serve;
    return OK;
}

const struct address *serve_address(const struct serve *serve)
{
    return &serve->listener.address;
}

const struct serve_counts *serve_counts(const struct serve *serve)
{
    return &serve->counts;
}

size_t serve_open_connections(const struct serve *serve)
{
    return serve->conn_count;
}

void serve_drain(struct serve *serve)
{
    if (serve->draining)
        return;
    serve->draining = true;
    listener_close(&serve->listener);
    list_foreach_safe (node, &serve->conns) {
        struct serve_conn *conn = list_entry(node, struct serve_conn, node);
        conn->keeps_alive = false;
        if (conn->state == SERVE_STATE_IDLE)
            serve_conn_close(conn, SERVE_REASON_STOPPING, false);
    }
}

void serve_close(struct serve **out)
{
    struct serve *serve = *out;
    if (!serve)
        return;
    serve_drain(serve);
    list_foreach_safe (node, &serve->conns) {
        struct serve_conn *conn = list_entry(node, struct serve_conn, node);
        serve_conn_close(conn, SERVE_REASON_STOPPING, false);
    }
    tear_down(serve);
    *out = NULL;
}
