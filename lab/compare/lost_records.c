/* SPDX-License-Identifier: MIT */
#include "lab/compare/lost_records.h"

#include <stdio.h>

#include <sqlite3.h>

#include "lab/read/query.h"
#include "lib/base/result.h"

static const char *const kinds[LOST_KIND_COUNT] = {
    [LOST_CLIENTS] = "requests that the load generator counted",
    [LOST_REQUESTS] = "requests that the gateway answered",
    [LOST_ATTEMPTS] = "tries that the gateway made",
};

static void take_whether(void *context, sqlite3_stmt *row)
{
    *(bool *)context = sqlite3_column_int(row, 0) != 0;
}

static void take_pair(struct lost_records *lost, enum lost_kind kind, sqlite3_stmt *row)
{
    lost->counted[kind] = (uint64_t)sqlite3_column_int64(row, 0);
    lost->recorded[kind] = (uint64_t)sqlite3_column_int64(row, 1);
}

static void take_clients(void *context, sqlite3_stmt *row)
{
    take_pair(context, LOST_CLIENTS, row);
}

static void take_attempts(void *context, sqlite3_stmt *row)
{
    take_pair(context, LOST_ATTEMPTS, row);
}

/* Each is asked where the database can tell, ?1 being the variant. A gateway that is another
 * program does not record its tries. */
static const struct {
    const char *can_tell, *sql;
    query_row *visit;
} queries[] = {
    {"SELECT count(*) FROM sqlite_master WHERE name = 'tally'",
     "SELECT sum(n), (SELECT count(*) FROM client WHERE variant = ?1 AND NOT warmup) FROM tally"
     " WHERE variant = ?1 AND part = 'measured' AND what = 'done'",
     take_clients},
    {"SELECT (SELECT count(*) FROM sqlite_master WHERE name = 'attempt')"
     " AND (SELECT count(*) FROM pragma_table_info('request') WHERE name = 'attempts')"
     " AND (SELECT count(*) FROM pragma_table_info('variant') WHERE name = 'other')",
     "SELECT sum(attempts), (SELECT count(*) FROM attempt WHERE variant = ?1) FROM request"
     " WHERE variant = ?1 AND NOT (SELECT other FROM variant WHERE variant = ?1)",
     take_attempts},
};

static void count_requests(struct lost_records *lost, const struct outcomes *outcomes)
{
    for (size_t i = 0; i < outcomes->count; i++) {
        const struct outcome *outcome = &outcomes->items[i];
        if (outcome->unanswered)
            continue;
        lost->counted[LOST_REQUESTS]++;
        lost->recorded[LOST_REQUESTS] += outcome->known;
    }
}

enum result lost_records_read(struct lost_records *lost, const struct outcomes *outcomes,
                              const struct recorded_run *run, int variant, struct error *error)
{
    const int64_t number = variant;
    *lost = (struct lost_records){0};
    count_requests(lost, outcomes);
    enum result result = OK;
    for (size_t i = 0; i < ARRAY_LEN(queries) && result == OK; i++) {
        bool can_tell = false;
        result = query_each(run->db, queries[i].can_tell, NULL, 0, take_whether, &can_tell, error);
        if (result == OK && can_tell)
            result = query_each(run->db, queries[i].sql, &number, 1, queries[i].visit, lost, error);
    }
    return result;
}

static double share_of(const struct lost_records *lost, int kind)
{
    uint64_t counted = lost->counted[kind], recorded = lost->recorded[kind];
    return counted > recorded ? (double)(counted - recorded) / (double)counted : 0;
}

static int worst_of(const struct lost_records *lost)
{
    int worst = 0;
    for (int i = 1; i < LOST_KIND_COUNT; i++)
        worst = share_of(lost, i) > share_of(lost, worst) ? i : worst;
    return worst;
}

double lost_records_share(const struct lost_records *lost)
{
    return share_of(lost, worst_of(lost));
}

const char *lost_records_say(const struct lost_records *lost, char *out, size_t size)
{
    int worst = worst_of(lost);
    out[0] = '\0';
    if (lost_records_share(lost) > 0)
        snprintf(out, size, "%llu of %llu %s",
                 (unsigned long long)(lost->counted[worst] - lost->recorded[worst]),
                 (unsigned long long)lost->counted[worst], kinds[worst]);
    return out;
}
