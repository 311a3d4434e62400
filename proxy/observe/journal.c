/* SPDX-License-Identifier: MIT */
#include "proxy/observe/journal.h"

#include <stdio.h>

#include "proxy/fault/engine.h"
#include "proxy/process/proxy.h"
#include "proxy/request/attempt.h"

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
    mono ready = mono_is_set(attempt->secured) ? attempt->secured : attempt->connected;
    record->connect = phase(attempt->connecting, attempt->connected);
    record->tls = phase(attempt->connected, attempt->secured);
    record->send = phase(ready, attempt->sent);
    record->wait = phase(attempt->sent, attempt->first_byte);
    record->receive = phase(attempt->first_byte, attempt->last_byte);
}

/* The request has met what its tries have. */
static void note_faults(struct exchange *exchange)
{
    const struct record_names *of_try = &exchange->attempt.record.faults;
    for (size_t i = 0; i < RECORD_NAMES && of_try->of[i] != 0; i++)
        record_names_add(&exchange->record.faults, (uint16_t)(of_try->of[i] - 1));
}

void journal_close_attempt(struct exchange *exchange, enum cause outcome, bool retried)
{
    struct attempt_record *record = &exchange->attempt.record;
    fill_attempt_phases(record, &exchange->attempt);
    record->trace_id = exchange->record.trace_id;
    record->upstream = exchange->upstream->name_id;
    record->total = phase(exchange->attempt.started, exchange->worker->now);
    if (outcome == CAUSE_UPSTREAM_STATUS)
        outcome = attempt_cause_of_status(&exchange->attempt);
    record->outcome = (uint16_t)outcome;
    record->retried = retried;
    if (record->faults.of[0] != 0)
        note_faults(exchange);
}

void journal_append_attempt(struct worker *worker, const struct attempt_record *record)
{
    RECORD_APPEND(worker->records, ATTEMPT, attempt, record);
}

void journal_touch(const struct culprit *culprit, const struct journal_touched *touched)
{
    const struct occurrence *occurrence = &culprit->live->occurrence;
    struct fault_record row = {.name = culprit->rule->common->name_id,
                               .target = touched->endpoint,
                               .ordinal = touched->key,
                               .planned_at = occurrence->at.ns,
                               .planned_for = occurrence->lasting.ns,
                               .started = touched->since.ns,
                               .ended = mono_now().ns};
    if (touched->trace)
        row.trace_id = *touched->trace;
    snprintf(row.kind, sizeof(row.kind), "%s", culprit_row(culprit)->name);
    RECORD_APPEND(culprit->engine->worker->records, FAULT, fault, &row);
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

static void write_lines(struct worker *worker, bool last)
{
    struct access_log *access = &worker->proxy->access;
    struct access_lines *lines = &worker->access_lines;
    uint64_t lost = last ? access_write_rest(access, lines, &worker->log)
                         : access_write(access, lines, &worker->log);
    for (; lost > 0; lost--)
        counter_add(&worker->counters.of[COUNTER_ACCESS_LOST]);
    if (buf_len(&lines->text) > 0)
        timer_start(&worker->access_flush, ACCESS_DELAY);
}

static void append_line(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;
    const struct attempt *attempt = &exchange->attempt;
    const struct request_record *record = &exchange->record;
    const struct pool *pool = exchange->attempts > 0 ? attempt->pool : NULL;
    uint64_t head_in = exchange->client->head_bytes, head_out = exchange->head_bytes_out;
    const struct access_entry entry = {
        .record = record,
        .texts = exchange->texts,
        .started = {record->started + worker->source.clock_offset.ns},
        .gateway = worker->config->name,
        .upstream = exchange->upstream ? exchange->upstream->config->name : NULL,
        .endpoint = pool ? pool->name : NULL,
        .body_in = record->bytes_in > head_in ? record->bytes_in - head_in : 0,
        .body_out = record->bytes_out > head_out ? record->bytes_out - head_out : 0,
        .delayed = exchange->fault_delayed,
        .connected = exchange->attempts > 0 && mono_is_set(attempt->connected),
        .clients = worker->client_slab.in_use,
        .exchanges = worker->exchange_slab.in_use,
        .endpoint_connections = pool ? atomic_load(&pool->shared->connections) : 0,
        .queued_behind = exchange->queued_behind};
    access_line_append(&worker->access_lines.text, worker->proxy->access.format, &entry,
                       &worker->access_clock);
}

static void log_access(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;
    struct buf *text = &worker->access_lines.text;
    if (worker->proxy->access.fd < 0)
        return;
    if (worker->proxy->access.format == ACCESS_JSON)
        record_append_json(text, &worker->source, RECORD_KIND_REQUEST, &exchange->record);
    else
        append_line(exchange);
    if (buf_len(text) >= ACCESS_PIECE)
        write_lines(worker, false);
    else if (!timer_running(&worker->access_flush))
        timer_start(&worker->access_flush, ACCESS_DELAY);
}

void journal_keep_texts(struct exchange *exchange, const struct http_head *head)
{
    const struct access_log *access = &exchange->worker->proxy->access;
    if (access->fd < 0 || !access_format_has_texts(access->format))
        return;
    exchange->texts = slab_get(&exchange->worker->texts_slab);
    access_texts_keep(exchange->texts, access->format, head);
}

void journal_request(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;
    struct request_record *record = &exchange->record;
    fill_request_phases(exchange);
    counter_add(&worker->counters.status[record->status < STATUS_SLOTS ? record->status : 0]);
    counter_add(&worker->counters.cause[record->cause]);
    if (exchange->upstream)
        latency_note(&exchange->upstream->shared->latency[worker->number],
                     duration_ns(record->total));
    log_access(exchange);
    if (exchange->texts)
        slab_put(&worker->texts_slab, exchange->texts);
    RECORD_APPEND(worker->records, REQUEST, request, record);
}

void journal_state(struct worker *worker, enum state_kind kind, uint16_t subject, uint64_t value)
{
    journal_state_at(worker, worker->now, kind, subject, value);
}

void journal_state_at(struct worker *worker, mono at, enum state_kind kind, uint16_t subject,
                      uint64_t value)
{
    const struct record_source *source = &worker->source;
    log_debug(&worker->log, NULL, "%s (%llu)", state_kind_name(kind), (unsigned long long)value);
    state_log_say(&worker->state_log, &worker->log, kind,
                  subject < source->name_count ? source->names[subject] : NULL, worker->now);
    const struct state_record row = {
        .at = at.ns, .kind = (uint16_t)kind, .subject = subject, .value = value};
    RECORD_APPEND(worker->records, STATE, state, &row);
}

void journal_flush(struct worker *worker)
{
    write_lines(worker, false);
}

void journal_end(struct worker *worker)
{
    write_lines(worker, true);
}
