/* SPDX-License-Identifier: MIT */
#include "lab/run/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "lab/read/evidence.h"
#include "lib/base/memory.h"
#include "lib/base/units.h"
#include "lib/record/reader.h"

static const char tables[] =
    "CREATE TABLE stall (variant INTEGER, round INTEGER, endpoint TEXT, scope TEXT,"
    " began_ns INTEGER, began_after_ns INTEGER, ended_ns INTEGER, open INTEGER, held INTEGER,"
    " given_up INTEGER, together INTEGER, surprise REAL, confidence REAL);"
    "CREATE TABLE blame (variant INTEGER, round INTEGER, trace_id TEXT, part TEXT,"
    " ended_ns INTEGER, total_ns INTEGER, latency_ns INTEGER, cause TEXT, status INTEGER,"
    " class TEXT, name TEXT, kind TEXT, target TEXT, aftermath INTEGER, injected_ns INTEGER,"
    " pause_ns INTEGER, stall_ns INTEGER, gateway_ns INTEGER, lock_ns INTEGER, work_ns INTEGER,"
    " queue_ns INTEGER, client_ns INTEGER, timeout_ns INTEGER, true_ns INTEGER,"
    " would_succeed INTEGER, chain TEXT, verdict TEXT, error TEXT);"
    "CREATE TABLE finding_note (variant INTEGER, text TEXT);";

struct findings {
    sqlite3 *db;
    struct evidence_source source;
    sqlite3_stmt *stall, *blame, *note;
    struct exchanges_reading *exchanges;
    uint64_t dropped;
};

static enum result failed(struct findings *findings, struct error *error)
{
    return error_set(error, FAILED_SYSTEM, "run.db: %s", sqlite3_errmsg(findings->db));
}

static enum result insert(struct findings *findings, sqlite3_stmt *row, struct error *error)
{
    sqlite3_step(row);
    return sqlite3_reset(row) == SQLITE_OK ? OK : failed(findings, error);
}

/* Binds one value after the other. */
struct row {
    sqlite3_stmt *statement;
    int at;
};

static void put(struct row *row, int64_t number)
{
    sqlite3_bind_int64(row->statement, ++row->at, number);
}

/* A length of time that is not known stays out. */
static void put_known(struct row *row, int64_t number)
{
    if (number < 0)
        sqlite3_bind_null(row->statement, ++row->at);
    else
        put(row, number);
}

