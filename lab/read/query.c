/* SPDX-License-Identifier: MIT */
#include "lab/read/query.h"

#include <sqlite3.h>

/* Findings are written while the records are read: who comes second waits for the other. */
#define LONGEST_WAIT_MS 600000

static enum result failed(sqlite3 *db, struct error *error)
{
    return error_set(error, FAILED_SYSTEM, "%s: %s", sqlite3_db_filename(db, "main"),
                     sqlite3_errmsg(db));
}

static enum result open_as(sqlite3 **db, const char *path, int how, struct error *error)
{
    if (sqlite3_open_v2(path, db, how | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(*db, LONGEST_WAIT_MS);
        return OK;
    }
    error_set(error, FAILED_SYSTEM, "%s: %s", path,
              *db ? sqlite3_errmsg(*db) : "no memory for a database");
    query_close(db);
    return FAILED_SYSTEM;
}

enum result query_open(sqlite3 **db, const char *path, struct error *error)
{
    return open_as(db, path, SQLITE_OPEN_READONLY, error);
}

enum result query_open_to_write(sqlite3 **db, const char *path, struct error *error)
{
    return open_as(db, path, SQLITE_OPEN_READWRITE, error);
}

void query_close(sqlite3 **db)
{
    sqlite3_close(*db);
    *db = NULL;
}

enum result query_execute(sqlite3 *db, const char *sql, struct error *error)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : failed(db, error);
}

enum result query_each(sqlite3 *db, const char *sql, const int64_t *parameters, size_t count,
                       query_row *visit, void *context, struct error *error)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        return failed(db, error);
    for (size_t i = 0; i < count; i++)
        sqlite3_bind_int64(statement, (int)i + 1, parameters[i]);
    while (sqlite3_step(statement) == SQLITE_ROW)
        if (visit)
            visit(context, statement);
    return sqlite3_finalize(statement) == SQLITE_OK ? OK : failed(db, error);
}

enum result query_cursor_open(struct query_cursor *cursor, sqlite3 *db, const char *sql,
                              struct error *error)
{
    *cursor = (struct query_cursor){0};
    if (sqlite3_prepare_v2(db, sql, -1, &cursor->statement, NULL) != SQLITE_OK)
        return failed(db, error);
    return OK;
}

enum result query_cursor_take(struct query_cursor *cursor, int64_t variant, int64_t round,
                              query_row *visit, void *context, struct error *error)
{
    sqlite3_stmt *statement = cursor->statement;
    while (!cursor->over) {
        int status = cursor->waiting ? SQLITE_ROW : sqlite3_step(statement);
        cursor->waiting = status == SQLITE_ROW;
        cursor->over = !cursor->waiting;
        if (cursor->over && status != SQLITE_DONE)
            return failed(sqlite3_db_handle(statement), error);
        if (cursor->over || sqlite3_column_int64(statement, 0) != variant ||
            sqlite3_column_int64(statement, 1) != round)
            return OK;
        visit(context, statement);
        cursor->waiting = false;
    }
    return OK;
}

enum result query_cursor_find(struct query_cursor *cursor, int64_t row, query_row *visit,
                              void *context, struct error *error)
{
    sqlite3_stmt *statement = cursor->statement;
    sqlite3_bind_int64(statement, 1, row);
    if (sqlite3_step(statement) == SQLITE_ROW)
        visit(context, statement);
    return sqlite3_reset(statement) == SQLITE_OK ? OK : failed(sqlite3_db_handle(statement), error);
}

void query_cursor_close(struct query_cursor *cursor)
{
    sqlite3_finalize(cursor->statement);
    *cursor = (struct query_cursor){0};
}
