/* SPDX-License-Identifier: MIT */
#include "lab/read/evidence.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "lab/analysis/effects.h"
#include "lab/read/evidence_rows.h"
#include "lib/base/clock.h"
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

/* ---- the generator's records */

static void take_client(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    uint64_t key;
    if (!key_at(row, CLIENT_TRACE, &key))
        return;
    const char *error = text_at(row, CLIENT_ERROR);
    int64_t done = sqlite3_column_int64(row, CLIENT_DONE);
    int64_t latency = done - sqlite3_column_int64(row, CLIENT_INTENDED);
    bool measured = !sqlite3_column_int(row, CLIENT_WARMUP);
    bool answered =
        error && strcmp(error, "none") == 0 && sqlite3_column_int(row, CLIENT_STATUS) < 500;
    ADD(evidence, clients, client,
        (struct evidence_client){key, done, latency, measured, answered});
    evidence->measured += measured;
    if (measured && answered)
        hist_record(evidence->latency, duration_ns(latency));
}

/* ---- requests */

#define SLOWEST 0.99 /* and above */

static bool is_slow(const struct evidence *evidence, const struct evidence_client *client)
{
    return client->answered && client->latency > evidence->slower_from;
}

/* Only these can be cases, so that nobody looks for the others: of what the gateway could not
 * answer, the client has no good answer either. */
static void choose_clients(struct evidence *evidence)
{
    evidence->slower_from = hist_quantile(evidence->latency, SLOWEST).ns;
    for (size_t i = 0; i < evidence->client_count; i++) {
        const struct evidence_client *client = &evidence->clients[i];
        if (!client->measured || !client->answered || is_slow(evidence, client))
            keymap_add(&evidence->client_of, client->key, (uint32_t)i);
    }
}

#define CLOCK_SLACK                                                              \
    (100 * NS_PER_MS) /* a gateway tells the time once for all it does in a turn \
                       */

/* A request cannot come before it is due, nor begin when it is over: then the gateway's clock is
 * another than the generator's. */
static bool is_elsewhere(const struct evidence_client *client, int64_t from)
{
    return from < client->done - client->latency - CLOCK_SLACK || from > client->done + CLOCK_SLACK;
}

