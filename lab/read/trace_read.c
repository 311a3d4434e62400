/* SPDX-License-Identifier: MIT */
#include "lab/read/trace_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "lab/read/column.h"
#include "lab/read/query.h"
#include "lib/base/clock.h"
#include "lib/base/hist.h"
#include "lib/base/memory.h"
#include "lib/base/units.h"
#include "lib/record/cause.h"

/* A try as it stands in the database; the trace's own is made of it when all are there. */
struct raw_try {
    struct trace_try try;
    int64_t late, listened; /* negative: not */
    int64_t request_end;    /* from the try's start */
    uint64_t connection;
    uint32_t worker;
    int64_t round;
    bool answered;
};

/* A gateway tells the time once for all it does in a turn: so far may two moments be apart. */
#define CLOCK_SLACK (100 * NS_PER_MS)
/* From this share of the requests it is the clocks that are apart. */
#define MOST_APART 0.01

struct seen_endpoint {
    int64_t round;
    char *name;
};

struct reading {
    struct trace *trace;
    struct trace_facts *facts;
    const struct trace_source *source;
    struct raw_try *raws;
    size_t capacity, raw_count, raw_capacity;
    size_t backwards;
    struct trace_flaw apart; /* requests with records of both sides: at moments that do not fit */
    struct seen_endpoint *endpoints;
    size_t endpoint_count;
};

static int64_t or_zero(int64_t span)
{
    return span < 0 ? 0 : span;
}

/* ---- rounds and requests */

static void take_round(void *context, sqlite3_stmt *row)
{
    struct trace *trace = ((struct reading *)context)->trace;
    trace->rounds = mem_grow(trace->rounds, trace->round_count + 1, sizeof(*trace->rounds));
    int64_t length = or_zero(column_length(row, 1));
    trace->rounds[trace->round_count++] = (struct trace_round){
        .number = sqlite3_column_int64(row, 0),
        .duration = length < DURATION_LONGEST_NS ? length : DURATION_LONGEST_NS};
}

static void take_upstream(void *context, sqlite3_stmt *row)
{
    struct trace_facts *facts = context;
    snprintf(facts->upstream, sizeof(facts->upstream), "%s", column_text_or_empty(row, 0));
}

static bool is_idempotent(const char *method)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(methods[i], method) == 0)
            return true;
    return false;
}

static enum cause cause_of(sqlite3_stmt *row, int column)
{
    enum cause cause = cause_by_name(column_text_or_empty(row, column));
    return cause == CAUSE_COUNT ? CAUSE_NONE : cause;
}

/* Whether it came to the upstream, or would have: a full queue is part of what is replayed. */
static bool is_of_upstream(const struct reading *reading, sqlite3_stmt *row, enum cause cause)
{
    if (sqlite3_column_type(row, 8) == SQLITE_NULL)
        return sqlite3_column_type(row, 5) == SQLITE_NULL; /* it was never sent */
    if (strcmp(column_text_or_empty(row, 9), reading->source->upstream) != 0)
        return false;
    return sqlite3_column_int(row, 10) > 0 || cause == CAUSE_QUEUE_FULL ||
           cause == CAUSE_QUEUE_TIMEOUT;
}

static bool is_shut_out(enum cause cause)
{
    return cause == CAUSE_NO_ENDPOINT || cause == CAUSE_BREAKER_OPEN || cause == CAUSE_SHED ||
           cause == CAUSE_RATE_LIMITED || cause == CAUSE_RATE_WAIT_LIMIT;
}

static struct trace_request *add_request(struct reading *reading, int64_t round)
{
    struct trace *trace = reading->trace;
    size_t at = 0;
    while (at < trace->round_count && trace->rounds[at].number != round)
        at++;
    if (at == trace->round_count)
        return NULL;
    trace->requests = mem_room(trace->requests, trace->request_count, &reading->capacity,
                               sizeof(*trace->requests));
    if (trace->rounds[at].count++ == 0)
        trace->rounds[at].from = trace->request_count;
    return &trace->requests[trace->request_count++];
}

