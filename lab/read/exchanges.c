/* SPDX-License-Identifier: MIT */
#include "lab/read/exchanges.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "lab/read/column.h"
#include "lab/read/keymap.h"
#include "lab/read/query.h"
#include "lib/base/memory.h"
#include "lib/record/reader.h"

#define LEFT_OUT (KEYMAP_NONE - 1) /* in the place of a number */

/* A round being read. */
struct reading {
    struct exchanges *exchanges;
    struct exchange_round *round;
    struct keymap by_trace;
};

/* ---- rows; the first two columns are variant and round */

#define CLIENTS                                                                              \
    "SELECT variant, round, rowid, trace_id, warmup, intended_ns, done_ns, lag_ns, status, " \
    "error FROM client"
enum client_column {
    CLIENT_ROW = 2,
    CLIENT_TRACE,
    CLIENT_WARMUP,
    CLIENT_INTENDED,
    CLIENT_DONE,
    CLIENT_LAG,
    CLIENT_STATUS,
    CLIENT_ERROR,
};

static uint32_t row_at(sqlite3_stmt *row, int column)
{
    int64_t number = sqlite3_column_int64(row, column);
    return number <= UINT32_MAX ? (uint32_t)number : 0;
}

static enum client_error error_at(sqlite3_stmt *row, int column)
{
    const char *name = column_text(row, column);
    for (int i = 0; name && i < CLIENT_ERROR_COUNT; i++)
        if (strcmp(client_error_name((enum client_error)i), name) == 0)
            return (enum client_error)i;
    return CLIENT_ERROR_UNFINISHED;
}

static struct exchange *add_exchange(struct exchange_round *round)
{
    round->items = mem_room(round->items, round->count, &round->capacity, sizeof(*round->items));
    return &round->items[round->count++];
}

static void add_client(struct reading *reading, sqlite3_stmt *row, enum client_error error)
{
    struct exchange_round *round = reading->round;
    int64_t intended = sqlite3_column_int64(row, CLIENT_INTENDED);
    *add_exchange(round) = (struct exchange){
        .at = intended - round->epoch,
        .latency = sqlite3_column_int64(row, CLIENT_DONE) - intended,
        .lag = sqlite3_column_int64(row, CLIENT_LAG),
        .status = (uint16_t)sqlite3_column_int(row, CLIENT_STATUS),
        .route = EXCHANGE_NO_ROUTE,
        .error = (uint8_t)error,
        .warmup = sqlite3_column_int(row, CLIENT_WARMUP) != 0,
        .client = row_at(row, CLIENT_ROW),
    };
}

static void take_client(void *context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    struct exchange_round *round = reading->round;
    enum client_error error = error_at(row, CLIENT_ERROR);
    uint32_t number = LEFT_OUT;
    if (error == CLIENT_ERROR_UNFINISHED) {
        round->unfinished[sqlite3_column_int(row, CLIENT_WARMUP) != 0]++;
    } else {
        number = (uint32_t)round->count;
        add_client(reading, row, error);
    }
    uint64_t key;
    if (column_trace_key(row, CLIENT_TRACE, &key))
        keymap_add(&reading->by_trace, key, number);
}

#define REQUESTS \
    "SELECT variant, round, rowid, trace_id, status, cause, route, attempts FROM request"
enum request_column {
    REQUEST_ROW = 2,
    REQUEST_TRACE,
    REQUEST_STATUS,
    REQUEST_CAUSE,
    REQUEST_ROUTE,
    REQUEST_ATTEMPTS,
};

static uint16_t route_at(struct names *names, sqlite3_stmt *row, int column)
{
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return EXCHANGE_NO_ROUTE;
    uint32_t number = names_number(names, column_text(row, column));
    return number < EXCHANGE_NO_ROUTE ? (uint16_t)number : EXCHANGE_NO_ROUTE;
}

static void take_request(void *context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    struct exchange_round *round = reading->round;
    round->requests++;
    round->tries += (uint64_t)sqlite3_column_int64(row, REQUEST_ATTEMPTS);
    uint64_t key;
    if (!column_trace_key(row, REQUEST_TRACE, &key))
        return;
    enum cause cause = column_cause(row, REQUEST_CAUSE);
    int status = sqlite3_column_int(row, REQUEST_STATUS);
    uint32_t number = keymap_find(&reading->by_trace, key);
    if (number == KEYMAP_NONE) {
        round->unknown += cause_is_gateway_failure(cause, status);
        return;
    }
    round->known++;
    if (number == LEFT_OUT)
        return;
    struct exchange *exchange = &round->items[number];
    exchange->request = row_at(row, REQUEST_ROW);
    exchange->cause = (uint8_t)cause;
    exchange->gateway_status = (uint16_t)status;
    exchange->route = route_at(&reading->exchanges->names, row, REQUEST_ROUTE);
    exchange->rows += exchange->rows < UINT8_MAX;
}