static void put_text(struct row *row, const char *text)
{
    if (text)
        sqlite3_bind_text(row->statement, ++row->at, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(row->statement, ++row->at);
}

/* ---- stalls */

static enum result write_stall(struct findings *findings, const struct evidence *evidence,
                               const struct stall *stall, struct error *error)
{
    struct row row = {findings->stall, 0};
    put(&row, evidence->variant);
    put(&row, evidence->round);
    put_text(&row, stall->endpoint == STALL_NO_ENDPOINT
                       ? NULL
                       : evidence->endpoints.items[stall->endpoint]);
    put_text(&row, stall_scope_name(stall->scope));
    put(&row, stall->began);
    put(&row, stall->began_after);
    put(&row, stall->ended);
    put(&row, stall->open);
    put(&row, stall->held);
    put(&row, stall->given_up);
    put(&row, stall->together);
    sqlite3_bind_double(row.statement, ++row.at, stall->surprise);
    sqlite3_bind_double(row.statement, ++row.at, stall->confidence);
    return insert(findings, row.statement, error);
}

/* ---- blame */

static void put_request(struct row *row, const struct blame_case *item)
{
    put_text(row, blame_part_name(item->part));
    put(row, item->until);
    put(row, item->until - item->from);
    put_known(row, item->latency);
    put_text(row, item->recorded ? cause_row(item->cause)->name : NULL);
    put_known(row, item->recorded ? item->status : -1);
    put_text(row, blame_class_name(item->class));
}

static void put_span(struct row *row, const struct blame_book *book, const struct blame_case *item)
{
    const struct blame_span *span = item->span == BLAME_NONE ? NULL : &book->spans[item->span];
    const char *endpoint =
        span && span->endpoint < book->endpoint_count ? book->endpoints[span->endpoint] : NULL;
    put_text(row, span ? span->name : NULL);
    put_text(row, span ? span->kind : NULL);
    put_text(row, span && span->target ? span->target : endpoint);
    put(row, item->aftermath);
}

static enum result write_case(struct findings *findings, const struct evidence *evidence,
                              const struct blame_book *book, const struct blame_case *item,
                              struct error *error)
{
    static const enum blame_class parts[] = {BLAME_INJECTED, BLAME_PAUSE, BLAME_STALL,
                                             BLAME_GATEWAY,  BLAME_LOCK,  BLAME_WORK,
                                             BLAME_QUEUE,    BLAME_CLIENT};
    char chain[BLAME_CHAIN], verdict[BLAME_VERDICT];
    struct row row = {findings->blame, 0};
    blame_chain(chain, book, item);
    blame_verdict(verdict, book, item);
    put(&row, evidence->variant);
    put(&row, evidence->round);
    put_text(&row, item->trace.text);
    put_request(&row, item);
    put_span(&row, book, item);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        put(&row, item->overlaps[parts[i]]);
    put_known(&row, item->timeout);
    put_known(&row, item->true_wait);
    put_known(&row, item->would_succeed);
    put_text(&row, chain);
    put_text(&row, verdict);
    put_text(&row, client_error_name(item->error));
    return insert(findings, row.statement, error);
}

static enum result write_blame(struct findings *findings, struct evidence *evidence,
                               struct error *error)
{
    struct blame_book book;
    evidence_judge(evidence, &book);
    enum result result = OK;
    for (size_t i = 0; i < book.case_count && result == OK; i++)
        result = write_case(findings, evidence, &book, &book.cases[i], error);
    return result;
}

/* ---- what is to be said beside them */

static enum result note(struct findings *findings, const struct evidence *evidence,
                        struct error *error, const char *format, ...) PRINTF_LIKE(4, 5);
static enum result note(struct findings *findings, const struct evidence *evidence,
                        struct error *error, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct row row = {findings->note, 0};
    put(&row, evidence->variant);
    put_text(&row, text);
    return insert(findings, row.statement, error);
}

static size_t count_unjudged(const struct evidence *evidence)
{
    size_t count = 0;
    for (size_t i = 0; i < evidence->stalls.endpoint_count; i++)
        count += evidence->stalls.endpoints[i].waits > 0 && !evidence->stalls.endpoints[i].judged;
    return count;
}

/* From this share of a round's tries, listening is a load of its own. */
#define LISTENED_SHARE 0.1

static enum result write_listening_notes(struct findings *findings, const struct evidence *evidence,
                                         struct error *error)
{
    char listened[32];
    size_t heard = evidence->timeouts - evidence->unheard;
    enum result result = OK;
    if (evidence->unheard > 0)
        result = note(findings, evidence, error,
                      "round %lld: %zu of %zu tries that timed out were not listened to any more: "
                      "whether they would have been answered is not known (upstreams.*.late)",
                      (long long)evidence->round, evidence->unheard, evidence->timeouts);
    if (result == OK && evidence->unanswered > 0)
        result = note(
            findings, evidence, error,
            "round %lld: %zu of %zu tries that timed out had no answer while they were "
            "listened to (%s at least, until upstreams.*.late or the end of the round): "
            "how long they would have taken is not known",
            (long long)evidence->round, evidence->unanswered, evidence->timeouts,
            units_format_duration(listened, sizeof(listened), duration_ns(evidence->listened)));
    if (result == OK && (double)heard > LISTENED_SHARE * (double)evidence->seen_count)
        result = note(findings, evidence, error,
                      "round %lld: %zu of %zu tries timed out and were listened to: their "
                      "connections stayed open, so that backends that stop for a client that has "
                      "gone worked on for nobody; in an overload that is load of its own, which "
                      "upstreams.*.late.window 0s takes away",
                      (long long)evidence->round, heard, evidence->seen_count);
    return result;
}

static enum result write_notes(struct findings *findings, const struct evidence *evidence,
                               struct error *error)
{
    size_t unjudged = count_unjudged(evidence);
    enum result result = write_listening_notes(findings, evidence, error);
    if (result == OK && unjudged > 0)
        result = note(findings, evidence, error,
                      "round %lld: %zu endpoint%s answered fewer than %d times: whether %s stood "
                      "still is not judged",
                      (long long)evidence->round, unjudged, unjudged == 1 ? "" : "s",
                      STALL_LEAST_MOVES, unjudged == 1 ? "it" : "they");
    if (result == OK && evidence->unknown > 0)
        result = note(findings, evidence, error,
                      "round %lld: %zu failed requests of the gateway are not blamed: the load "
                      "generator has no record of them",
                      (long long)evidence->round, evidence->unknown);
    if (result == OK && evidence->elsewhere > evidence->case_count / 100)
        result =
            note(findings, evidence, error,
                 "round %lld: the gateway has %zu of %zu requests at moments at which the load "
                 "generator did not wait for them: the records come from two clocks, and what "
                 "overlapped what, and so what is blamed here, is not to be trusted",
                 (long long)evidence->round, evidence->elsewhere, evidence->case_count);
    if (result == OK && findings->dropped > 0)
        result = note(findings, evidence, error,
                      "%llu records are missing: what they would have shown is blamed on nothing, "
                      "and a time without records can look like a stall",
                      (unsigned long long)findings->dropped);
    return result;
}

/* ---- rounds */

static enum result analyse_round(struct findings *findings, size_t number, struct error *error)
{
    struct evidence evidence;
    enum result result =
        evidence_read(&evidence, &findings->source, findings->exchanges, number, error);
    for (size_t i = 0; i < evidence.stalls.count && result == OK; i++)
        result = write_stall(findings, &evidence, &evidence.stalls.items[i], error);
    if (result == OK)
        result = write_blame(findings, &evidence, error);
    if (result == OK)
        result = write_notes(findings, &evidence, error);
    evidence_free(&evidence);
    return result;
}

static enum result prepare(struct findings *findings, struct error *error)
{
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } inserts[] = {
        {&findings->stall, "INSERT INTO stall VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"},
        {&findings->blame, "INSERT INTO blame VALUES "
                           "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
        {&findings->note, "INSERT INTO finding_note VALUES (?,?)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(inserts); i++)
        if (sqlite3_prepare_v2(findings->db, inserts[i].sql, -1, inserts[i].statement, NULL) !=
            SQLITE_OK)
            return failed(findings, error);
    return OK;
}

static enum result analyse(struct findings *findings, struct error *error)
{
    enum result result = query_execute(findings->db, tables, error);
    if (result == OK)
        result = evidence_open(&findings->source, findings->db, error);
    if (result == OK)
        result = prepare(findings, error);
    for (size_t i = 0; i < findings->exchanges->exchanges.count && result == OK; i++)
        result = analyse_round(findings, i, error);
    return result;
}

/* The tables can be made again from the others: nothing is gained by making each step durable. What
 * is to be written is kept in memory, up to a quarter of a GiB, while the exchanges are read:
 * SQLite writes nothing before that. */
enum result findings_write(const char *path, struct exchanges_reading *exchanges, uint64_t dropped,
                           struct error *error)
{
    struct findings findings = {.exchanges = exchanges, .dropped = dropped};
    enum result result = query_open_to_write(&findings.db, path, error);
    if (result != OK)
        return result;
    result = query_execute(findings.db,
                           "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"
                           "PRAGMA cache_spill = 32768; BEGIN;",
                           error);
    if (result == OK)
        result = analyse(&findings, error);
    evidence_close(&findings.source);
    sqlite3_finalize(findings.stall);
    sqlite3_finalize(findings.blame);
    sqlite3_finalize(findings.note);
    if (result == OK)
        result = query_execute(findings.db, "COMMIT;", error);
    query_close(&findings.db);
    return result;
}
