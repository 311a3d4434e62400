/* SPDX-License-Identifier: MIT */
#include "proxy/journal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proxy/proxy.h"

/* Access log lines are written out in pieces of about this size, or after ACCESS_DELAY. */
enum { ACCESS_PIECE = 32768 };
static const duration ACCESS_DELAY = {500 * NS_PER_MS};

/* The length of a phase, or -1 when one of its ends was not reached. */
static int64_t phase(mono start, mono end)
{
    return mono_is_set(start) && mono_is_set(end) ? mono_between(start, end).ns : -1;
}

static void fill_attempt_phases(struct attempt_record *record, const struct attempt *attempt)
{
    record->started = attempt->started.ns;
    record->connect = phase(attempt->connecting, attempt->connected);
    record->tls = -1;
    record->send = phase(attempt->connected, attempt->sent);
    record->wait = phase(attempt->sent, attempt->first_byte);
    record->receive = phase(attempt->first_byte, attempt->last_byte);
}

void journal_attempt(struct exchange *exchange, enum cause outcome, bool retried)
{
    struct worker *worker = exchange->worker;
    struct attempt_record *record = &exchange->attempt.record;
    fill_attempt_phases(record, &exchange->attempt);
    record->trace_id = exchange->record.trace_id;
    record->number = (uint16_t)exchange->attempts;
    record->upstream = exchange->upstream->name_id;
    record->outcome = (uint16_t)outcome;
    record->retried = retried;
    struct attempt_record *slot = RECORD_BEGIN(worker->records, ATTEMPT, attempt);
    if (!slot)
        return;
    *slot = *record;
    record_commit(worker->records);
}

static void fill_request_phases(struct exchange *exchange)
{
    struct request_record *record = &exchange->record;
    struct attempt_record last = {.connect = -1, .tls = -1, .send = -1, .wait = -1, .receive = -1};
    mono end = mono_now();
    if (exchange->attempts > 0)
        fill_attempt_phases(&last, &exchange->attempt);
    record->started = exchange->started.ns;
    record->attempts = (uint16_t)exchange->attempts;
    record->read = phase(exchange->started, exchange->head_read);
    record->queue = exchange->queue_ns;
    record->connect = last.connect;
    record->tls = last.tls;
    record->send = last.send;
    record->wait = last.wait;
    record->receive = last.receive;
    record->deliver = phase(exchange->received, exchange->delivered);
    record->cleanup = phase(exchange->delivered, end);
    mono until = mono_is_set(exchange->delivered) ? exchange->delivered : end;
    record->total = mono_between(exchange->started, until).ns;
}

static void log_access(struct worker *worker, const struct request_record *record)
{
    if (worker->proxy->access_fd < 0)
        return;
    record_append_json(&worker->access_lines, &worker->source, RECORD_KIND_REQUEST, record);
    if (buf_len(&worker->access_lines) >= ACCESS_PIECE)
        journal_flush(worker);
    else if (!timer_running(&worker->access_flush))
        timer_start(&worker->access_flush, ACCESS_DELAY);
}

void journal_request(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;
    struct request_record *record = &exchange->record;
    fill_request_phases(exchange);
    counter_add(&worker->counters.status[record->status < STATUS_SLOTS ? record->status : 0]);
    counter_add(&worker->counters.cause[record->cause]);
    log_access(worker, record);
    struct request_record *slot = RECORD_BEGIN(worker->records, REQUEST, request);
    if (!slot)
        return;
    *slot = *record;
    record_commit(worker->records);
}

void journal_state(struct worker *worker, enum state_kind kind, uint16_t subject, uint64_t value)
{
    log_debug(&worker->log, NULL, "%s (%llu)", state_kind_name(kind), (unsigned long long)value);
    struct state_record *slot = RECORD_BEGIN(worker->records, STATE, state);
    if (!slot)
        return;
    *slot = (struct state_record){
        .at = worker->now.ns, .kind = (uint16_t)kind, .subject = subject, .value = value};
    record_commit(worker->records);
}

void journal_flush(struct worker *worker)
{
    struct buf *lines = &worker->access_lines;
    while (buf_len(lines) > 0) {
        ssize_t put = write(worker->proxy->access_fd, buf_head(lines), buf_len(lines));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            log_error(&worker->log, NULL, "access log: %zu bytes lost: %s", buf_len(lines),
                      strerror(errno));
            buf_clear(lines);
            return;
        }
        buf_consume(lines, (size_t)put);
    }
}
