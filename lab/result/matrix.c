/* SPDX-License-Identifier: MIT */
#include "lab/result/matrix.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>

#include "lab/read/column.h"
#include "lab/read/query.h"

static void add_text(cJSON *object, const char *key, sqlite3_stmt *row, int column)
{
    cJSON_AddStringToObject(object, key, column_text_or_empty(row, column));
}

static void take_name(void *context, sqlite3_stmt *row)
{
    add_text(context, "name", row, 0);
    add_text(context, "case", row, 1);
}

static void take_failures(void *context, sqlite3_stmt *row)
{
    cJSON *failure = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(context, "failures"), failure);
    add_text(failure, "seen", row, 0);
    add_text(failure, "cause", row, 1);
    add_text(failure, "says", row, 2);
    cJSON_AddNumberToObject(failure, "count", sqlite3_column_double(row, 3));
    cJSON_AddNumberToObject(failure, "tried_again", sqlite3_column_double(row, 4));
    cJSON_AddNumberToObject(failure, "unlogged", sqlite3_column_double(row, 5));
}

static void take_tries(void *context, sqlite3_stmt *row)
{
    const char *method = column_text(row, 0);
    cJSON *tries = cJSON_GetObjectItemCaseSensitive(context, "tries");
    cJSON *answered = cJSON_GetObjectItemCaseSensitive(context, "answered_after_retry");
    cJSON_AddNumberToObject(cJSON_GetObjectItemCaseSensitive(context, "tried_again"),
                            method ? method : "", sqlite3_column_double(row, 1));
    cJSON_SetNumberValue(tries, tries->valuedouble + sqlite3_column_double(row, 2));
    cJSON_SetNumberValue(answered, answered->valuedouble + sqlite3_column_double(row, 3));
}

static void take_backend(void *context, sqlite3_stmt *row)
{
    cJSON *backends = cJSON_GetObjectItemCaseSensitive(context, "backends");
    const char *name = column_text(row, 0);
    cJSON *backend = cJSON_AddObjectToObject(backends, name ? name : "");
    cJSON_AddNumberToObject(backend, "served", sqlite3_column_double(row, 1));
    cJSON_AddNumberToObject(backend, "abandoned", sqlite3_column_double(row, 2));
}

static void take_log(void *context, sqlite3_stmt *row)
{
    static const char *const counts[] = {"lines",    "requests", "untraced",
                                         "messages", "others",   "not_understood"};
    cJSON *log = cJSON_AddObjectToObject(context, "log");
    add_text(log, "format", row, 0);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        cJSON_AddNumberToObject(log, counts[i], sqlite3_column_double(row, (int)i + 1));
    add_text(log, "example", row, 7);
    add_text(log, "file", row, 8);
    cJSON_AddBoolToObject(log, "missing", sqlite3_column_int(row, 9) != 0);
}

/* What the client made of a request, with what its gateway and that one's log say of it. */
#define SEEN                                                                                       \
    " FROM client c JOIN variant v ON v.variant = c.variant"                                       \
    " LEFT JOIN request r ON " SAME_REQUEST(                                                       \
        "r", "c") " LEFT JOIN gateway_log l ON l.rowid = (SELECT min(g.rowid) FROM gateway_log g " \
                  "WHERE " SAME_REQUEST("g", "c") ") WHERE c.variant = ?1 AND NOT c.warmup"        \
                                                  " AND c.error <> 'unfinished'"

static const struct {
    const char *sql; /* ?1 is the variant */
    query_row *visit;
} queries[] = {
    {"SELECT gateway, fault FROM variant WHERE variant = ?1", take_name},
    {"SELECT iif(c.error = 'none', c.status, iif(c.status > 0, c.status || ', ' || c.error,"
     "  c.error)) AS seen,"
     " iif(v.other AND ifnull(r.cause, '') <> 'client_abort',"
     "  ifnull(nullif(l.causes, 'none'), 'unknown'), ifnull(r.cause, 'unknown'))"
     "  AS cause,"
     " iif(v.other, l.reason, r.cause) AS says, count(*), sum(r.attempts > 1),"
     " sum(iif(v.other, l.rowid IS NULL, r.rowid IS NULL))" SEEN
     " AND (c.error <> 'none' OR c.status >= 500) GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3",
     take_failures},
    {"SELECT c.method, sum(r.attempts > 1), sum(r.attempts),"
     " sum(r.attempts > 1 AND c.error = 'none' AND c.status < 500)" SEEN " GROUP BY 1 ORDER BY 1",
     take_tries},
    {"SELECT s.process, count(*), sum(s.abandoned) FROM served s JOIN client c ON " SAME_REQUEST(
         "s", "c") " WHERE s.variant = ?1 AND NOT c.warmup GROUP BY 1 ORDER BY 1",
     take_backend},
    {"SELECT format, sum(lines), sum(requests), sum(untraced), sum(messages), sum(others),"
     " sum(not_understood), max(example), max(file), max(missing) FROM gateway_log_file WHERE "
     "variant = ?1 GROUP BY 1",
     take_log},
};

enum result matrix_read(cJSON **out, const struct plan *plan, size_t variant, sqlite3 *db,
                        struct error *error)
{
    const int64_t parameter = (int64_t)variant;
    *out = NULL;
    if (plan->items[variant].skipped ||
        (!plan->other_gateways && !plan->variants.items[variant].gateway[0]))
        return OK;
    cJSON *json = *out = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "tries", 0);
    cJSON_AddObjectToObject(json, "tried_again");
    cJSON_AddNumberToObject(json, "answered_after_retry", 0);
    cJSON_AddObjectToObject(json, "backends");
    cJSON_AddArrayToObject(json, "failures");
    enum result result = OK;
    for (size_t i = 0; i < ARRAY_LEN(queries) && result == OK; i++)
        result = query_each(db, queries[i].sql, &parameter, 1, queries[i].visit, json, error);
    return result;
}