/* A request cannot come to the gateway before it is due, nor after it was answered (one that its
 * client gave up can: it lay in a socket). Nor is it sent after its answer; but what is given up
 * while it waits for a connection of the generator may be sent all the same. */
static void check_moments(struct reading *reading, sqlite3_stmt *row)
{
    int64_t sent = column_length(row, 5), took = sqlite3_column_int64(row, 6);
    bool answered = strcmp(column_text_or_empty(row, 7), "none") == 0;
    bool recorded = sqlite3_column_type(row, 8) != SQLITE_NULL;
    bool well = answered && sqlite3_column_int(row, 15) < 500;
    reading->backwards += took < 0 || took > DURATION_LONGEST_NS || (answered && sent > took);
    /* Worse answers may be those of a fault on the way to the gateway. */
    reading->facts->requests.of += well;
    reading->facts->requests.count += well && !recorded;
    if (!recorded)
        return;
    int64_t came = sqlite3_column_int64(row, 8);
    reading->apart.of++;
    reading->apart.count += came < -CLOCK_SLACK || (answered && came > took + CLOCK_SLACK);
}

static void take_request(void *context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    struct trace_request *request = add_request(reading, sqlite3_column_int64(row, 0));
    if (!request)
        return;
    int64_t sent = column_length(row, 5), took = sqlite3_column_int64(row, 6);
    enum cause cause = cause_of(row, 11);
    *request = (struct trace_request){
        .intended = sqlite3_column_int64(row, 2),
        .lag = or_zero(column_length(row, 3)),
        .before = -1,
        .after = -1,
        .fixed = -1,
        .latency = took,
        .ordinal = (uint64_t)sqlite3_column_int64(row, 1),
        .tries = (uint32_t)sqlite3_column_int64(row, 10),
        .worker = (uint16_t)sqlite3_column_int64(row, 13),
        .cause = (uint8_t)cause,
        .failed = cause_is_gateway_failure(cause, sqlite3_column_int(row, 12)),
        .unanswered = strcmp(column_text_or_empty(row, 7), "none") != 0,
        .gave_up = strcmp(column_text_or_empty(row, 7), "timeout") == 0,
        .measured = !sqlite3_column_int(row, 4),
        .repeatable = is_idempotent(column_text_or_empty(row, 14))};
    check_moments(reading, row);
    if (is_of_upstream(reading, row, cause)) {
        reading->facts->tries.of += request->tries;
        return;
    }
    request->fixed = sent >= 0 ? took - sent : 0;
    reading->facts->elsewhere += request->measured;
    reading->facts->shut_out += request->measured && is_shut_out(cause);
}

/* ---- tries */

/* Endpoints have other addresses in each round: they are numbered within theirs. */
static uint16_t intern_endpoint(struct reading *reading, int64_t round, const char *name)
{
    uint16_t number = 0;
    for (size_t i = 0; i < reading->endpoint_count; i++) {
        if (reading->endpoints[i].round != round)
            continue;
        if (strcmp(reading->endpoints[i].name, name) == 0)
            return number;
        number++;
    }
    reading->endpoints =
        mem_grow(reading->endpoints, reading->endpoint_count + 1, sizeof(*reading->endpoints));
    reading->endpoints[reading->endpoint_count++] = (struct seen_endpoint){round, mem_text(name)};
    if (number >= reading->trace->endpoint_count)
        reading->trace->endpoint_count = number + 1u;
    return number;
}

static struct trace_request *find_request(const struct trace *trace, int64_t number,
                                          uint64_t ordinal)
{
    size_t at = 0;
    while (at < trace->round_count && trace->rounds[at].number != number)
        at++;
    if (at == trace->round_count)
        return NULL;
    size_t low = trace->rounds[at].from, end = low + trace->rounds[at].count, high = end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (trace->requests[middle].ordinal < ordinal)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && trace->requests[low].ordinal == ordinal ? &trace->requests[low] : NULL;
}

