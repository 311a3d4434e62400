/* SPDX-License-Identifier: MIT */
#include "lab/result/blame_summary.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>

#include "lab/read/column.h"
#include "lab/read/query.h"

static void add_text(cJSON *object, const char *key, sqlite3_stmt *row, int column)
{
    cJSON_AddStringToObject(object, key, column_text_or_empty(row, column));
}

static void take_class(void *context, sqlite3_stmt *row)
{
    cJSON *blame = context;
    const char *part = column_text(row, 0);
    cJSON *list = cJSON_GetObjectItemCaseSensitive(blame, part);
    cJSON *item = cJSON_CreateObject();
    add_text(item, "class", row, 1);
    add_text(item, "name", row, 2);
    cJSON_AddNumberToObject(item, "count", sqlite3_column_double(row, 3));
    add_text(item, "example", row, 4);
    cJSON_AddNumberToObject(item, "would_succeed", sqlite3_column_double(row, 5));
    cJSON_AddNumberToObject(item, "would_fail", sqlite3_column_double(row, 6));
    cJSON_AddItemToArray(list, item);
    cJSON *total =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(blame, "total"), part);
    cJSON_SetNumberValue(total, total->valuedouble + sqlite3_column_double(row, 3));
}

static void take_scope(void *context, sqlite3_stmt *row)
{
    cJSON_AddNumberToObject(cJSON_GetObjectItemCaseSensitive(context, "stalls"),
                            column_text(row, 0), sqlite3_column_double(row, 1));
}

static void take_note(void *context, sqlite3_stmt *row)
{
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(context, "notes"),
                         cJSON_CreateString(column_text(row, 0)));
}

static const struct {
    const char *sql; /* ?1 is the variant */
    query_row *visit;
} queries[] = {
    /* The example is the first one that failed as most of them did: a column without a function is
     * that of the row of the min or max. */
    {"SELECT part, class, name, sum(n), verdict, sum(yes), sum(no), max(n) FROM (SELECT part,"
     " class, ifnull(name, '') AS name, cause, verdict, count(*) AS n, min(rowid),"
     " sum(would_succeed IS 1) AS yes, sum(would_succeed IS 0) AS no FROM blame WHERE variant = ?1 "
     "GROUP BY 1, 2, 3, 4) GROUP BY 1, 2, 3 ORDER BY 4 DESC, 2, 3",
     take_class},
    {"SELECT scope, count(*) FROM stall WHERE variant = ?1 GROUP BY 1", take_scope},
    {"SELECT DISTINCT text FROM finding_note WHERE variant = ?1", take_note},
};

enum result blame_summary_read(cJSON **blame, sqlite3 *db, int64_t variant, struct error *error)
{
    cJSON *json = *blame = cJSON_CreateObject();
    cJSON *total = cJSON_AddObjectToObject(json, "total");
    for (int part = 0; part < BLAME_PART_COUNT; part++) {
        cJSON_AddNumberToObject(total, blame_part_name((enum blame_part)part), 0);
        cJSON_AddArrayToObject(json, blame_part_name((enum blame_part)part));
    }
    cJSON_AddObjectToObject(json, "stalls");
    cJSON_AddArrayToObject(json, "notes");
    enum result result = OK;
    for (size_t i = 0; i < ARRAY_LEN(queries) && result == OK; i++)
        result = query_each(db, queries[i].sql, &variant, 1, queries[i].visit, json, error);
    return result;
}

uint64_t blame_summary_count(const cJSON *blame, enum blame_part part)
{
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(blame, "total");
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(total, blame_part_name(part));
    return cJSON_IsNumber(count) ? (uint64_t)count->valuedouble : 0;
}
