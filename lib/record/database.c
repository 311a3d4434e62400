/* SPDX-License-Identifier: MIT */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/record/reader.h"
#include "lib/record/value.h"

/* Columns of every table before those of the kind. */
#define FIXED_COLUMNS "variant INTEGER, round INTEGER, process TEXT, worker INTEGER"
#define FIXED_COUNT   4

struct record_db {
    sqlite3 *handle;
    char *path;
    sqlite3_stmt *inserts[RECORD_KIND_COUNT];
    uint64_t written;
    /* Texts are bound where they are, so that the values live as long as a row's insertion. */
    struct column_value values[COLUMNS_MAX];
};

/* A folder being added. */
struct adding {
    struct record_db *db;
    int variant, round;
    struct record_source last; /* the source of the last record; only its numbers are valid */
    bool any;
};

static enum result failed(struct record_db *db, const char *doing, struct error *error)
{
    int number = db->handle ? sqlite3_system_errno(db->handle) : 0;
    return error_set(error, FAILED_SYSTEM, "cannot %s the database %s: %s%s%s", doing, db->path,
                     db->handle ? sqlite3_errmsg(db->handle) : "out of memory", number ? ": " : "",
                     number ? strerror(number) : "");
}

static enum result execute(struct record_db *db, const char *sql, struct error *error)
{
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
        return failed(db, "write", error);
    return OK;
}

/* ---- tables */

static void append_table(struct buf *sql, const struct record_layout *layout)
{
    buf_printf(sql, "CREATE TABLE \"%s\" (" FIXED_COLUMNS, layout->name);
    for (size_t i = 0; i < layout->column_count; i++) {
        const struct column *column = &layout->columns[i];
        const struct column_type_row *type = column_type_row(column->type);
        buf_printf(sql, ", \"%s%s\" %s", column->name, type->suffix, type->sql);
    }
    buf_append_text(sql, ");\n");
}

static void append_index(struct buf *sql, const struct record_layout *layout)
{
    for (size_t i = 0; i < layout->column_count; i++)
        if (layout->columns[i].type == COLUMN_TRACE)
            buf_printf(sql, "CREATE INDEX \"%s_%s\" ON \"%s\" (\"%s\");\n", layout->name,
                       layout->columns[i].name, layout->name, layout->columns[i].name);
}

static enum result execute_for_kinds(struct record_db *db, const char *first,
                                     void (*append)(struct buf *, const struct record_layout *),
                                     const char *last, struct error *error)
{
    struct buf sql = {0};
    buf_append_text(&sql, first);
    for (size_t kind = 0; kind < RECORD_KIND_COUNT; kind++)
        append(&sql, record_layout((enum record_kind)kind));
    buf_append(&sql, last, strlen(last) + 1);
    enum result result = execute(db, buf_head(&sql), error);
    buf_free(&sql);
    return result;
}

static enum result prepare_insert(struct record_db *db, enum record_kind kind, struct error *error)
{
    const struct record_layout *layout = record_layout(kind);
    struct buf sql = {0};
    buf_printf(&sql, "INSERT INTO \"%s\" VALUES (?", layout->name);
    for (size_t i = 1; i < FIXED_COUNT + (size_t)layout->column_count; i++)
        buf_append_text(&sql, ",?");
    buf_append(&sql, ")", 2);
    int status = sqlite3_prepare_v3(db->handle, buf_head(&sql), -1, SQLITE_PREPARE_PERSISTENT,
                                    &db->inserts[kind], NULL);
    buf_free(&sql);
    return status == SQLITE_OK ? OK : failed(db, "write", error);
}

/* The database is filled in one go and can be made again from the segments: nothing is gained by
 * making each step durable. */
static enum result set_up(struct record_db *db, struct error *error)
{
    enum result result = execute_for_kinds(
        db,
        "PRAGMA page_size = 8192; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -32768;"
        "BEGIN;",
        append_table,
        "CREATE TABLE source (variant INTEGER, round INTEGER, process TEXT, pid INTEGER,"
        " worker INTEGER, clock_offset INTEGER);"
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);",
        error);
    for (size_t kind = 0; kind < RECORD_KIND_COUNT && result == OK; kind++)
        result = prepare_insert(db, (enum record_kind)kind, error);
    return result;
}

static int release(struct record_db **out)
{
    struct record_db *db = *out;
    *out = NULL;
    for (size_t kind = 0; kind < RECORD_KIND_COUNT; kind++)
        sqlite3_finalize(db->inserts[kind]);
    int status = sqlite3_close(db->handle);
    free(db->path);
    free(db);
    return status;
}

