/* SPDX-License-Identifier: MIT */
#include "chaos/conn/faulty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/memory.h"

enum { SCRATCH = 64 * 1024 };

/* A connection as it looks from one side of the faults: to the owner, or to the table that is
 * wrapped. What looks the same from both stays in the connection. */
struct view {
    const struct conn_ops *ops;
    void *ops_state;
    size_t used;
    int problem;
    bool readable, writable, peer_closed, truncated, more_follows;
};

struct faulty {
    struct conn *conn;
    struct faulty_shared *shared;
    struct view
        other; /* the one that is not in the connection: the wrapped one's, save in between */
    struct stream up, down;
    struct dialog *dialog; /* NULL: no fault touches messages */
    struct list expected;  /* struct expected: faults that wait for the next request */
    struct alarm alarm;
    int down_problem; /* errno that stands behind what came down; 0 = an end in good order */
    bool down_ended;  /* nothing more is read */
    bool up_ended;    /* the owner sends no more */
    bool up_broken;   /* the peer takes no more */
};

struct expected {
    struct list node;
    struct faulty_fault fault;
};

/* ---- from one side to the other */

static void cross(struct faulty *faulty)
{
    struct conn *conn = faulty->conn;
    struct view here = {conn->ops,         conn->ops_state, conn->used,
                        conn->problem,     conn->readable,  conn->writable,
                        conn->peer_closed, conn->truncated, conn->more_follows};
    const struct view *there = &faulty->other;
    conn->ops = there->ops;
    conn->ops_state = there->ops_state;
    conn->used = there->used;
    conn->problem = there->problem;
    conn->readable = there->readable;
    conn->writable = there->writable;
    conn->peer_closed = there->peer_closed;
    conn->truncated = there->truncated;
    conn->more_follows = there->more_follows;
    faulty->other = here;
}

/* ---- moving bytes, on the wrapped side */

static void note_activity(struct faulty *faulty, mono now)
{
    stream_active(&faulty->up, now);
    stream_active(&faulty->down, now);
}

/* The peer takes nothing any more. It may have said something before: that is read. */
static void up_broke(struct faulty *faulty)
{
    faulty->up_broken = true;
    faulty->conn->readable = faulty->conn->peer_closed = true;
}

static void drop_up(struct faulty *faulty)
{
    const char *bytes;
    for (size_t n; (n = stream_peek(&faulty->up, &bytes)) > 0;)
        stream_take(&faulty->up, n);
}

static void send_up(struct faulty *faulty, mono now)
{
    struct conn *conn = faulty->conn;
    const char *bytes;
    stream_run(&faulty->up, now);
    for (size_t n;
         conn->writable && !faulty->up_broken && (n = stream_peek(&faulty->up, &bytes)) > 0;) {
        ssize_t put = conn_write(conn, bytes, n);
        if (put > 0)
            stream_take(&faulty->up, (size_t)put);
        else if (put != CONN_AGAIN)
            up_broke(faulty);
    }
    if (faulty->up_broken)
        drop_up(faulty);
}

static void end_down(struct faulty *faulty, ssize_t why, mono now)
{
    faulty->down_ended = true;
    /* A reset comes behind what was on its way, as an end does. On a stale connection nobody learns
     * of either. */
    faulty->down_problem = why == CONN_FAILED ? errno : 0;
    stream_end(&faulty->down, now);
}

static void take_down(struct faulty *faulty, mono now)
{
    struct conn *conn = faulty->conn;
    struct faulty_shared *shared = faulty->shared;
    size_t room;
    while (conn->readable && !faulty->down_ended && (room = stream_room(&faulty->down)) > 0) {
        ssize_t got = conn_read(conn, shared->scratch, room < SCRATCH ? room : SCRATCH);
        if (got == CONN_AGAIN)
            break;
        if (got < 0) {
            end_down(faulty, got, now);
            break;
        }
        note_activity(faulty, now);
        stream_push(&faulty->down, shared->scratch, (size_t)got, now);
        stream_run(&faulty->down, now);
    }
    stream_run(&faulty->down, now);
}