static void take_request(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    uint64_t key;
    enum cause cause = cause_at(row, REQUEST_CAUSE);
    int status = sqlite3_column_int(row, REQUEST_STATUS);
    bool failed = cause_is_gateway_failure(cause, status);
    if (!key_at(row, REQUEST_TRACE, &key))
        return;
    uint32_t number = keymap_find(&evidence->client_of, key);
    const struct evidence_client *client =
        number == KEYMAP_NONE ? NULL : &evidence->clients[number];
    evidence->unknown += failed && !client;
    if (!client || !client->measured || (!failed && !is_slow(evidence, client)))
        return;
    int64_t from = sqlite3_column_int64(row, REQUEST_STARTED);
    const char *upstream = text_at(row, REQUEST_UPSTREAM);
    keymap_add(&evidence->case_of, key, (uint32_t)evidence->case_count);
    ADD(evidence, cases, case,
        (struct blame_case){
            .trace = trace_at(row, REQUEST_TRACE),
            .failed = failed,
            .upstream = upstream ? names_number(&evidence->upstreams, upstream) : BLAME_NONE,
            .cause = cause,
            .status = status,
            .from = from,
            .until = from + known(span_at(row, REQUEST_TOTAL)),
            .queue = span_at(row, REQUEST_QUEUE),
            .deliver = span_at(row, REQUEST_DELIVER),
            .latency = client->latency,
            .touched = BLAME_NONE,
        });
    evidence->failures += failed;
    evidence->elsewhere += is_elsewhere(client, from);
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

static void add_try(struct evidence *evidence, struct blame_try *try, sqlite3_stmt *row)
{
    const char *faults = text_at(row, ATTEMPT_FAULTS);
    const char *upstream = text_at(row, ATTEMPT_UPSTREAM);
    try->upstream = upstream ? names_number(&evidence->upstreams, upstream) : BLAME_NONE;
    try->number = (uint16_t)sqlite3_column_int(row, ATTEMPT_NUMBER);
    try->backend_queue = span_at(row, ATTEMPT_BACKEND_QUEUE);
    try->backend_lock = span_at(row, ATTEMPT_BACKEND_LOCK);
    try->backend_work = span_at(row, ATTEMPT_BACKEND_WORK);
    try->backend_gc = span_at(row, ATTEMPT_BACKEND_GC);
    try->backend_cleanup = span_at(row, ATTEMPT_BACKEND_CLEANUP);
    try->faults = faults ? names_text(&evidence->texts, faults) : NULL;
    ADD(evidence, tries, try, *try);
}

static void take_attempt(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    const char *endpoint = text_at(row, ATTEMPT_ENDPOINT);
    uint64_t key;
    if (!endpoint || !key_at(row, ATTEMPT_TRACE, &key))
        return;
    struct blame_try try = {
        .owner = keymap_find(&evidence->case_of, key),
        .endpoint = names_number(&evidence->endpoints, endpoint),
        .outcome = cause_at(row, ATTEMPT_OUTCOME),
        .from = sqlite3_column_int64(row, ATTEMPT_STARTED),
        .late = span_at(row, ATTEMPT_LATE),
        .listened = span_at(row, ATTEMPT_LISTENED),
    };
    try.until = try.from + known(span_at(row, ATTEMPT_TOTAL));
    add_waits(evidence, &try, row);
    evidence->timeouts += try.outcome == CAUSE_RESPONSE_TIMEOUT;
    evidence->unheard += try.outcome == CAUSE_RESPONSE_TIMEOUT && try.listened < 0;
    if (try.owner != KEYMAP_NONE || (try.outcome != CAUSE_NONE && try.outcome != CAUSE_HEDGE_LOST))
        add_try(evidence, &try, row);
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

/* In this order: each needs what was read before it. */
static const struct {
    const char *sql;
    query_row *visit;
} tables[EVIDENCE_TABLES] = {
    {CLIENTS, take_client}, {REQUESTS, take_request},  {ATTEMPTS, take_attempt},
    {PLACES, take_place},   {FAULTS_DONE, take_fault}, {PAUSES, take_pause},
    {STATES, take_state},
};
_Static_assert(ARRAY_LEN(tables) == EVIDENCE_TABLES, "each table has its cursor");

enum result evidence_open(struct evidence_source *source, sqlite3 *db, struct error *error)
{
    *source = (struct evidence_source){0};
    enum result result = OK;
    for (size_t i = 0; i < EVIDENCE_TABLES && result == OK; i++)
        result = query_cursor_open(&source->tables[i], db, tables[i].sql, error);
    return result;
}

void evidence_close(struct evidence_source *source)
{
    for (size_t i = 0; i < EVIDENCE_TABLES; i++)
        query_cursor_close(&source->tables[i]);
}

static void forget_clients(struct evidence *evidence)
{
    keymap_free(&evidence->client_of);
    free(evidence->clients);
    evidence->clients = NULL;
    hist_free(&evidence->latency);
}

enum result evidence_read(struct evidence *evidence, struct evidence_source *source,
                          int64_t variant, int64_t round, struct error *error)
{
    *evidence = (struct evidence){.variant = variant, .round = round, .latency = hist_new()};
    enum result result = OK;
    for (size_t i = 0; i < EVIDENCE_TABLES && result == OK; i++) {
        result =
            query_cursor_take(&source->tables[i], variant, round, tables[i].visit, evidence, error);
        if (tables[i].visit == take_client)
            choose_clients(evidence);
        if (tables[i].visit == take_request)
            forget_clients(evidence);
    }
    if (result == OK)
        stalls_find(&evidence->stalls, evidence->waits, evidence->wait_count,
                    evidence->endpoints.count);
    return result;
}

void evidence_free(struct evidence *evidence)
{
    forget_clients(evidence);
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