#define ATTEMPTS "SELECT variant, round FROM attempt"

static void take_attempt(void *context, sqlite3_stmt *row)
{
    (void)row;
    ((struct reading *)context)->round->attempts++;
}

/* ---- rounds */

static void take_round(void *context, sqlite3_stmt *row)
{
    struct exchanges *exchanges = context;
    exchanges->rounds =
        mem_grow(exchanges->rounds, exchanges->count + 1, sizeof(*exchanges->rounds));
    exchanges->rounds[exchanges->count++] = (struct exchange_round){
        .variant = sqlite3_column_int64(row, 0),
        .round = sqlite3_column_int64(row, 1),
        .epoch = sqlite3_column_int64(row, 2),
        .duration = sqlite3_column_int64(row, 3),
    };
}

/* In this order: the gateway's rows look for the generator's. Nobody waits for the last. */
static const struct {
    const char *sql;
    query_row *visit;
} tables[] = {{CLIENTS, take_client}, {REQUESTS, take_request}, {ATTEMPTS, take_attempt}};

#define TABLES ARRAY_LEN(tables)

static void announce(struct exchanges_reading *whole, bool over, enum result result)
{
    pthread_mutex_lock(&whole->lock);
    whole->known += !over;
    whole->over = over;
    whole->result = result;
    pthread_cond_broadcast(&whole->moved);
    pthread_mutex_unlock(&whole->lock);
}

static enum result read_round(struct exchanges_reading *whole, struct exchange_round *round,
                              struct query_cursor *cursors, struct error *error)
{
    struct reading reading = {&whole->exchanges, round, {0}};
    enum result result = OK;
    for (size_t i = 0; i < TABLES && result == OK; i++) {
        if (i == TABLES - 1)
            announce(whole, false, OK);
        result = query_cursor_take(&cursors[i], round->variant, round->round, tables[i].visit,
                                   &reading, error);
    }
    keymap_free(&reading.by_trace);
    return result;
}

static enum result read_rounds(struct exchanges_reading *whole, struct error *error)
{
    struct query_cursor cursors[TABLES] = {0};
    struct exchanges *exchanges = &whole->exchanges;
    enum result result = OK;
    for (size_t i = 0; i < TABLES && result == OK; i++)
        result = query_cursor_open(&cursors[i], whole->db, tables[i].sql, error);
    for (size_t i = 0; i < exchanges->count && result == OK; i++)
        result = read_round(whole, &exchanges->rounds[i], cursors, error);
    for (size_t i = 0; i < TABLES; i++)
        query_cursor_close(&cursors[i]);
    return result;
}

/* ---- the thread */

static void *read_all(void *context)
{
    struct exchanges_reading *reading = context;
    enum result result = reading->result;
    if (result == OK)
        result = read_rounds(reading, &reading->error);
    query_close(&reading->db);
    announce(reading, true, result);
    return NULL;
}

/* One transaction from here on: who writes findings to the same database waits for its end, rather
 * than to keep this from reading while it waits for what is read. */
static enum result find_rounds(struct exchanges_reading *reading, const char *path)
{
    enum result result = query_open(&reading->db, path, &reading->error);
    if (result == OK)
        result = query_execute(reading->db, "BEGIN", &reading->error);
    if (result == OK)
        result = query_each(
            reading->db, "SELECT variant, round, epoch_ns, duration_ns FROM round ORDER BY rowid",
            NULL, 0, take_round, &reading->exchanges, &reading->error);
    return result;
}

/* Without a thread it is read here, which takes longer. */
void exchanges_begin(struct exchanges_reading *reading, const char *path)
{
    *reading = (struct exchanges_reading){.lock = PTHREAD_MUTEX_INITIALIZER,
                                          .moved = PTHREAD_COND_INITIALIZER};
    reading->result = find_rounds(reading, path);
    reading->started = pthread_create(&reading->thread, NULL, read_all, reading) == 0;
    if (!reading->started)
        read_all(reading);
}

const struct exchange_round *exchanges_await(struct exchanges_reading *reading, size_t number,
                                             struct error *error)
{
    pthread_mutex_lock(&reading->lock);
    while (reading->known <= number && !reading->over)
        pthread_cond_wait(&reading->moved, &reading->lock);
    bool there = reading->known > number;
    pthread_mutex_unlock(&reading->lock);
    if (!there)
        *error = reading->error;
    return there ? &reading->exchanges.rounds[number] : NULL;
}

enum result exchanges_end(struct exchanges_reading *reading, struct error *error)
{
    if (reading->started)
        pthread_join(reading->thread, NULL);
    reading->started = false;
    if (reading->result != OK)
        *error = reading->error;
    return reading->result;
}

void exchanges_free(struct exchanges *exchanges)
{
    for (size_t i = 0; i < exchanges->count; i++)
        free(exchanges->rounds[i].items);
    free(exchanges->rounds);
    names_free(&exchanges->names);
    *exchanges = (struct exchanges){0};
}
