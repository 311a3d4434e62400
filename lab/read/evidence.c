/* SPDX-License-Identifier: MIT */
#include "lab/read/evidence.h"

#include <stdlib.h>

#include <sqlite3.h>

#include "lab/read/column.h"
#include "lab/read/evidence_parts.h"
#include "lab/read/evidence_rows.h"
#include "lib/base/clock.h"

/* ---- attempts */

/* A body that takes no longer than this is not waited for: most come with their heads. */
#define BODY_FROM NS_PER_MS

static void add_wait(struct evidence *evidence, struct stall_wait wait)
{
    if (wait.until >= wait.from)
        EVIDENCE_ADD(evidence, waits, wait, wait);
    evidence_note_moment(evidence, wait.until);
}

/* What was listened for behind its timeout was in flight all that time. */
static void add_waits(struct evidence *evidence, const struct blame_try *try, sqlite3_stmt *row)
{
    int64_t from = try->from + evidence_known(column_length(row, ATTEMPT_CONNECT)) +
                   evidence_known(column_length(row, ATTEMPT_TLS)) +
                   evidence_known(column_length(row, ATTEMPT_SEND));
    int64_t waited = column_length(row, ATTEMPT_WAIT),
            received = column_length(row, ATTEMPT_RECEIVE);
    int64_t beyond = try->late >= 0 ? try->late : evidence_known(try->listened);
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
        .endpoint = names_number(&evidence->endpoints, column_text(row, ATTEMPT_ENDPOINT)),
        .outcome = column_cause(row, ATTEMPT_OUTCOME),
        .from = sqlite3_column_int64(row, ATTEMPT_STARTED),
        .late = column_length(row, ATTEMPT_LATE),
        .listened = column_length(row, ATTEMPT_LISTENED),
    };
    try.until = try.from + evidence_known(column_length(row, ATTEMPT_TOTAL));
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
        !column_trace_key(row, ATTEMPT_TRACE, &seen.key))
        return;
    struct blame_try try = try_at(evidence, row);
    add_waits(evidence, &try, row);
    if (try.outcome == CAUSE_RESPONSE_TIMEOUT)
        count_timeout(evidence, &try);
    seen.failed = try.outcome != CAUSE_NONE && try.outcome != CAUSE_HEDGE_LOST;
    EVIDENCE_ADD(evidence, seen, seen, seen);
}

static void take_try(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    const char *faults = column_text(row, ATTEMPT_FAULTS);
    const char *upstream = column_text(row, ATTEMPT_UPSTREAM);
    struct blame_try try = try_at(evidence, row);
    uint64_t key;
    try.owner = column_trace_key(row, ATTEMPT_TRACE, &key) ? keymap_find(&evidence->case_of, key)
                                                           : BLAME_NONE;
    try.upstream = upstream ? names_number(&evidence->upstreams, upstream) : BLAME_NONE;
    try.number = (uint16_t)sqlite3_column_int(row, ATTEMPT_NUMBER);
    try.backend_queue = column_length(row, ATTEMPT_BACKEND_QUEUE);
    try.backend_lock = column_length(row, ATTEMPT_BACKEND_LOCK);
    try.backend_work = column_length(row, ATTEMPT_BACKEND_WORK);
    try.backend_gc = column_length(row, ATTEMPT_BACKEND_GC);
    try.backend_cleanup = column_length(row, ATTEMPT_BACKEND_CLEANUP);
    try.gave_up = sqlite3_column_int(row, ATTEMPT_GAVE_UP) != 0;
    try.faults = faults ? names_text(&evidence->texts, faults) : NULL;
    EVIDENCE_ADD(evidence, tries, try, try);
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

/* ---- a round */

static const struct {
    const char *sql;
    query_row *visit;
} tables[EVIDENCE_TABLES] = {
    {ATTEMPTS, take_attempt},           {PLACES, evidence_take_place},
    {FAULTS_DONE, evidence_take_fault}, {PAUSES, evidence_take_pause},
    {STATES, evidence_take_state},
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
    if (result == OK)
        result = query_cursor_open(&source->served, db, SERVED, error);
    for (size_t i = 0; i < EVIDENCE_TABLES && result == OK; i++)
        result = query_cursor_open(&source->tables[i], db, tables[i].sql, error);
    return result;
}

void evidence_close(struct evidence_source *source)
{
    query_cursor_close(&source->client);
    query_cursor_close(&source->request);
    query_cursor_close(&source->attempt);
    query_cursor_close(&source->served);
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
    result = evidence_choose_cases(evidence, source, round, error);
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