/* ---- what the owner sees */

static bool is_over(const struct stream *stream)
{
    enum stream_state state = stream_state(stream);
    return state == STREAM_CUT || state == STREAM_RESET;
}

static bool was_reset(const struct faulty *faulty)
{
    return stream_state(&faulty->up) == STREAM_RESET || stream_state(&faulty->down) == STREAM_RESET;
}

/* A fault has closed the whole connection. */
static bool was_closed(const struct faulty *faulty)
{
    return is_over(&faulty->up) || is_over(&faulty->down);
}

static bool has_end(const struct faulty *faulty)
{
    return was_closed(faulty) || stream_state(&faulty->down) == STREAM_FINISHED;
}

static bool has_bytes(const struct faulty *faulty)
{
    const char *bytes;
    return stream_peek(&faulty->down, &bytes) > 0;
}

/* True: there is something that was not there before. */
static bool show(struct faulty *faulty)
{
    struct conn *conn = faulty->conn;
    bool readable = conn->readable, writable = conn->writable;
    if (has_end(faulty))
        conn->peer_closed = true;
    conn->readable = has_bytes(faulty) || has_end(faulty);
    conn->writable = stream_room(&faulty->up) > 0 || was_closed(faulty);
    return (conn->readable && !readable) || (conn->writable && !writable);
}

static void arm(struct faulty *faulty)
{
    mono up = stream_due(&faulty->up), down = stream_due(&faulty->down);
    mono due = mono_before(up, down) ? up : down;
    if (due.ns == STREAM_NEVER.ns || was_closed(faulty))
        alarm_stop(faulty->shared->alarms, &faulty->alarm);
    else
        alarm_set(faulty->shared->alarms, &faulty->alarm, due);
}

/* Moves what can be moved; `reads`: the peer is read from as well. */
static bool move(struct faulty *faulty, bool reads)
{
    mono now = mono_now();
    cross(faulty);
    send_up(faulty, now);
    if (reads || faulty->up_broken)
        take_down(faulty, now);
    else
        stream_run(&faulty->down, now);
    cross(faulty);
    arm(faulty);
    return show(faulty);
}

/* As move, within a call of the owner's: it is told of what is new later. */
static void move_quietly(struct faulty *faulty, bool reads)
{
    if (move(faulty, reads))
        turn_ask(&faulty->conn->turn, faulty->conn->loop);
}

/* ---- the table */

static void wake(struct faulty *faulty)
{
    struct conn *conn = faulty->conn;
    conn->used = faulty->other.used = 0;
    (void)move(faulty, true);
    if (conn->finishing)
        conn_finish(conn);
    conn->ready(conn, conn->owner);
}

static void on_alarm(void *arg)
{
    wake(arg);
}

static void faulty_event(struct conn *conn, short what)
{
    struct faulty *faulty = conn->ops_state;
    cross(faulty);
    conn_note_event(conn, what);
    cross(faulty);
    wake(faulty);
}

static ssize_t fail(int problem)
{
    errno = problem;
    return -1;
}

/* Nothing is to be read: why. */
static ssize_t end_of(struct faulty *faulty)
{
    if (was_reset(faulty))
        return fail(ECONNRESET);
    if (was_closed(faulty))
        return 0;
    if (stream_state(&faulty->down) != STREAM_FINISHED)
        return fail(EAGAIN);
    if (faulty->down_problem)
        return fail(faulty->down_problem);
    faulty->conn->truncated = faulty->other.truncated;
    return 0;
}

static ssize_t faulty_read(struct conn *conn, void *bytes, size_t n)
{
    struct faulty *faulty = conn->ops_state;
    const char *from;
    if (!has_bytes(faulty))
        (void)move(faulty, true);
    size_t length = was_reset(faulty) ? 0 : stream_peek(&faulty->down, &from);
    if (length == 0)
        return end_of(faulty);
    if (length > n)
        length = n;
    memcpy(bytes, from, length);
    stream_take(&faulty->down, length);
    /* There is room for what waits in the socket. */
    (void)move(faulty, true);
    return (ssize_t)length;
}

