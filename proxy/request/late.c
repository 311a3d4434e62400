/* SPDX-License-Identifier: MIT */
#include "proxy/request/late.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "proxy/observe/journal.h"
#include "proxy/request/response.h"

/* A try that was given up. */
struct late {
    struct list node; /* in worker->late */
    struct uplink *uplink;
    struct attempt_record record;
    mono gave_up;
    struct timeout window;
};

static const struct late_config *config_of(const struct upstream *upstream)
{
    return &upstream->config->late;
}

/* Those whose end says nothing of when the response would have come. */
static bool hides_the_truth(enum cause outcome)
{
    return outcome == CAUSE_RESPONSE_TIMEOUT || outcome == CAUSE_TOTAL_TIMEOUT ||
           outcome == CAUSE_CLIENT_ABORT;
}

bool late_wants(const struct exchange *exchange, enum cause outcome)
{
    const struct attempt *attempt = &exchange->attempt;
    struct upstream *upstream = exchange->upstream;
    if (!hides_the_truth(outcome) || upstream->late.after.ns == 0 || !exchange->worker->records)
        return false;
    if (!attempt->uplink || attempt->uplink->state != UPLINK_BUSY || !mono_is_set(attempt->sent) ||
        attempt->record.status != 0)
        return false;
    if (upstream->listening < config_of(upstream)->connections)
        return true;
    counter_add(&exchange->worker->counters.of[COUNTER_LATE_REFUSED]);
    return false;
}

/* `came`: the response has. */
static void end(struct late *late, bool came)
{
    struct uplink *uplink = late->uplink;
    struct upstream *upstream = uplink->upstream;
    struct worker *worker = upstream->worker;
    late->record.listened = mono_between(late->gave_up, worker->now).ns;
    if (came)
        late->record.late = late->record.listened;
    journal_append_attempt(worker, &late->record);
    timeout_cancel(&late->window);
    list_remove(&late->node);
    upstream->listening--;
    uplink->late = NULL;
    uplink_close(uplink, came ? "answered too late" : "not answered, too late as it is");
    free(late);
}

static void window_over(void *arg)
{
    struct late *late = arg;
    worker_enter(late->uplink->upstream->worker);
    end(late, false);
}

void late_listen(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;
    struct upstream *upstream = exchange->upstream;
    struct uplink *uplink = exchange->attempt.uplink;
    struct late *late = mem_alloc(1, sizeof(*late));
    late->uplink = uplink;
    late->record = exchange->attempt.record;
    late->gave_up = worker->now;
    timeout_init(&late->window, window_over, late);
    timeout_arm(&upstream->late, &late->window, worker->now);
    list_push_back(&worker->late, &late->node);
    upstream->listening++;
    counter_add(&worker->counters.of[COUNTER_LATE_LISTENED]);
    exchange->attempt.uplink = NULL;
    uplink_set_apart(uplink, late);
}

/* Whether the final response's head has come, or what is no head: that is an answer as well. What
 * the backend says in it of the time it took is what the timeout hid. */
static bool has_come(struct uplink *uplink)
{
    struct http_head *head = &uplink->upstream->worker->response_head;
    for (;;) {
        size_t length =
            http_head_end(buf_head(&uplink->in), buf_len(&uplink->in), &uplink->head_scanned);
        if (length == 0)
            return buf_len(&uplink->in) > config_of(uplink->upstream)->bytes;
        if (http_parse_response(head, buf_head(&uplink->in), length))
            return true;
        if (head->status >= 200) {
            response_note_timing(&uplink->late->record, head);
            return true;
        }
        uplink->head_scanned = 0;
        buf_consume(&uplink->in, length);
    }
}

void late_ready(struct uplink *uplink)
{
    struct worker *worker = uplink->upstream->worker;
    while (uplink->conn.readable) {
        ssize_t got = conn_read(&uplink->conn, worker->scratch, LENT_SIZE);
        if (got == CONN_AGAIN)
            return;
        if (got > 0)
            buf_append(&uplink->in, worker->scratch, (size_t)got);
        bool came = got > 0 && has_come(uplink);
        if (came || got < 0) {
            end(uplink->late, came);
            return;
        }
    }
}

void late_end_all(struct worker *worker)
{
    worker_enter(worker);
    list_foreach_safe (node, &worker->late)
        end(list_entry(node, struct late, node), false);
}