/* From the start of the try until its request was sent, and until its response's head came; the
 * second is negative when it did not. */
static void read_phases(struct trace_try *try, sqlite3_stmt *row)
{
    try->sent = or_zero(column_length(row, 7)) + or_zero(column_length(row, 8)) +
                or_zero(column_length(row, 9));
    int64_t wait = column_length(row, 10);
    try->ended = wait < 0 ? -1 : try->sent + wait;
    try->receive = or_zero(column_length(row, 11));
}

/* No length of time of a try is negative, or longer than any that is ever read; those from column
 * 14 on may be negative, as they are differences of two clock readings. */
static bool is_possible(const struct trace_request *request, int64_t at, sqlite3_stmt *row)
{
    static const int lengths[] = {7, 8, 9, 10, 11, 14, 15, 16, 17};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        int64_t length = sqlite3_column_int64(row, lengths[i]);
        if ((length < 0 && lengths[i] < 14) || length > DURATION_LONGEST_NS)
            return false;
    }
    return at >= request->intended - CLOCK_SLACK && at <= DURATION_LONGEST_NS;
}

static void take_try(void *context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    struct trace *trace = reading->trace;
    struct trace_request *request =
        find_request(trace, sqlite3_column_int64(row, 0), (uint64_t)sqlite3_column_int64(row, 1));
    if (!request || request->fixed >= 0)
        return;
    reading->raws =
        mem_room(reading->raws, reading->raw_count, &reading->raw_capacity, sizeof(*reading->raws));
    struct raw_try *raw = &reading->raws[reading->raw_count++];
    *raw =
        (struct raw_try){.try = {.at = sqlite3_column_int64(row, 2),
                                 .idle = -1,
                                 .request = (uint32_t)(request - trace->requests),
                                 .number = (uint16_t)sqlite3_column_int64(row, 3),
                                 .endpoint = intern_endpoint(reading, sqlite3_column_int64(row, 0),
                                                             column_text_or_empty(row, 4)),
                                 .status = (uint16_t)sqlite3_column_int64(row, 13),
                                 .cause = (uint8_t)cause_of(row, 12)},
                         .connection = (uint64_t)sqlite3_column_int64(row, 5),
                         .worker = (uint32_t)sqlite3_column_int64(row, 6),
                         .round = sqlite3_column_int64(row, 0),
                         .late = column_length(row, 14),
                         .listened = column_length(row, 15),
                         .request_end = or_zero(column_length(row, 16))};
    if (!is_possible(request, raw->try.at, row)) {
        reading->backwards++;
        return;
    }
    read_phases(&raw->try, row);
    raw->answered = raw->try.ended >= 0;
    if (raw->try.number != 1)
        return;
    int64_t before = column_length(row, 17);
    if (before >= 0)
        request->before = before;
}

/* ---- what a try that was given up would have met */

static bool was_given_up(const struct raw_try *raw)
{
    enum cause cause = (enum cause)raw->try.cause;
    return !raw->answered && (cause == CAUSE_RESPONSE_TIMEOUT || cause == CAUSE_TOTAL_TIMEOUT ||
                              cause == CAUSE_CLIENT_ABORT || cause == CAUSE_HEDGE_LOST ||
                              cause == CAUSE_SEND_TIMEOUT);
}

/* When the gateway gave it up: its own timeouts say so where they ended it; otherwise the request's
 * end does. */
static int64_t given_up_after(const struct reading *reading, const struct raw_try *raw)
{
    int64_t response = reading->source->response, per_try = reading->source->per_try;
    int64_t limit = response > 0 ? raw->try.sent + response : INT64_MAX;
    if (per_try > 0 && per_try < limit)
        limit = per_try;
    bool by_timeout = raw->try.cause == CAUSE_RESPONSE_TIMEOUT && limit < INT64_MAX;
    return by_timeout ? limit : raw->request_end;
}

