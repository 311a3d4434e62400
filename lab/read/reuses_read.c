/* SPDX-License-Identifier: MIT */
#include "lab/read/reuses_read.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "lab/read/column.h"
#include "lab/read/query.h"
#include "lib/base/memory.h"
#include "lib/record/cause.h"

/* The use before the one being looked at. */
struct reading {
    struct reuses *reuses;
    size_t capacity;
    int64_t round, worker, connection, number, ended;
};

static void add(struct reading *reading, int64_t idle, bool lost)
{
    struct reuses *reuses = reading->reuses;
    reuses->items =
        mem_room(reuses->items, reuses->count, &reading->capacity, sizeof(*reuses->items));
    reuses->items[reuses->count++] = (struct reuse){idle > 0 ? idle : 0, lost};
}

static void take_use(void *context, sqlite3_stmt *row)
{
    struct reading *reading = context;
    int64_t round = sqlite3_column_int64(row, 0), worker = sqlite3_column_int64(row, 1);
    int64_t connection = sqlite3_column_int64(row, 2), number = sqlite3_column_int64(row, 3);
    int64_t started = sqlite3_column_int64(row, 4);
    bool lost = column_cause(row, 6) == CAUSE_REUSED_CLOSED;
    bool follows = round == reading->round && worker == reading->worker &&
                   connection == reading->connection && number == reading->number + 1;
    if (number > 0 && follows)
        add(reading, started - reading->ended, lost);
    reading->reuses->unknown += number > 0 && !follows;
    reading->round = round;
    reading->worker = worker;
    reading->connection = connection;
    reading->number = number;
    reading->ended = started + sqlite3_column_int64(row, 5);
}

static const char sql[] =
    "SELECT round, worker, connection, connection_requests, started_ns, total_ns, outcome"
    " FROM attempt WHERE variant = ?1 AND connection > 0"
    " ORDER BY round, worker, connection, connection_requests";

enum result reuses_read(struct reuses *reuses, sqlite3 *db, int64_t variant, struct error *error)
{
    struct reading reading = {.reuses = reuses, .capacity = reuses->count, .connection = -1};
    return query_each(db, sql, &variant, 1, take_use, &reading, error);
}

void reuses_free(struct reuses *reuses)
{
    free(reuses->items);
    *reuses = (struct reuses){0};
}
