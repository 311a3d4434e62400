/* SPDX-License-Identifier: MIT */
#include "lab/run/gateway_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "lab/read/gateway_log.h"
#include "lab/read/query.h"
#include "lib/http/trace.h"

const char gateway_rows_tables[] =
    "CREATE TABLE gateway_log (variant INTEGER, round INTEGER, trace_id TEXT, line INTEGER,"
    " status INTEGER, cause TEXT, causes TEXT, tries INTEGER, upstream TEXT, reason TEXT,"
    " total_ns INTEGER);"
    "CREATE TABLE gateway_log_file (variant INTEGER, round INTEGER, format TEXT, lines INTEGER,"
    " requests INTEGER, untraced INTEGER, messages INTEGER, others INTEGER,"
    " not_understood INTEGER, example TEXT, file TEXT, missing INTEGER);";

const char gateway_rows_index[] = "CREATE INDEX gateway_log_trace ON gateway_log (trace_id);";

/* ---- the log */

struct reading {
    sqlite3 *db;
    sqlite3_stmt *insert;
    const struct round_facts *facts;
    const char *name; /* of the file, as the experiment has it */
    bool missing;     /* it does not exist */
    struct gateway_log_reader *reader;
    struct error *error;
};

static enum result failed(sqlite3 *db, struct error *error)
{
    return error_set(error, FAILED_SYSTEM, "run.db: %s", sqlite3_errmsg(db));
}

static void bind_text(sqlite3_stmt *row, int column, const char *text)
{
    if (text && text[0])
        sqlite3_bind_text(row, column, text, -1, SQLITE_TRANSIENT);
    else
        sqlite3_bind_null(row, column);
}

static enum result store(const struct reading *reading, const struct gateway_log_entry *entry)
{
    sqlite3_stmt *row = reading->insert;
    char trace[33] = "", causes[160];
    if (entry->has_trace)
        trace_hex(trace, entry->trace_id, sizeof(entry->trace_id));
    trace[32] = '\0';
    sqlite3_bind_int64(row, 1, (int64_t)reading->facts->variant);
    sqlite3_bind_int64(row, 2, reading->facts->round);
    bind_text(row, 3, trace);
    sqlite3_bind_int64(row, 4, (int64_t)reading->reader->lines);
    sqlite3_bind_int(row, 5, entry->status);
    bind_text(row, 6, entry->causes.count == 1 ? cause_row(entry->causes.of[0])->name : NULL);
    bind_text(row, 7, gateway_causes_text(&entry->causes, causes, sizeof(causes)));
    sqlite3_bind_int(row, 8, entry->tries);
    bind_text(row, 9, entry->upstream);
    bind_text(row, 10, entry->reason);
    if (entry->total_ns >= 0)
        sqlite3_bind_int64(row, 11, entry->total_ns);
    else
        sqlite3_bind_null(row, 11);
    sqlite3_step(row);
    return sqlite3_reset(row) == SQLITE_OK ? OK : failed(reading->db, reading->error);
}

static enum result read_lines(const struct reading *reading, FILE *file)
{
    struct gateway_log_entry entry;
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    enum result result = OK;
    while (result == OK && (length = getline(&line, &size, file)) > 0) {
        length -= line[length - 1] == '\n';
        if (gateway_log_take(reading->reader, line, (size_t)length, &entry))
            result = store(reading, &entry);
    }
    free(line);
    return result;
}

static enum result store_counts(const struct reading *reading)
{
    const struct gateway_log_reader *reader = reading->reader;
    const uint64_t counts[] = {reader->lines,    reader->requests, reader->untraced,
                               reader->messages, reader->others,   reader->not_understood};
    sqlite3_stmt *row;
    if (sqlite3_prepare_v2(reading->db,
                           "INSERT INTO gateway_log_file VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", -1,
                           &row, NULL) != SQLITE_OK)
        return failed(reading->db, reading->error);
    sqlite3_bind_int64(row, 1, (int64_t)reading->facts->variant);
    sqlite3_bind_int64(row, 2, reading->facts->round);
    bind_text(row, 3, gateway_log_format_name(reader->format));
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        sqlite3_bind_int64(row, (int)i + 4, (int64_t)counts[i]);
    bind_text(row, 10, reader->example);
    bind_text(row, 11, reading->name);
    sqlite3_bind_int(row, 12, reading->missing);
    sqlite3_step(row);
    return sqlite3_finalize(row) == SQLITE_OK ? OK : failed(reading->db, reading->error);
}

