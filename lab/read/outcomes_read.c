/* SPDX-License-Identifier: MIT */
#include "lab/read/outcomes_read.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "lab/read/query.h"
#include "lib/base/memory.h"
#include "lib/record/cause.h"

#define MOST_NAMES 256 /* beyond it a target is "(others)": only their being the same matters */

/* A variant being read: first what the load generator saw, then what the gateway says of it. */
struct reading {
    struct outcomes *outcomes;
    size_t capacity;
    size_t backwards; /* rows whose moments run backwards */
};

/* ---- names and trace ids */

static uint16_t intern(struct outcomes *outcomes, const char *name, uint16_t *last)
{
    if (*last < outcomes->name_count && strcmp(outcomes->names[*last], name) == 0)
        return *last;
    for (size_t i = 0; i < outcomes->name_count; i++)
        if (strcmp(outcomes->names[i], name) == 0)
            return *last = (uint16_t)i;
    if (outcomes->name_count == MOST_NAMES)
        name = "(others)";
    if (outcomes->name_count > MOST_NAMES)
        return MOST_NAMES;
    outcomes->names = mem_grow(outcomes->names, outcomes->name_count + 1, sizeof(*outcomes->names));
    outcomes->names[outcomes->name_count] = mem_text(name);
    return *last = (uint16_t)outcomes->name_count++;
}

/* 32 hexadecimal digits; false when it is no trace id. */
static bool read_trace(const char *text, uint64_t trace[2])
{
    if (!text || strlen(text) != 32)
        return false;
    char half[17] = {0};
    for (size_t i = 0; i < 2; i++) {
        memcpy(half, text + 16 * i, 16);
        trace[i] = strtoull(half, NULL, 16);
    }
    return true;
}

static const char *text_of(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text ? text : "";
}

/* ---- what the load generator saw */

static void take_client(void *context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    struct outcomes *outcomes = reading->outcomes;
    if (outcomes->count == reading->capacity) {
        reading->capacity = reading->capacity ? 2 * reading->capacity : 4096;
        outcomes->items = mem_grow(outcomes->items, reading->capacity, sizeof(*outcomes->items));
    }
    struct outcome *outcome = &outcomes->items[outcomes->count++];
    *outcome = (struct outcome){
        .round = (uint32_t)sqlite3_column_int64(row, 0),
        .at = sqlite3_column_int64(row, 1),
        .latency = sqlite3_column_int64(row, 2),
        .lag = sqlite3_column_int64(row, 8),
        .route = OUTCOME_NO_ROUTE,
        .cause = CAUSE_NONE,
        .unanswered = strcmp(text_of(row, 5), "none") != 0,
    };
    int status = sqlite3_column_int(row, 3);
    outcome->good = !outcome->unanswered && status < 500 && sqlite3_column_int(row, 4) != 0;
    uint16_t last = outcomes->count > 1 ? outcome[-1].target : 0;
    outcome->target = intern(outcomes, text_of(row, 7), &last);
    if (!read_trace(text_of(row, 6), outcome->trace))
        outcome->trace[0] = outcome->trace[1] = 0;
    reading->backwards += outcome->latency < 0 || outcome->at < 0;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_trace(const void *a, const void *b)
{
    const struct outcome *one = a, *other = b;
    int order = compare_numbers(one->round, other->round);
    for (size_t i = 0; i < 2 && order == 0; i++)
        order = compare_numbers(one->trace[i], other->trace[i]);
    return order;
}

static int by_moment(const void *a, const void *b)
{
    const struct outcome *one = a, *other = b;
    int order = compare_numbers(one->round, other->round);
    if (order == 0)
        order = (one->at > other->at) - (one->at < other->at);
    return order ? order : by_trace(a, b);
}

/* ---- what the gateway says */

static void take_request(void *context, sqlite3_stmt *row)
{
    struct outcomes *outcomes = ((struct reading *)context)->outcomes;
    struct outcome key = {.round = (uint32_t)sqlite3_column_int64(row, 0)};
    if (outcomes->count == 0 || !read_trace(text_of(row, 1), key.trace))
        return;
    struct outcome *outcome =
        bsearch(&key, outcomes->items, outcomes->count, sizeof(key), by_trace);
    if (!outcome)
        return; /* of the warm-up */
    enum cause cause = cause_by_name(text_of(row, 2));
    cause = cause == CAUSE_COUNT ? CAUSE_NONE : cause;
    outcome->cause = (uint8_t)cause;
    outcome->failed = cause_is_gateway_failure(cause, sqlite3_column_int(row, 3));
    uint16_t last = 0;
    if (sqlite3_column_type(row, 4) != SQLITE_NULL)
        outcome->route = intern(outcomes, text_of(row, 4), &last);
}

/* ---- rounds */

static void take_round(void *context, sqlite3_stmt *row)
{
    struct outcomes *outcomes = context;
    outcomes->rounds =
        mem_grow(outcomes->rounds, outcomes->round_count + 1, sizeof(*outcomes->rounds));
    outcomes->rounds[outcomes->round_count++] = (struct outcome_round){
        .number = sqlite3_column_int64(row, 0), .duration = sqlite3_column_int64(row, 1)};
}

static void find_rounds(struct outcomes *outcomes)
{
    size_t at = 0;
    for (size_t i = 0; i < outcomes->round_count; i++) {
        struct outcome_round *round = &outcomes->rounds[i];
        while (at < outcomes->count && outcomes->items[at].round < round->number)
            at++;
        round->from = at;
        while (at < outcomes->count && outcomes->items[at].round == round->number)
            at++;
        round->count = at - round->from;
    }
}

static const char rounds_sql[] =
    "SELECT round, duration_ns FROM round WHERE variant = ?1 AND epoch_ns > 0 ORDER BY round";
static const char clients_sql[] =
    "SELECT c.round, c.intended_ns - d.epoch_ns, c.done_ns - c.intended_ns, c.status,"
    " c.done_ns < d.epoch_ns + d.duration_ns, c.error, c.trace_id, c.method || ' ' || c.path, "
    "c.lag_ns"
    " FROM client c JOIN round d ON d.variant = c.variant AND d.round = c.round"
    " WHERE c.variant = ?1 AND NOT c.warmup AND d.epoch_ns > 0";
static const char requests_sql[] =
    "SELECT round, trace_id, cause, status, route FROM request WHERE variant = ?1";

enum result outcomes_read(struct outcomes *outcomes, const struct recorded_run *run, int variant,
                          struct error *error)
{
    *outcomes = (struct outcomes){0};
    struct reading reading = {.outcomes = outcomes};
    const int64_t parameter = variant;
    enum result result =
        query_each(run->db, rounds_sql, &parameter, 1, take_round, outcomes, error);
    if (result == OK)
        result = query_each(run->db, clients_sql, &parameter, 1, take_client, &reading, error);
    if (result != OK)
        return result;
    if (reading.backwards > 0)
        return error_set(error, FAILED_INPUT,
                         "%s: in %zu requests time runs backwards: their moments come from two "
                         "clocks, and nothing can be said of their latency",
                         run->folder, reading.backwards);
    if (outcomes->count > 0)
        qsort(outcomes->items, outcomes->count, sizeof(*outcomes->items), by_trace);
    result = query_each(run->db, requests_sql, &parameter, 1, take_request, &reading, error);
    if (outcomes->count > 0)
        qsort(outcomes->items, outcomes->count, sizeof(*outcomes->items), by_moment);
    find_rounds(outcomes);
    return result;
}
