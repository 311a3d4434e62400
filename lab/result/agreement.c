/* SPDX-License-Identifier: MIT */
#include "lab/result/agreement.h"

#include <stdio.h>

#include <cjson/cJSON.h>
#include <sqlite3.h>

#include "lab/read/query.h"

/* Each query gives rows of (where, what, one count, the other count) that should not be there, and
 * the words between. */
static const struct comparison {
    const char *one, *other;
    const char *sql;
} comparisons[] = {
    {"the generator counted", "it recorded",
     "WITH rows AS (SELECT variant, round, iif(warmup, 'warmup', 'measured') AS part,"
     "  iif(error = 'none', 'status', 'error') AS what,"
     "  iif(error = 'none', CAST(status AS TEXT), error) AS name, count(*) AS n"
     "  FROM client GROUP BY 1, 2, 3, 4, 5),"
     " counts AS (SELECT variant, round, part, what, name, n AS one, 0 AS other FROM tally"
     "  WHERE what IN ('status', 'error')"
     "  UNION ALL SELECT variant, round, part, what, name, 0, n FROM rows)"
     " SELECT variant, round, part || ' requests with ' || what || ' ' || name, sum(one),"
     "  sum(other) FROM counts GROUP BY variant, round, part, what, name"
     " HAVING sum(one) <> sum(other)"},
    {"the generator had arrivals", "it finished",
     "SELECT variant, round, part || ' requests', sum(n * (what = 'arrivals')),"
     "  sum(n * (what = 'done')) FROM tally GROUP BY variant, round, part"
     " HAVING sum(n * (what = 'arrivals')) <> sum(n * (what = 'done'))"},
    {"the generator has a response to", "the gateway recorded",
     "SELECT c.variant, c.round, iif(c.warmup, 'warmup', 'measured') || ' requests', count(*),"
     "  count(DISTINCT r.trace_id) FROM client c LEFT JOIN request r ON " SAME_REQUEST(
         "r",
         "c") " WHERE c.error = 'none' GROUP BY c.variant, c.round, c.warmup"
              " HAVING count(*) <> count(DISTINCT r.trace_id) OR count(*) <> count(r.trace_id)"},
    {"the gateway recorded", "the generator sent",
     "SELECT r.variant, r.round, 'requests', count(*), count(c.trace_id)"
     " FROM request r LEFT JOIN client c ON " SAME_REQUEST(
         "c", "r") " GROUP BY r.variant, r.round"
                   " HAVING count(*) <> count(c.trace_id)"},
    {"the generator and the gateway recorded", "with the same status",
     "SELECT c.variant, c.round, 'answered requests', count(*), sum(c.status = r.status)"
     " FROM client c JOIN request r ON " SAME_REQUEST(
         "r", "c") " WHERE c.error = 'none'"
                   " GROUP BY c.variant, c.round HAVING count(*) <> sum(c.status = r.status)"},
    /* Other gateways do not record their tries. */
    {"the gateway's requests say they made", "it recorded",
     "SELECT r.variant, r.round, 'attempts', r.n, ifnull(a.n, 0) FROM"
     " (SELECT variant, round, sum(attempts) AS n FROM request"
     "  WHERE variant NOT IN (SELECT variant FROM variant WHERE other) GROUP BY 1, 2) r LEFT JOIN"
     " (SELECT variant, round, count(*) AS n FROM attempt GROUP BY 1, 2) a"
     " ON a.variant = r.variant AND a.round = r.round WHERE r.n <> ifnull(a.n, 0)"},
};

struct finding {
    cJSON *differences;
    const struct comparison *comparison;
};

static void add_difference(void *context, sqlite3_stmt *row)
{
    const struct finding *finding = context;
    char text[256];
    snprintf(text, sizeof(text), "variant %d, round %d, %s: %s %lld, %s %lld",
             sqlite3_column_int(row, 0), sqlite3_column_int(row, 1),
             (const char *)sqlite3_column_text(row, 2), finding->comparison->one,
             (long long)sqlite3_column_int64(row, 3), finding->comparison->other,
             (long long)sqlite3_column_int64(row, 4));
    cJSON_AddItemToArray(finding->differences, cJSON_CreateString(text));
}

static void take_count(void *context, sqlite3_stmt *row)
{
    *(uint64_t *)context = (uint64_t)sqlite3_column_int64(row, 0);
}

enum result agreement_check(sqlite3 *db, cJSON *differences, uint64_t *tallied, struct error *error)
{
    enum result result = OK;
    for (size_t i = 0; i < ARRAY_LEN(comparisons) && result == OK; i++) {
        struct finding finding = {differences, &comparisons[i]};
        result = query_each(db, comparisons[i].sql, NULL, 0, add_difference, &finding, error);
    }
    if (result == OK)
        result =
            query_each(db, "SELECT sum(n) FROM tally WHERE part = 'measured' AND what = 'done'",
                       NULL, 0, take_count, tallied, error);
    return result;
}
