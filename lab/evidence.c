/* SPDX-License-Identifier: MIT */
#include "lab/evidence.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"

/* A body that takes no longer than this is not waited for: most come with their heads. */
#define BODY_FROM NS_PER_MS

uint32_t evidence_name(struct evidence_names *names, const char *text)
{
    if (names->last < names->count && strcmp(names->items[names->last], text) == 0)
        return (uint32_t)names->last;
    for (names->last = 0; names->last < names->count; names->last++)
        if (strcmp(names->items[names->last], text) == 0)
            return (uint32_t)names->last;
    names->items = mem_grow(names->items, names->count + 1, sizeof(*names->items));
    names->items[names->count++] = mem_text(text);
    return (uint32_t)names->last;
}

/* ---- attempts */

enum attempt_column {
    ATTEMPT_STARTED = 2,
    ATTEMPT_ENDPOINT,
    ATTEMPT_CONNECT,
    ATTEMPT_TLS,
    ATTEMPT_SEND,
    ATTEMPT_WAIT,
    ATTEMPT_RECEIVE,
    ATTEMPT_TOTAL,
    ATTEMPT_LATE,
    ATTEMPT_LISTENED,
};

#define ATTEMPTS                                                                 \
    "SELECT variant, round, started_ns, endpoint, connect_ns, tls_ns, send_ns, " \
    "wait_ns, receive_ns, total_ns, late_ns, listened_ns FROM attempt"

static void add_wait(struct evidence *evidence, struct stall_wait wait)
{
    if (wait.until < wait.from)
        return;
    if (evidence->wait_count == evidence->wait_capacity) {
        evidence->wait_capacity = evidence->wait_capacity ? 2 * evidence->wait_capacity : 4096;
        evidence->waits =
            mem_grow(evidence->waits, evidence->wait_capacity, sizeof(*evidence->waits));
    }
    evidence->waits[evidence->wait_count++] = wait;
}

/* A length of time; 0 when it was not reached, as `known` says. */
static int64_t span(sqlite3_stmt *row, int column, bool *known)
{
    *known = sqlite3_column_type(row, column) != SQLITE_NULL;
    return sqlite3_column_int64(row, column);
}

/* What was listened for behind its timeout was in flight all that time. */
static void take_attempt(void *context, sqlite3_stmt *row)
{
    struct evidence *evidence = context;
    const char *endpoint = (const char *)sqlite3_column_text(row, ATTEMPT_ENDPOINT);
    bool known, answered, late, listened, received;
    int64_t started = sqlite3_column_int64(row, ATTEMPT_STARTED);
    int64_t ended = started + span(row, ATTEMPT_TOTAL, &known);
    int64_t from = started + span(row, ATTEMPT_CONNECT, &known) + span(row, ATTEMPT_TLS, &known) +
                   span(row, ATTEMPT_SEND, &known);
    int64_t waited = span(row, ATTEMPT_WAIT, &answered);
    int64_t received_in = span(row, ATTEMPT_RECEIVE, &received);
    int64_t late_by = span(row, ATTEMPT_LATE, &late);
    int64_t listened_for = span(row, ATTEMPT_LISTENED, &listened);
    if (!endpoint)
        return;
    struct stall_wait wait = {.from = from,
                              .until = answered ? from + waited
                                                : ended + (late ? late_by : listened_for),
                              .endpoint = evidence_name(&evidence->endpoints, endpoint),
                              .phase = STALL_HEAD,
                              .moved = answered || late};
    add_wait(evidence, wait);
    if (!answered)
        return;
    wait.from = wait.until + BODY_FROM;
    wait.until = received ? wait.until + received_in : ended;
    wait.phase = STALL_BODY;
    wait.moved = received;
    add_wait(evidence, wait);
}

/* ---- a round */

enum result evidence_open(struct evidence_source *source, sqlite3 *db, struct error *error)
{
    *source = (struct evidence_source){0};
    return query_cursor_open(&source->attempts, db, ATTEMPTS, error);
}

void evidence_close(struct evidence_source *source)
{
    query_cursor_close(&source->attempts);
}

enum result evidence_read(struct evidence *evidence, struct evidence_source *source,
                          int64_t variant, int64_t round, struct error *error)
{
    *evidence = (struct evidence){.variant = variant, .round = round};
    return query_cursor_take(&source->attempts, variant, round, take_attempt, evidence, error);
}

void evidence_free(struct evidence *evidence)
{
    for (size_t i = 0; i < evidence->endpoints.count; i++)
        free(evidence->endpoints.items[i]);
    free(evidence->endpoints.items);
    free(evidence->waits);
    *evidence = (struct evidence){0};
}