static ssize_t faulty_writev(struct conn *conn, const struct iovec *parts, int count)
{
    struct faulty *faulty = conn->ops_state;
    mono now = mono_now();
    size_t total = 0, room;
    if (was_closed(faulty))
        return fail(was_reset(faulty) ? ECONNRESET : EPIPE);
    for (; count > 0 && (room = stream_room(&faulty->up)) > 0; parts++, count--) {
        size_t n = parts->iov_len < room ? parts->iov_len : room;
        stream_push(&faulty->up, parts->iov_base, n, now);
        total += n;
        if (n < parts->iov_len)
            break;
    }
    if (total == 0)
        return fail(EAGAIN);
    note_activity(faulty, now);
    move_quietly(faulty, false);
    return (ssize_t)total;
}

/* The goodbye stands behind what is still on its way. */
static bool faulty_part(struct conn *conn)
{
    struct faulty *faulty = conn->ops_state;
    if (!faulty->up_ended)
        stream_end(&faulty->up, mono_now());
    faulty->up_ended = true;
    move_quietly(faulty, false);
    if (stream_state(&faulty->up) != STREAM_FINISHED && !faulty->up_broken)
        return false;
    cross(faulty);
    bool parted = conn_part(conn);
    cross(faulty);
    return parted;
}

static bool faulty_peer_gone(struct conn *conn)
{
    struct faulty *faulty = conn->ops_state;
    cross(faulty);
    bool gone = conn_peer_gone(conn);
    cross(faulty);
    if (gone)
        (void)move(faulty, true);
    return conn->peer_closed;
}

static void drop_dialog(struct faulty *faulty, mono now)
{
    for (struct list *node; (node = list_pop_front(&faulty->expected));)
        free(list_entry(node, struct expected, node));
    if (faulty->dialog)
        dialog_free(faulty->dialog, now);
    faulty->dialog = NULL;
}

static void release(struct faulty *faulty)
{
    drop_dialog(faulty, mono_now());
    alarm_stop(faulty->shared->alarms, &faulty->alarm);
    stream_release(&faulty->up);
    stream_release(&faulty->down);
    free(faulty);
}

static void faulty_close(struct conn *conn, bool orderly)
{
    struct faulty *faulty = conn->ops_state;
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (was_reset(faulty)) {
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        orderly = false;
    }
    cross(faulty);
    release(faulty);
    conn->ops->close(conn, orderly);
}

static struct conn_layer faulty_below(const struct conn *conn)
{
    const struct faulty *faulty = conn->ops_state;
    return (struct conn_layer){faulty->other.ops, faulty->other.ops_state};
}

static const struct conn_ops conn_faulty = {.name = "fault",
                                            .read = faulty_read,
                                            .writev = faulty_writev,
                                            .part = faulty_part,
                                            .close = faulty_close,
                                            .event = faulty_event,
                                            .peer_gone = faulty_peer_gone,
                                            .below = faulty_below};

/* ---- putting it on and off */

void faulty_shared_init(struct faulty_shared *shared, struct alarms *alarms, size_t limit)
{
    *shared = (struct faulty_shared){.alarms = alarms, .limit = limit};
}

void faulty_shared_release(struct faulty_shared *shared)
{
    free(shared->scratch);
    shared->scratch = NULL;
}

bool faulty_is_on(const struct conn *conn)
{
    return conn->ops == &conn_faulty;
}

static struct faulty *put_on(struct conn *conn, struct faulty_shared *shared, mono now)
{
    if (faulty_is_on(conn))
        return conn->ops_state;
    struct faulty *faulty = mem_alloc(1, sizeof(*faulty));
    if (!shared->scratch)
        shared->scratch = mem_alloc(1, SCRATCH);
    faulty->conn = conn;
    faulty->shared = shared;
    faulty->other = (struct view){.ops = &conn_faulty,
                                  .ops_state = faulty,
                                  .readable = conn->readable,
                                  .writable = conn->writable,
                                  .used = conn->used};
    list_init(&faulty->expected);
    stream_init(&faulty->up, shared->limit, now);
    stream_init(&faulty->down, shared->limit, now);
    alarm_init(&faulty->alarm, on_alarm, faulty);
    cross(faulty);
    return faulty;
}