/* A gateway that never came to open its log has lost every request's line: the counts say it. */
static enum result read_file(struct reading *reading)
{
    FILE *file = fopen(reading->facts->gateway_log, "re");
    enum result result = OK;
    if (file) {
        result = read_lines(reading, file);
        fclose(file);
    } else if (errno != ENOENT)
        return error_errno(reading->error, "%s", reading->facts->gateway_log);
    reading->missing = !file;
    return result == OK ? store_counts(reading) : result;
}

static enum result add_log(sqlite3 *db, const struct gateway_spec *spec,
                           const struct round_facts *facts, struct error *error)
{
    struct reading reading = {.db = db,
                              .facts = facts,
                              .name = spec->log.file ? spec->log.file : "gateway.log",
                              .error = error};
    if (sqlite3_prepare_v2(db, "INSERT INTO gateway_log VALUES (?,?,?,?,?,?,?,?,?,?,?)", -1,
                           &reading.insert, NULL) != SQLITE_OK)
        return failed(db, error);
    reading.reader =
        gateway_log_reader_new((enum gateway_log_format)spec->log.format, spec->reuses_connections);
    enum result result = read_file(&reading);
    gateway_log_reader_free(&reading.reader);
    sqlite3_finalize(reading.insert);
    return result;
}

/* ---- requests */

/* What a client saw of a failure: one of three statuses, or an answer that did not come whole. */
#define FAILED_FOR_CLIENT                                   \
    "(c.error = 'none' AND c.status BETWEEN 502 AND 504 OR" \
    " c.error IN ('closed', 'reset', 'truncated', 'malformed'))"

/* The generator gave up, and left before it had what the gateway came to: had that been there
 * first, it would have been its answer. What the log says then came of the client's leaving, or
 * behind it. What the gateway has answered, or is done with, may be under way all the same. */
#define LEFT_FIRST             \
    "(c.error = 'timeout' AND" \
    " (c.status = 0 OR (c.status < 500 AND l.line IS NOT NULL AND l.cause IS NOT 'none')))"

/* There is no index yet: SQLite makes its own for the two groups. Of several lines about a request
 * the first counts. */
static const char add_requests[] =
    "INSERT INTO request (variant, round, process, worker, started_ns, trace_id, status, cause,"
    " cut_short, attempts, total_ns, method, path)"
    " SELECT c.variant, c.round, 'gateway', 0, c.sent_ns, c.trace_id,"
    "  CASE WHEN c.error = 'none' THEN c.status WHEN c.status = 0 AND " LEFT_FIRST " THEN 499"
    "   ELSE ifnull(nullif(l.status, 0), c.status) END,"
    "  CASE WHEN " LEFT_FIRST " THEN 'client_abort'"
    "   WHEN " FAILED_FOR_CLIENT " THEN ifnull(nullif(l.cause, 'none'), 'unknown')"
    "   ELSE ifnull(l.cause, 'none') END,"
    "  c.error IN ('truncated', 'closed', 'reset') AND c.status > 0,"
    "  max(ifnull(l.tries, 0), ifnull(s.n, 0)), c.done_ns - c.sent_ns, c.method, c.path"
    " FROM client c LEFT JOIN (SELECT trace_id, min(line) AS line, status, cause, tries"
    "  FROM gateway_log WHERE variant = ?1 AND round = ?2 GROUP BY trace_id) l"
    " ON l.trace_id = c.trace_id"
    " LEFT JOIN (SELECT trace_id, count(*) AS n FROM served"
    "  WHERE variant = ?1 AND round = ?2 GROUP BY trace_id) s ON s.trace_id = c.trace_id"
    " WHERE c.variant = ?1 AND c.round = ?2 AND c.sent_ns IS NOT NULL AND c.error <> 'connect'";

enum result gateway_rows_add(sqlite3 *db, const struct plan *plan, const struct round_facts *facts,
                             struct error *error)
{
    const struct gateway_plan *gateway = plan->items[facts->variant].command;
    const int64_t parameters[] = {(int64_t)facts->variant, facts->round};
    enum result result = OK;
    if (facts->gateway_log)
        result = add_log(db, &gateway->spec, facts, error);
    return result == OK
               ? query_each(db, add_requests, parameters, ARRAY_LEN(parameters), NULL, NULL, error)
               : result;
}