static void settle(const struct reading *reading, struct raw_try *raw)
{
    struct trace_try *try = &raw->try;
    if (raw->answered) {
        /* A head that came is an answer, whatever became of it then. */
        if (try->cause != CAUSE_UPSTREAM_STATUS && try->cause != CAUSE_BODY_TRUNCATED &&
            try->cause != CAUSE_BODY_TIMEOUT)
            try->cause = CAUSE_NONE;
        return;
    }
    if (!was_given_up(raw)) {
        try->ended = raw->request_end;
        return;
    }
    bool lost = try->cause == CAUSE_HEDGE_LOST;
    reading->facts->given_up += !lost;
    int64_t until = given_up_after(reading, raw);
    if (raw->listened > reading->facts->listened)
        reading->facts->listened = raw->listened;
    if (raw->late >= 0) {
        reading->facts->heard_late += !lost;
        try->ended = until + raw->late;
        try->cause = CAUSE_NONE;
        try->status = 200;
        return;
    }
    reading->facts->hedge_lost += lost;
    try->censored = true;
    try->ended = until + or_zero(raw->listened);
}

/* ---- idle connections */

static int by_connection(const void *a, const void *b)
{
    const struct raw_try *one = a, *other = b;
    if (one->round != other->round)
        return one->round < other->round ? -1 : 1;
    if (one->worker != other->worker)
        return one->worker < other->worker ? -1 : 1;
    if (one->connection != other->connection)
        return one->connection < other->connection ? -1 : 1;
    return (one->try.at > other->try.at) - (one->try.at < other->try.at);
}

/* A connection carries one request behind another: how long it lay idle between two is known. */
static void find_idle(struct reading *reading)
{
    qsort(reading->raws, reading->raw_count, sizeof(*reading->raws), by_connection);
    for (size_t i = 1; i < reading->raw_count; i++) {
        const struct raw_try *before = &reading->raws[i - 1];
        struct raw_try *raw = &reading->raws[i];
        if (before->round != raw->round || before->worker != raw->worker ||
            before->connection != raw->connection || raw->connection == 0 || !before->answered)
            continue;
        int64_t idle = raw->try.at - before->try.at - before->try.ended - before->try.receive;
        raw->try.idle = or_zero(idle);
        reading->facts->reuses++;
    }
}

static void find_lag(const struct reading *reading)
{
    struct hist *lags = hist_new();
    for (size_t i = 0; i < reading->trace->request_count; i++)
        hist_record(lags, duration_ns(reading->trace->requests[i].lag));
    reading->facts->lag_p99 = hist_quantile(lags, 0.99).ns;
    hist_free(&lags);
}

static void keep_tries(struct reading *reading)
{
    struct trace *trace = reading->trace;
    trace->tries = mem_alloc(reading->raw_count + 1, sizeof(*trace->tries));
    find_idle(reading);
    for (size_t i = 0; i < reading->raw_count; i++) {
        settle(reading, &reading->raws[i]);
        trace->tries[trace->try_count++] = reading->raws[i].try;
    }
}

static void take_ejections(void *context, sqlite3_stmt *row)
{
    ((struct reading *)context)->facts->ejections = (size_t)sqlite3_column_int64(row, 0);
}

/* From the response's head to its end at the client. */
static void take_after(void *context, sqlite3_stmt *row)
{
    struct trace *trace = ((struct reading *)context)->trace;
    struct trace_request *request =
        find_request(trace, sqlite3_column_int64(row, 0), (uint64_t)sqlite3_column_int64(row, 1));
    if (request && sqlite3_column_type(row, 2) != SQLITE_NULL)
        request->after = or_zero(sqlite3_column_int64(row, 2));
}

static void take_tally(void *context, sqlite3_stmt *row)
{
    struct trace_flaw *clients = &((struct reading *)context)->facts->clients;
    size_t records = (size_t)sqlite3_column_int64(row, 0);
    clients->of = (size_t)or_zero(column_length(row, 1));
    clients->count = records < clients->of ? clients->of - records : 0;
}

