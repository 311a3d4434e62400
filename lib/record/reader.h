/* SPDX-License-Identifier: MIT */
/* Reads the segments of a folder, also those of a process that died or still runs, and writes their
 * records as SQLite tables, JSON lines or CSV. */
#ifndef TAILGATE_LIB_RECORD_READER_H
#define TAILGATE_LIB_RECORD_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/record/tables.h"

/* Where a record comes from. */
struct record_source {
    const char *process; /* "gateway" */
    uint32_t pid;
    uint16_t writer;       /* the worker's number */
    duration clock_offset; /* wall = mono + offset */
    const char *const *names;
    uint16_t name_count;
};

/* Called for each record in the order of its writer; `record` points to the struct of its kind and
 * is valid during the call only. Anything but OK ends the reading and is returned. */
typedef enum result record_visit(void *context, const struct record_source *source,
                                 enum record_kind kind, const void *record, struct error *error);

/* Visits the records of every segment in `folder`. Adds what its writers dropped to `*dropped`. A
 * segment that is damaged or of another version is passed over, from where it cannot be read on; in
 * the end it is FAILED_INPUT, and the error names the first and says how many there were. So is a
 * folder that does not exist, but not one without segments. A visit that fails is to return another
 * result. */
enum result record_read_folder(const char *folder, record_visit *visit, void *context,
                               uint64_t *dropped, struct error *error) MUST_USE;

/* The name of a NAME column's value, or NULL. */
const char *record_name(const struct record_source *source, uint16_t name);
const char *record_kind_name(enum record_kind kind);
const char *client_error_name(enum client_error error);
const char *pause_kind_name(enum pause_kind kind);
const char *state_kind_name(enum state_kind kind);

/* Appends one record as a JSON object and the end of its line:
 * {"kind":"request","process":"gateway", "worker":0,"time":"2026-11-23T08:00:00.123456Z",...};
 * NULLs are left out. A column that is itself called kind becomes "pause_kind" and so on. Also the
 * access log's format.
 *
 * In JSON, CSV and SQLite alike a column is called as in tables.h, MONO and SPAN with "_ns" behind
 * ("started_ns", "wait_ns"): they are whole nanoseconds. Bytes of TEXT columns that are not
 * printable ASCII come out as %XX. */
void record_append_json(struct buf *out, const struct record_source *source, enum record_kind kind,
                        const void *record);

/* A database being filled: every kind has its table with the columns of tables.h behind
 *     variant INTEGER, round INTEGER, process TEXT, worker INTEGER
 * and an index on trace_id where there is one. Two more tables: `source` (variant, round, process,
 * pid, worker, clock_offset in ns; one row per writer that recorded something) and `meta` (key TEXT
 * PRIMARY KEY, value TEXT). */
struct record_db;

/* The file must not hold records yet; it is made when missing. */
enum result record_db_open(struct record_db **db, const char *path, struct error *error) MUST_USE;

/* Adds the segments of `folder`, marked with a variant and a round (both -1 = NULL). */
enum result record_db_add_folder(struct record_db *db, const char *folder, int variant, int round,
                                 uint64_t *dropped, struct error *error) MUST_USE;

enum result record_db_set_meta(struct record_db *db, const char *key, const char *value,
                               struct error *error) MUST_USE;

/* Records added so far. */
uint64_t record_db_written(const struct record_db *db);

/* The connection (struct sqlite3 *) for queries of the caller's own, valid until record_db_close.
 */
struct sqlite3 *record_db_handle(struct record_db *db);

/* Makes the indexes and commits. Nulls the pointer, also when it fails (a full disk); harmless on
 * NULL. */
enum result record_db_close(struct record_db **db, struct error *error) MUST_USE;

/* Everything in `folder` that can be read as JSON lines, or one kind as CSV (RFC 4180) with a
 * header line; `process`, `worker` and `time` come first. Adds to `*written` and `*dropped`. */
enum result record_write_json_lines(FILE *out, const char *folder, uint64_t *written,
                                    uint64_t *dropped, struct error *error) MUST_USE;
enum result record_write_csv(FILE *out, const char *folder, enum record_kind kind,
                             uint64_t *written, uint64_t *dropped, struct error *error) MUST_USE;

#endif