enum result record_db_open(struct record_db **out, const char *path, struct error *error)
{
    struct record_db *db = mem_alloc(1, sizeof(*db));
    db->path = mem_text(path);
    enum result result;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK)
        result = failed(db, "make", error);
    else
        result = set_up(db, error);
    if (result != OK)
        release(&db);
    else
        *out = db;
    return result;
}

/* ---- rows */

static void bind_or_null(sqlite3_stmt *statement, int at, int number)
{
    if (number < 0)
        sqlite3_bind_null(statement, at);
    else
        sqlite3_bind_int(statement, at, number);
}

static void bind_value(sqlite3_stmt *statement, int at, const struct column_value *value)
{
    switch (value->type) {
    case VALUE_NULL:
        sqlite3_bind_null(statement, at);
        break;
    case VALUE_INTEGER:
        sqlite3_bind_int64(statement, at, (sqlite3_int64)value->integer);
        break;
    case VALUE_TEXT:
        sqlite3_bind_text(statement, at, value->text, (int)value->length, SQLITE_STATIC);
        break;
    }
}

static enum result insert_source(struct adding *adding, const struct record_source *source,
                                 struct error *error)
{
    struct record_db *db = adding->db;
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db->handle, "INSERT INTO source VALUES (?,?,?,?,?,?)", -1, &statement,
                           NULL) != SQLITE_OK)
        return failed(db, "write", error);
    bind_or_null(statement, 1, adding->variant);
    bind_or_null(statement, 2, adding->round);
    sqlite3_bind_text(statement, 3, source->process, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 4, source->pid);
    sqlite3_bind_int(statement, 5, source->writer);
    sqlite3_bind_int64(statement, 6, source->clock_offset.ns);
    sqlite3_step(statement);
    return sqlite3_finalize(statement) == SQLITE_OK ? OK : failed(db, "write", error);
}

/* The segments of a writer follow one another. A process that was started anew under an old pid
 * measured another offset. */
static bool is_new_source(const struct adding *adding, const struct record_source *source)
{
    return !adding->any || adding->last.pid != source->pid ||
           adding->last.writer != source->writer ||
           adding->last.clock_offset.ns != source->clock_offset.ns;
}

static enum result insert_record(void *context, const struct record_source *source,
                                 enum record_kind kind, const void *record, struct error *error)
{
    struct adding *adding = context;
    struct record_db *db = adding->db;
    if (is_new_source(adding, source)) {
        enum result result = insert_source(adding, source, error);
        if (result != OK)
            return result;
        adding->last = *source;
        adding->any = true;
    }
    const struct record_layout *layout = record_layout(kind);
    sqlite3_stmt *statement = db->inserts[kind];
    bind_or_null(statement, 1, adding->variant);
    bind_or_null(statement, 2, adding->round);
    sqlite3_bind_text(statement, 3, source->process, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 4, source->writer);
    for (size_t i = 0; i < layout->column_count; i++) {
        column_read(&db->values[i], &layout->columns[i], record, source);
        bind_value(statement, FIXED_COUNT + 1 + (int)i, &db->values[i]);
    }
    sqlite3_step(statement);
    if (sqlite3_reset(statement) != SQLITE_OK)
        return failed(db, "write", error);
    db->written++;
    return OK;
}

enum result record_db_add_folder(struct record_db *db, const char *folder, int variant, int round,
                                 uint64_t *dropped, struct error *error)
{
    struct adding adding = {.db = db, .variant = variant, .round = round};
    return record_read_folder(folder, insert_record, &adding, dropped, error);
}

enum result record_db_set_meta(struct record_db *db, const char *key, const char *value,
                               struct error *error)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db->handle, "INSERT OR REPLACE INTO meta VALUES (?,?)", -1, &statement,
                           NULL) != SQLITE_OK)
        return failed(db, "write", error);
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, value, -1, SQLITE_STATIC);
    sqlite3_step(statement);
    return sqlite3_finalize(statement) == SQLITE_OK ? OK : failed(db, "write", error);
}

uint64_t record_db_written(const struct record_db *db)
{
    return db->written;
}

struct sqlite3 *record_db_handle(struct record_db *db)
{
    return db->handle;
}

enum result record_db_close(struct record_db **out, struct error *error)
{
    if (!*out)
        return OK;
    enum result result = execute_for_kinds(*out, "", append_index, "COMMIT;", error);
    if (release(out) != SQLITE_OK && result == OK)
        result = error_set(error, FAILED_SYSTEM,
                           "cannot close the database: a query on it has not ended");
    return result;
}