static void count_beyond(struct reading *reading)
{
    const struct trace *trace = reading->trace;
    for (size_t r = 0; r < trace->round_count; r++)
        for (size_t i = 0; i < trace->rounds[r].count; i++) {
            const struct trace_request *request = &trace->requests[trace->rounds[r].from + i];
            reading->facts->beyond.of += request->measured;
            reading->facts->beyond.count +=
                request->measured && (request->intended < -CLOCK_SLACK ||
                                      request->intended > trace->rounds[r].duration + CLOCK_SLACK);
        }
}

static const char upstream_sql[] =
    "SELECT upstream FROM request WHERE variant = ?1 AND upstream IS NOT NULL"
    " GROUP BY upstream ORDER BY count(*) DESC LIMIT 1";
static const char rounds_sql[] =
    "SELECT round, duration_ns FROM round WHERE variant = ?1 AND epoch_ns > 0 ORDER BY round";
static const char requests_sql[] =
    "SELECT c.round, c.ordinal, c.intended_ns - d.epoch_ns, c.lag_ns, c.warmup,"
    " c.sent_ns - c.intended_ns, c.done_ns - c.intended_ns, c.error,"
    " r.started_ns - c.intended_ns, r.upstream, r.attempts, r.cause, r.status, r.worker, c.method,"
    " c.status"
    " FROM client c JOIN round d ON d.variant = c.variant AND d.round = c.round"
    " LEFT JOIN request r ON " SAME_REQUEST("r", "c") //
    " WHERE c.variant = ?1 AND c.ordinal < ?2 AND d.epoch_ns > 0 ORDER BY c.round, c.ordinal";
static const char tries_sql[] =
    "SELECT c.round, c.ordinal, a.started_ns - d.epoch_ns, a.number, a.endpoint, a.connection,"
    " a.worker, a.connect_ns, a.tls_ns, a.send_ns, a.wait_ns, a.receive_ns, a.outcome, a.status,"
    " a.late_ns, a.listened_ns, coalesce((SELECT n.started_ns FROM attempt n WHERE " SAME_REQUEST(
        "n", "a") " AND n.number = a.number + 1 AND a.retried),"
                  " r.started_ns + r.total_ns) - a.started_ns,"
                  " a.started_ns - c.sent_ns - coalesce(r.queue_ns, 0)"
                  " FROM client c JOIN round d ON d.variant = c.variant AND d.round = c.round"
                  " JOIN attempt a ON " SAME_REQUEST("a", "c") //
    " LEFT JOIN request r ON " SAME_REQUEST("r", "c")          //
    " WHERE c.variant = ?1 AND c.ordinal < ?2 AND d.epoch_ns > 0";
static const char after_sql[] =
    "SELECT c.round, c.ordinal, c.done_ns - CASE WHEN a.wait_ns IS NOT NULL"
    " THEN a.started_ns + coalesce(a.connect_ns, 0) + coalesce(a.tls_ns, 0) +"
    "  coalesce(a.send_ns, 0) + a.wait_ns"
    " ELSE r.started_ns + r.total_ns END"
    " FROM client c JOIN request r ON " SAME_REQUEST("r", "c") //
    " JOIN attempt a ON " SAME_REQUEST("a", "c")               //
    " WHERE c.variant = ?1 AND c.ordinal < ?2 AND a.outcome <> 'hedge_lost' AND NOT a.retried AND "
    "c.error = 'none'";
static const char clients_sql[] =
    "SELECT (SELECT count(*) FROM client WHERE variant = ?1), coalesce(sum(n), 0)"
    " FROM tally WHERE variant = ?1 AND what = 'done'";
static const char ejections_sql[] =
    "SELECT count(*) FROM state WHERE variant = ?1"
    " AND kind IN ('endpoint_ejected', 'breaker_opened', 'endpoint_down')";

/* A round of which only the beginning was read, or in which no more was sent, is as long as that:
 * time without requests says nothing. */
