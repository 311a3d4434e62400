/* SPDX-License-Identifier: MIT */
#include "lab/read/slots_read.h"

#include <stdlib.h>

#include <sqlite3.h>

#include "lab/read/query.h"
#include "lib/base/memory.h"

static void take_round(void *context, sqlite3_stmt *row)
{
    struct slots *slots = context;
    slots->count = (size_t)(sqlite3_column_int64(row, 0) / slots->width);
    slots->items = mem_alloc(slots->count, sizeof(*slots->items));
}

static void take_request(void *context, sqlite3_stmt *row)
{
    struct slots *slots = context;
    int64_t at = sqlite3_column_int64(row, 0) / slots->width;
    if (at < 0 || (size_t)at >= slots->count)
        return; /* behind the last whole slot */
    slots->items[at].requests++;
    slots->items[at].good += sqlite3_column_int(row, 1) != 0;
    slots->items[at].tries += (uint32_t)sqlite3_column_int(row, 2);
}

static void take_faults(void *context, sqlite3_stmt *row)
{
    struct slots *slots = context;
    slots->faulted = sqlite3_column_type(row, 0) != SQLITE_NULL;
    slots->fault_from = sqlite3_column_int64(row, 0);
    slots->fault_to = sqlite3_column_int64(row, 1);
}

static const struct {
    const char *sql; /* ?1 is the variant, ?2 the round */
    query_row *visit;
} queries[] = {
    {"SELECT duration_ns FROM round WHERE variant = ?1 AND round = ?2 AND complete"
     " AND epoch_ns > 0",
     take_round},
    {"SELECT c.intended_ns - d.epoch_ns, c.error = 'none' AND c.status < 500,"
     " ifnull(r.attempts, 0) FROM client c"
     " JOIN round d ON d.variant = c.variant AND d.round = c.round"
     " LEFT JOIN request r ON " SAME_REQUEST(
         "r", "c") " WHERE c.variant = ?1 AND c.round = ?2 AND NOT c.warmup",
     take_request},
    {"SELECT min(f.started_ns - d.epoch_ns), max(f.ended_ns - d.epoch_ns) FROM fault f"
     " JOIN round d ON d.variant = f.variant AND d.round = f.round"
     " WHERE f.variant = ?1 AND f.round = ?2 AND f.started_ns > d.epoch_ns",
     take_faults},
};

enum result slots_read(struct slots *slots, sqlite3 *db, int64_t variant, int64_t round,
                       struct error *error)
{
    const int64_t parameters[] = {variant, round};
    *slots = (struct slots){.width = slots->width};
    enum result result = OK;
    for (size_t i = 0; i < ARRAY_LEN(queries) && result == OK; i++)
        result = query_each(db, queries[i].sql, parameters, 2, queries[i].visit, slots, error);
    return result;
}

void slots_free(struct slots *slots)
{
    free(slots->items);
    slots->items = NULL;
    slots->count = 0;
}
