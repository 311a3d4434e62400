/* SPDX-License-Identifier: MIT */
#include "lab/read/evidence.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "lab/analysis/effects.h"
#include "lab/read/evidence_rows.h"
#include "lib/base/clock.h"
#include "lib/base/hist.h"
#include "lib/base/memory.h"
#include "lib/record/reader.h"

#define ADD(evidence, list, one, ...)                                                        \
    do {                                                                                     \
        (evidence)->list = mem_room((evidence)->list, (evidence)->one##_count,               \
                                    &(evidence)->one##_capacity, sizeof(*(evidence)->list)); \
        (evidence)->list[(evidence)->one##_count++] = (__VA_ARGS__);                         \
    } while (0)

/* ---- columns */

static const char *text_at(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

/* -1 when it is not known. */
static int64_t span_at(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL ? -1 : sqlite3_column_int64(row, column);
}

static int64_t known(int64_t length)
{
    return length > 0 ? length : 0;
}

static enum cause cause_at(sqlite3_stmt *row, int column)
{
    const char *name = text_at(row, column);
    enum cause cause = name ? cause_by_name(name) : CAUSE_NONE;
    return cause < CAUSE_COUNT ? cause : CAUSE_NONE;
}

static bool key_at(sqlite3_stmt *row, int column, uint64_t *key)
{
    const char *text = text_at(row, column);
    return text && keymap_trace_key(text, (size_t)sqlite3_column_bytes(row, column), key);
}

static struct blame_trace trace_at(sqlite3_stmt *row, int column)
{
    struct blame_trace trace = {0};
    memcpy(trace.text, text_at(row, column), sizeof(trace.text) - 1);
    return trace;
}

static void note_moment(struct evidence *evidence, int64_t moment)
{
    evidence->last = moment > evidence->last ? moment : evidence->last;
}

/* ---- attempts */

/* A body that takes no longer than this is not waited for: most come with their heads. */
#define BODY_FROM NS_PER_MS

static void add_wait(struct evidence *evidence, struct stall_wait wait)
{
    if (wait.until >= wait.from)
        ADD(evidence, waits, wait, wait);
    note_moment(evidence, wait.until);
}

/* What was listened for behind its timeout was in flight all that time. */
static void add_waits(struct evidence *evidence, const struct blame_try *try, sqlite3_stmt *row)
{
    int64_t from = try->from + known(span_at(row, ATTEMPT_CONNECT)) +
                   known(span_at(row, ATTEMPT_TLS)) + known(span_at(row, ATTEMPT_SEND));
    int64_t waited = span_at(row, ATTEMPT_WAIT), received = span_at(row, ATTEMPT_RECEIVE);
    int64_t beyond = try->late >= 0 ? try->late : known(try->listened);
    struct stall_wait wait = {.from = from,
                              .until = waited >= 0 ? from + waited : try->until + beyond,
                              .endpoint = try->endpoint,
                              .phase = STALL_HEAD,
                              .moved = waited >= 0 || try->late >= 0};
    add_wait(evidence, wait);
    if (waited < 0)
        return;
    wait.from = wait.until + BODY_FROM;
    wait.until = received >= 0 ? wait.until + received : try->until;
    wait.phase = STALL_BODY;
    wait.moved = received >= 0;
    add_wait(evidence, wait);
}

/* The length of a try, and what is behind its timeout. */
static struct blame_try try_at(struct evidence *evidence, sqlite3_stmt *row)
{
    struct blame_try try = {
        .endpoint = names_number(&evidence->endpoints, text_at(row, ATTEMPT_ENDPOINT)),
        .outcome = cause_at(row, ATTEMPT_OUTCOME),
        .from = sqlite3_column_int64(row, ATTEMPT_STARTED),
        .late = span_at(row, ATTEMPT_LATE),
        .listened = span_at(row, ATTEMPT_LISTENED),
    };
    try.until = try.from + known(span_at(row, ATTEMPT_TOTAL));
    return try;
}

static void count_timeout(struct evidence *evidence, const struct blame_try *try)
{
    evidence->timeouts++;
    evidence->unheard += try->listened < 0;
    if (try->listened < 0 || try->late >= 0)
        return;
    if (evidence->unanswered++ == 0 || try->listened < evidence->listened)
        evidence->listened = try->listened;
}

static void take_attempt(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    struct evidence_seen seen = {.row = (uint32_t)sqlite3_column_int64(row, ATTEMPT_ROW)};
    if (sqlite3_column_type(row, ATTEMPT_ENDPOINT) == SQLITE_NULL ||
        !key_at(row, ATTEMPT_TRACE, &seen.key))
        return;
    struct blame_try try = try_at(evidence, row);
    add_waits(evidence, &try, row);
    if (try.outcome == CAUSE_RESPONSE_TIMEOUT)
        count_timeout(evidence, &try);
    seen.failed = try.outcome != CAUSE_NONE && try.outcome != CAUSE_HEDGE_LOST;
    ADD(evidence, seen, seen, seen);
}

static void take_try(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    const char *faults = text_at(row, ATTEMPT_FAULTS);
    const char *upstream = text_at(row, ATTEMPT_UPSTREAM);
    struct blame_try try = try_at(evidence, row);
    uint64_t key;
    try.owner =
        key_at(row, ATTEMPT_TRACE, &key) ? keymap_find(&evidence->case_of, key) : BLAME_NONE;
    try.upstream = upstream ? names_number(&evidence->upstreams, upstream) : BLAME_NONE;
    try.number = (uint16_t)sqlite3_column_int(row, ATTEMPT_NUMBER);
    try.backend_queue = span_at(row, ATTEMPT_BACKEND_QUEUE);
    try.backend_lock = span_at(row, ATTEMPT_BACKEND_LOCK);
    try.backend_work = span_at(row, ATTEMPT_BACKEND_WORK);
    try.backend_gc = span_at(row, ATTEMPT_BACKEND_GC);
    try.backend_cleanup = span_at(row, ATTEMPT_BACKEND_CLEANUP);
    try.faults = faults ? names_text(&evidence->texts, faults) : NULL;
    ADD(evidence, tries, try, try);
}

/* Those of the cases, and all that failed: they may have led to what failed later. */
static enum result look_up_tries(struct evidence *evidence, struct evidence_source *source,
                                 struct error *error)
{
    enum result result = OK;
    for (size_t i = 0; i < evidence->seen_count && result == OK; i++) {
        const struct evidence_seen *seen = &evidence->seen[i];
        if (seen->failed || keymap_find(&evidence->case_of, seen->key) != KEYMAP_NONE)
            result = query_cursor_find(&source->attempt, seen->row, take_try, evidence, error);
    }
    free(evidence->seen);
    evidence->seen = NULL;
    return result;
}

/* ---- cases */

/* Another answer is not what is looked for, but has not been slow either. */
static bool is_good(const struct exchange *exchange)
{
    return exchange_answered(exchange) && exchange->status < 500;
}

#define SLOWEST 0.99 /* and above */

static int64_t slowest_from(const struct exchange_round *round)
{
    struct hist *latency = hist_new();
    for (size_t i = 0; i < round->count; i++)
        if (!round->items[i].warmup && is_good(&round->items[i]))
            hist_record(latency, duration_ns(round->items[i].latency));
    int64_t from = hist_quantile(latency, SLOWEST).ns;
    hist_free(&latency);
    return from;
}

static enum blame_part part_of(const struct evidence *evidence, const struct exchange *exchange)
{
    if (exchange->warmup)
        return BLAME_PART_COUNT;
    if (exchange_failed(exchange))
        return BLAME_FAILED;
    if (!exchange_answered(exchange))
        return BLAME_LOST;
    bool slow = is_good(exchange) && exchange->latency > evidence->slower_from;
    return slow && exchange->rows > 0 ? BLAME_SLOW : BLAME_PART_COUNT;
}

#define CLOCK_SLACK                                                              \
    (100 * NS_PER_MS) /* a gateway tells the time once for all it does in a turn \
                       */

struct case_reading {
    struct evidence *evidence;
    struct blame_case *item;
};

static void name_case(struct case_reading *reading, sqlite3_stmt *row, int column)
{
    struct evidence *evidence = reading->evidence;
    uint64_t key;
    if (!key_at(row, column, &key))
        return;
    reading->item->trace = trace_at(row, column);
    keymap_add(&evidence->case_of, key, (uint32_t)evidence->case_count);
}

static void take_client(void *context, sqlite3_stmt *row)
{
    name_case(context, row, CLIENT_TRACE);
}

/* A request cannot come before it is due, nor begin when it is over: then the gateway's clock is
 * another than the generator's. */
static void take_request(void *context, sqlite3_stmt *row)
{
    struct case_reading *reading = context;
    struct blame_case *item = reading->item;
    const char *upstream = text_at(row, REQUEST_UPSTREAM);
    int64_t from = sqlite3_column_int64(row, REQUEST_STARTED);
    reading->evidence->elsewhere +=
        from < item->from - CLOCK_SLACK || from > item->until + CLOCK_SLACK;
    name_case(reading, row, REQUEST_TRACE);
    item->upstream = upstream ? names_number(&reading->evidence->upstreams, upstream) : BLAME_NONE;
    item->from = from;
    item->until = from + known(span_at(row, REQUEST_TOTAL));
    item->queue = span_at(row, REQUEST_QUEUE);
    item->deliver = span_at(row, REQUEST_DELIVER);
}

static enum result add_case(struct evidence *evidence, struct evidence_source *source,
                            const struct exchange_round *round, const struct exchange *exchange,
                            enum blame_part part, struct error *error)
{
    int64_t due = round->epoch + exchange->at;
    struct blame_case item = {
        .part = part,
        .upstream = BLAME_NONE,
        .cause = (enum cause)exchange->cause,
        .status = exchange->gateway_status,
        .error = (enum client_error)exchange->error,
        .recorded = exchange->rows > 0,
        .from = due,
        .until = due + exchange->latency,
        .queue = -1,
        .deliver = -1,
        .latency = exchange->latency,
        .touched = BLAME_NONE,
    };
    struct case_reading reading = {evidence, &item};
    enum result result =
        item.recorded
            ? query_cursor_find(&source->request, exchange->request, take_request, &reading, error)
            : query_cursor_find(&source->client, exchange->client, take_client, &reading, error);
    if (result == OK && item.trace.text[0] != '\0')
        ADD(evidence, cases, case, item);
    return result;
}

static enum result choose_cases(struct evidence *evidence, struct evidence_source *source,
                                const struct exchange_round *round, struct error *error)
{
    enum result result = OK;
    evidence->unknown = round->unknown;
    evidence->slower_from = slowest_from(round);
    for (size_t i = 0; i < round->count && result == OK; i++) {
        const struct exchange *exchange = &round->items[i];
        enum blame_part part = part_of(evidence, exchange);
        note_moment(evidence, round->epoch + exchange->at + exchange->latency);
        if (part != BLAME_PART_COUNT)
            result = add_case(evidence, source, round, exchange, part, error);
    }
    return result;
}

/* ---- what went wrong */

static void take_place(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    const char *process = text_at(row, PLACE_PROCESS), *address = text_at(row, PLACE_ADDRESS);
    evidence->places =
        mem_grow(evidence->places, evidence->place_count + 1, sizeof(*evidence->places));
    evidence->places[evidence->place_count++] = (struct evidence_place){
        names_text(&evidence->texts, process), names_number(&evidence->endpoints, address)};
}

/* A target is a process, or an endpoint itself; the gateway, or what is not known, is everywhere.
 */
static uint32_t endpoint_of(const struct evidence *evidence, const char *target)
{
    for (size_t i = 0; i < evidence->place_count; i++)
        if (strcmp(evidence->places[i].process, target) == 0)
            return evidence->places[i].endpoint;
    for (uint32_t i = 0; i < evidence->endpoints.count; i++)
        if (strcmp(evidence->endpoints.items[i], target) == 0)
            return i;
    return BLAME_EVERYWHERE;
}

static void note_touch(struct evidence *evidence, const struct blame_span *span, uint64_t key)
{
    uint32_t touched = keymap_find(&evidence->case_of, key);
    if (touched != KEYMAP_NONE)
        ADD(evidence, touches, touch, (struct evidence_touch){touched, span->name, span->from});
}

static void take_fault(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    const char *process = text_at(row, FAULT_PROCESS), *target = text_at(row, FAULT_TARGET);
    uint64_t key;
    bool traced = key_at(row, FAULT_TRACE, &key);
    int64_t ended = span_at(row, FAULT_ENDED);
    if (sqlite3_column_type(row, FAULT_STARTED) == SQLITE_NULL)
        return;
    struct blame_span span = {
        .from = sqlite3_column_int64(row, FAULT_STARTED),
        .to = ended > 0 ? ended : INT64_MAX,
        .class = BLAME_INJECTED,
        .name = names_text(&evidence->texts, text_at(row, FAULT_NAME)),
        .target = names_text(&evidence->texts, target),
        .kind = names_text(&evidence->texts, text_at(row, FAULT_KIND)),
        .precise = traced || (process && strcmp(process, "gateway") == 0),
    };
    span.endpoint = endpoint_of(evidence, span.target);
    span.effects = effects_of_fault(span.kind);
    span.on_the_way = effects_on_the_way(span.kind);
    note_moment(evidence, ended > 0 ? ended : span.from);
    ADD(evidence, spans, span, span);
    if (traced)
        note_touch(evidence, &span, key);
}

/* An injected pause is a fault as well, and stands there. */
static void take_pause(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    const char *kind = text_at(row, PAUSE_KIND);
    if (!kind || strcmp(kind, "injected") == 0)
        return;
    struct blame_span span = {
        .from = sqlite3_column_int64(row, PAUSE_STARTED),
        .to = sqlite3_column_int64(row, PAUSE_ENDED),
        .class = BLAME_PAUSE,
        .name = names_text(&evidence->texts, text_at(row, PAUSE_NAME)),
        .target = names_text(&evidence->texts, text_at(row, PAUSE_PROCESS)),
        .kind = strcmp(kind, "collection") == 0 ? "collection" : "pause",
        .effects = EFFECT_DELAYS | EFFECT_ENDS,
    };
    span.endpoint = endpoint_of(evidence, span.target);
    ADD(evidence, spans, span, span);
}

static void take_state(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    const char *name = text_at(row, STATE_KIND_NAME);
    for (int kind = 0; name && kind < STATE_KIND_COUNT; kind++)
        if (strcmp(state_kind_name((enum state_kind)kind), name) == 0)
            ADD(evidence, states, state,
                (struct blame_state){
                    .at = sqlite3_column_int64(row, STATE_AT),
                    .kind = (enum state_kind)kind,
                    .subject = names_text(&evidence->texts, text_at(row, STATE_SUBJECT)),
                });
}

/* ---- a round */

static const struct {
    const char *sql;
    query_row *visit;
} tables[EVIDENCE_TABLES] = {
    {ATTEMPTS, take_attempt}, {PLACES, take_place}, {FAULTS_DONE, take_fault},
    {PAUSES, take_pause},     {STATES, take_state},
};
#define TABLES_FIRST 2 /* do not refer to cases */
_Static_assert(ARRAY_LEN(tables) == EVIDENCE_TABLES, "each table has its cursor");

enum result evidence_open(struct evidence_source *source, sqlite3 *db, struct error *error)
{
    *source = (struct evidence_source){0};
    enum result result = query_cursor_open(&source->client, db, CLIENT, error);
    if (result == OK)
        result = query_cursor_open(&source->request, db, REQUEST, error);
    if (result == OK)
        result = query_cursor_open(&source->attempt, db, ATTEMPT, error);
    for (size_t i = 0; i < EVIDENCE_TABLES && result == OK; i++)
        result = query_cursor_open(&source->tables[i], db, tables[i].sql, error);
    return result;
}

void evidence_close(struct evidence_source *source)
{
    query_cursor_close(&source->client);
    query_cursor_close(&source->request);
    query_cursor_close(&source->attempt);
    for (size_t i = 0; i < EVIDENCE_TABLES; i++)
        query_cursor_close(&source->tables[i]);
}

static enum result take_tables(struct evidence *evidence, struct evidence_source *source,
                               size_t from, size_t until, struct error *error)
{
    enum result result = OK;
    for (size_t i = from; i < until && result == OK; i++)
        result = query_cursor_take(&source->tables[i], evidence->variant, evidence->round,
                                   tables[i].visit, evidence, error);
    return result;
}

/* The tries are many and do not need what others read meanwhile; what follows does. */
static enum result read_records(struct evidence *evidence, struct evidence_source *source,
                                struct exchanges_reading *exchanges, size_t number,
                                struct error *error)
{
    enum result result = take_tables(evidence, source, 0, TABLES_FIRST, error);
    if (result != OK)
        return result;
    stalls_find(&evidence->stalls, evidence->waits, evidence->wait_count,
                evidence->endpoints.count);
    const struct exchange_round *round = exchanges_await(exchanges, number, error);
    if (!round)
        return FAILED_SYSTEM;
    result = choose_cases(evidence, source, round, error);
    if (result == OK)
        result = look_up_tries(evidence, source, error);
    if (result == OK)
        result = take_tables(evidence, source, TABLES_FIRST, EVIDENCE_TABLES, error);
    return result;
}

enum result evidence_read(struct evidence *evidence, struct evidence_source *source,
                          struct exchanges_reading *exchanges, size_t number, struct error *error)
{
    const struct exchange_round *round = &exchanges->exchanges.rounds[number];
    *evidence = (struct evidence){.variant = round->variant, .round = round->round};
    return read_records(evidence, source, exchanges, number, error);
}

void evidence_free(struct evidence *evidence)
{
    free(evidence->seen);
    stalls_free(&evidence->stalls);
    names_free(&evidence->endpoints);
    names_free(&evidence->upstreams);
    names_free(&evidence->texts);
    keymap_free(&evidence->case_of);
    free(evidence->places);
    free(evidence->waits);
    free(evidence->cases);
    free(evidence->tries);
    free(evidence->spans);
    free(evidence->touches);
    free(evidence->states);
    *evidence = (struct evidence){0};
}
