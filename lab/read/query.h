/* SPDX-License-Identifier: MIT */
/* A few lines around SQLite: statements with whole numbers as parameters, and a function called for
 * each row. */
#ifndef TAILGATE_LAB_READ_QUERY_H
#define TAILGATE_LAB_READ_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/result.h"

/* Rows about one request: its trace id is the same in every variant of a round. */
#define SAME_REQUEST(one, other)                                                          \
    one ".trace_id = " other ".trace_id AND " one ".variant = " other ".variant AND " one \
        ".round = " other ".round"

struct sqlite3;
struct sqlite3_stmt;

/* Opens for reading. Nulls `*db` on failure. */
enum result query_open(struct sqlite3 **db, const char *path, struct error *error) MUST_USE;
/* The same for writing to what exists. */
enum result query_open_to_write(struct sqlite3 **db, const char *path,
                                struct error *error) MUST_USE;
void query_close(struct sqlite3 **db);

/* Statements without parameters. */
enum result query_execute(struct sqlite3 *db, const char *sql, struct error *error) MUST_USE;

typedef void query_row(void *context, struct sqlite3_stmt *row);

/* Binds ?1, ?2, ... and calls `visit` (NULL: nothing) for each row. */
enum result query_each(struct sqlite3 *db, const char *sql, const int64_t *parameters, size_t count,
                       query_row *visit, void *context, struct error *error) MUST_USE;

/* A statement whose rows come round by round: their first two columns are variant and round. */
struct query_cursor {
    struct sqlite3_stmt *statement;
    bool waiting; /* a row has been read and not been taken */
    bool over;
};

/* Close with query_cursor_close, whatever the result. */
enum result query_cursor_open(struct query_cursor *cursor, struct sqlite3 *db, const char *sql,
                              struct error *error) MUST_USE;

/* Calls `visit` for the rows of that round, if they are what comes next. */
enum result query_cursor_take(struct query_cursor *cursor, int64_t variant, int64_t round,
                              query_row *visit, void *context, struct error *error) MUST_USE;

/* Calls `visit` for the row that ?1 of the statement finds, if there is one. */
enum result query_cursor_find(struct query_cursor *cursor, int64_t row, query_row *visit,
                              void *context, struct error *error) MUST_USE;
void query_cursor_close(struct query_cursor *cursor);

#endif