static void cut_round(struct reading *reading, struct trace_round *round, size_t most)
{
    if (round->count == 0)
        return;
    bool cut = round->count >= most;
    reading->facts->cut |= cut;
    if (!cut &&
        reading->trace->requests[round->from + round->count - 1].intended >= round->duration / 2)
        return;
    int64_t last = reading->trace->requests[round->from + round->count - 1].intended + 1;
    round->duration = last > 0 && last < round->duration ? last : round->duration;
}

static enum result read_all(struct reading *reading, const struct recorded_run *run,
                            struct error *error)
{
    static const struct {
        const char *sql;
        query_row *visit;
    } queries[] = {{requests_sql, take_request}, {tries_sql, take_try}, {after_sql, take_after}};
    const int64_t variant = reading->source->variant;
    enum result result = query_each(run->db, rounds_sql, &variant, 1, take_round, reading, error);
    size_t rounds = reading->trace->round_count;
    const int64_t parameters[] = {variant, TRACE_MOST / (int64_t)(rounds ? rounds : 1)};
    for (size_t i = 0; i < ARRAY_LEN(queries) && result == OK; i++)
        result = query_each(run->db, queries[i].sql, parameters, ARRAY_LEN(parameters),
                            queries[i].visit, reading, error);
    count_beyond(reading);
    for (size_t i = 0; i < rounds && result == OK; i++)
        cut_round(reading, &reading->trace->rounds[i], (size_t)parameters[1]);
    if (result == OK)
        result = query_each(run->db, ejections_sql, &variant, 1, take_ejections, reading, error);
    if (result == OK)
        result = query_each(run->db, clients_sql, &variant, 1, take_tally, reading, error);
    struct trace_flaw *tries = &reading->facts->tries;
    tries->count = reading->raw_count < tries->of ? tries->of - reading->raw_count : 0;
    return result;
}

enum result trace_find_upstream(struct trace_facts *facts, const struct recorded_run *run,
                                int variant, struct error *error)
{
    const int64_t parameter = variant;
    enum result result =
        query_each(run->db, upstream_sql, &parameter, 1, take_upstream, facts, error);
    if (result == OK && !facts->upstream[0])
        result =
            error_set(error, FAILED_INPUT,
                      "%s: there is no record of a try upstream, so nothing can be predicted (a "
                      "gateway that is another program writes none)",
                      run->folder);
    return result;
}

/* What cannot have happened as it stands there. */
static enum result check_clocks(const struct reading *reading, const struct recorded_run *run,
                                struct error *error)
{
    const struct trace_flaw *apart = &reading->apart;
    if ((double)apart->count > MOST_APART * (double)apart->of)
        return error_set(error, FAILED_INPUT,
                         "%s: the gateway has %zu of %zu requests at moments at which the load "
                         "generator did not wait for them: the records come from two clocks, and "
                         "nothing can be predicted from them",
                         run->folder, apart->count, apart->of);
    if (reading->backwards > 0)
        return error_set(error, FAILED_INPUT,
                         "%s: in %zu requests and tries time runs backwards: their moments come "
                         "from two clocks, and nothing can be predicted from them",
                         run->folder, reading->backwards);
    return OK;
}

enum result trace_read(struct trace *trace, struct trace_facts *facts,
                       const struct recorded_run *run, const struct trace_source *source,
                       struct error *error)
{
    *trace = (struct trace){0};
    struct reading reading = {.trace = trace, .facts = facts, .source = source};
    enum result result = read_all(&reading, run, error);
    if (result == OK)
        result = check_clocks(&reading, run, error);
    if (result == OK && reading.raw_count == 0)
        result = error_set(error, FAILED_INPUT,
                           "%s: no try of a request was recorded, so nothing can be predicted",
                           run->folder);
    if (result == OK) {
        find_lag(&reading);
        keep_tries(&reading);
        trace->listened = facts->listened > 0;
        trace_prepare(trace);
    }
    for (size_t i = 0; i < reading.endpoint_count; i++)
        free(reading.endpoints[i].name);
    free(reading.endpoints);
    free(reading.raws);
    return result;
}