/* The owner learns later of what the wrapped table has to say. */
static void take_off(struct faulty *faulty)
{
    struct conn *conn = faulty->conn;
    cross(faulty);
    release(faulty);
    turn_ask(&conn->turn, conn->loop);
}

static void settle(struct faulty *faulty, mono now)
{
    if (faulty->dialog && list_empty(&faulty->expected) && dialog_is_idle(faulty->dialog))
        drop_dialog(faulty, now);
    if (stream_is_plain(&faulty->up) && stream_is_plain(&faulty->down))
        take_off(faulty);
}

/* ---- messages */

static struct expected *expected_at(struct list *node)
{
    return list_entry(node, struct expected, node);
}

static void on_request(struct dialog *dialog, const struct dialog_request *request, mono now,
                       void *owner)
{
    struct faulty *faulty = owner;
    for (struct list *node; (node = list_pop_front(&faulty->expected));) {
        const struct faulty_fault *fault = &expected_at(node)->fault;
        bool up = fault->config->stream == FAULT_STREAM_UPSTREAM;
        dialog_touch(dialog, fault->id, fault->config, fault->key, up ? &fault->up : &fault->down,
                     now);
        free(expected_at(node));
    }
}

static void expect(struct faulty *faulty, const struct faulty_fault *fault)
{
    static const struct dialog_events events = {.ask = on_request};
    struct expected *expected = mem_alloc(1, sizeof(*expected));
    expected->fault = *fault;
    list_push_back(&faulty->expected, &expected->node);
    if (!faulty->dialog)
        faulty->dialog = dialog_new(&faulty->up, &faulty->down, &events, faulty);
}

static void change_message(struct faulty *faulty, unsigned id, const struct fault_config *config,
                           mono now)
{
    list_foreach (node, &faulty->expected)
        if (expected_at(node)->fault.id == id)
            expected_at(node)->fault.config = config;
    if (faulty->dialog)
        dialog_change(faulty->dialog, id, config, now);
}

static void forget_message(struct faulty *faulty, unsigned id, mono now)
{
    list_foreach_safe (node, &faulty->expected) {
        if (expected_at(node)->fault.id != id)
            continue;
        list_remove(node);
        free(expected_at(node));
    }
    if (faulty->dialog)
        dialog_let_go(faulty->dialog, id, now);
}

/* ---- for others */

void faulty_touch(struct conn *conn, struct faulty_shared *shared, const struct faulty_fault *fault,
                  mono now)
{
    struct faulty *faulty = put_on(conn, shared, now);
    const struct fault_config *config = fault->config;
    if (fault_row((enum fault_kind)config->kind)->class == FAULT_CLASS_MESSAGES) {
        expect(faulty, fault);
    } else {
        if (config->stream != FAULT_STREAM_DOWNSTREAM)
            stream_add(&faulty->up, fault->id, config, &fault->up, now);
        if (config->stream != FAULT_STREAM_UPSTREAM)
            stream_add(&faulty->down, fault->id, config, &fault->down, now);
    }
    move_quietly(faulty, false);
    if (faulty->other.readable) /* the loop will not say so again */
        turn_ask(&conn->turn, conn->loop);
}

void faulty_change(struct conn *conn, unsigned id, const struct fault_config *fault, mono now)
{
    if (!faulty_is_on(conn))
        return;
    struct faulty *faulty = conn->ops_state;
    stream_change(&faulty->up, id, fault, now);
    stream_change(&faulty->down, id, fault, now);
    change_message(faulty, id, fault, now);
    move_quietly(faulty, false);
}

void faulty_let_go(struct conn *conn, unsigned id, mono now)
{
    if (!faulty_is_on(conn))
        return;
    struct faulty *faulty = conn->ops_state;
    stream_remove(&faulty->up, id, now);
    stream_remove(&faulty->down, id, now);
    forget_message(faulty, id, now);
    move_quietly(faulty, false);
    settle(faulty, now);
}
