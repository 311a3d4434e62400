/* SPDX-License-Identifier: MIT */
#include "lab/findings.h"

#include <stdlib.h>

#include <sqlite3.h>

#include "lab/evidence.h"
#include "lib/base/memory.h"

static const char tables[] =
    "CREATE TABLE stall (variant INTEGER, round INTEGER, endpoint TEXT, scope TEXT,"
    " began_ns INTEGER, began_after_ns INTEGER, ended_ns INTEGER, open INTEGER, held INTEGER,"
    " given_up INTEGER, together INTEGER, surprise REAL, confidence REAL);";

struct findings {
    sqlite3 *db;
    struct evidence_source source;
    sqlite3_stmt *stall;
    int64_t (*rounds)[2]; /* variant and round, in the order in which they were added */
    size_t round_count;
};

static enum result failed(struct findings *findings, struct error *error)
{
    return error_set(error, FAILED_SYSTEM, "run.db: %s", sqlite3_errmsg(findings->db));
}

static enum result prepare(struct findings *findings, sqlite3_stmt **statement, const char *sql,
                           struct error *error)
{
    int status = sqlite3_prepare_v2(findings->db, sql, -1, statement, NULL);
    return status == SQLITE_OK ? OK : failed(findings, error);
}

/* ---- stalls */

static void bind_stall(sqlite3_stmt *row, const struct evidence *evidence,
                       const struct stall *stall)
{
    const int64_t numbers[] = {stall->began, stall->began_after, stall->ended,   stall->open,
                               stall->held,  stall->given_up,    stall->together};
    sqlite3_bind_int64(row, 1, evidence->variant);
    sqlite3_bind_int64(row, 2, evidence->round);
    if (stall->endpoint == STALL_NO_ENDPOINT)
        sqlite3_bind_null(row, 3);
    else
        sqlite3_bind_text(row, 3, evidence->endpoints.items[stall->endpoint], -1, SQLITE_STATIC);
    sqlite3_bind_text(row, 4, stall_scope_name(stall->scope), -1, SQLITE_STATIC);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        sqlite3_bind_int64(row, 5 + (int)i, numbers[i]);
    sqlite3_bind_double(row, 12, stall->surprise);
    sqlite3_bind_double(row, 13, stall->confidence);
}

static enum result write_stalls(struct findings *findings, const struct evidence *evidence,
                                const struct stalls *stalls, struct error *error)
{
    for (size_t i = 0; i < stalls->count; i++) {
        bind_stall(findings->stall, evidence, &stalls->items[i]);
        sqlite3_step(findings->stall);
        if (sqlite3_reset(findings->stall) != SQLITE_OK)
            return failed(findings, error);
    }
    return OK;
}

/* ---- rounds */

static void take_round(void *context, sqlite3_stmt *row)
{
    struct findings *findings = context;
    findings->rounds =
        mem_grow(findings->rounds, findings->round_count + 1, sizeof(*findings->rounds));
    int64_t *round = findings->rounds[findings->round_count++];
    round[0] = sqlite3_column_int64(row, 0);
    round[1] = sqlite3_column_int64(row, 1);
}

static enum result analyse_round(struct findings *findings, const int64_t *round,
                                 struct error *error)
{
    struct evidence evidence;
    enum result result = evidence_read(&evidence, &findings->source, round[0], round[1], error);
    if (result == OK) {
        struct stalls stalls;
        stalls_find(&stalls, evidence.waits, evidence.wait_count, evidence.endpoints.count);
        result = write_stalls(findings, &evidence, &stalls, error);
        stalls_free(&stalls);
    }
    evidence_free(&evidence);
    return result;
}

static enum result analyse(struct findings *findings, struct error *error)
{
    enum result result = query_execute(findings->db, tables, error);
    if (result == OK)
        result = query_each(findings->db, "SELECT variant, round FROM round ORDER BY rowid", NULL,
                            0, take_round, findings, error);
    if (result == OK)
        result = evidence_open(&findings->source, findings->db, error);
    if (result == OK)
        result = prepare(findings, &findings->stall,
                         "INSERT INTO stall VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", error);
    for (size_t i = 0; i < findings->round_count && result == OK; i++)
        result = analyse_round(findings, findings->rounds[i], error);
    return result;
}

/* The tables can be made again from the others: nothing is gained by making each step durable. */
enum result findings_write(const char *path, struct error *error)
{
    struct findings findings = {0};
    enum result result = query_open_to_write(&findings.db, path, error);
    if (result != OK)
        return result;
    result = query_execute(findings.db,
                           "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; BEGIN;", error);
    if (result == OK)
        result = analyse(&findings, error);
    evidence_close(&findings.source);
    sqlite3_finalize(findings.stall);
    if (result == OK)
        result = query_execute(findings.db, "COMMIT;", error);
    query_close(&findings.db);
    free(findings.rounds);
    return result;
}
