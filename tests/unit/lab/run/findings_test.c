/* SPDX-License-Identifier: MIT */
/* What is said of runs whose records do not fit together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "lab/read/exchanges.h"
#include "lab/run/findings.h"

/* A round of 1000 requests, ten milliseconds apart; each tenth of them timed out after 100 ms. */
static const char made_up[] =
    "CREATE TABLE round (variant, round, epoch_ns, duration_ns);"
    "CREATE TABLE client (variant, round, trace_id, warmup, intended_ns, done_ns, lag_ns, status,"
    " error, sent_ns);"
    "CREATE TABLE request (variant, round, trace_id, started_ns, route, upstream, status, cause,"
    " attempts, queue_ns, deliver_ns, total_ns);"
    "CREATE TABLE attempt (variant, round, started_ns, trace_id, number, upstream, endpoint,"
    " connect_ns, tls_ns, send_ns, wait_ns, receive_ns, total_ns, outcome, late_ns, listened_ns,"
    " backend_queue_ns, backend_lock_ns, backend_work_ns, backend_gc_ns, backend_cleanup_ns,"
    " faults);"
    "CREATE TABLE endpoint (variant, round, process, address);"
    "CREATE TABLE fault (variant, round, process, name, target, kind, started_ns, ended_ns,"
    " trace_id);"
    "CREATE TABLE pause (variant, round, process, kind, name, started_ns, ended_ns);"
    "CREATE TABLE served (variant, round, process, started_ns, trace_id, queue_ns, lock_ns,"
    " work_ns, gc_ns, cleanup_ns, gave_up);"
    "CREATE TABLE state (variant, round, at_ns, kind, subject, value);"
    "INSERT INTO round VALUES (0, 0, 0, 10010000000);"
    "INSERT INTO endpoint VALUES (0, 0, 'orders-0', '127.0.0.1:1');"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
    " INSERT INTO client SELECT 0, 0, printf('%032x', i), 0, i * 10000000,"
    "  i * 10000000 + iif(i % 10, 5000000, 100000000), 0, iif(i % 10, 200, 504), 'none',"
    "  i * 10000000 FROM n;"
    "INSERT INTO request SELECT 0, 0, trace_id, intended_ns, '/', 'orders', status,"
    "  iif(status = 200, 'none', 'response_timeout'), 1, 0, 0, done_ns - intended_ns FROM client;"
    "INSERT INTO attempt SELECT 0, 0, started_ns, trace_id, 1, upstream, '127.0.0.1:1', 0, 0, 0,"
    "  total_ns, 0, total_ns, cause, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '' FROM request;";

/* What a query finds behind the findings on it, after the statements of `change`. Free it. */
static char *answer_after(const char *change, uint64_t dropped, const char *query)
{
    char path[] = "/tmp/tailgate-findings-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, made_up, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, change, NULL, NULL, NULL), SQLITE_OK);
    struct error error = {""};
    struct exchanges_reading exchanges;
    exchanges_begin(&exchanges, path);
    assert_int_equal(findings_write(path, &exchanges, dropped, &error), OK);
    assert_int_equal(exchanges_end(&exchanges, &error), OK);
    exchanges_free(&exchanges.exchanges);
    sqlite3_stmt *row;
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(row, 0);
    char *answer = strdup(text ? text : "");
    sqlite3_finalize(row);
    sqlite3_close(db);
    unlink(path);
    return answer;
}

/* The notes on it; it has its failures all the same. Free them. */
static char *notes_after(const char *change, uint64_t dropped)
{
    char *failures =
        answer_after(change, dropped, "SELECT count(*) FROM blame WHERE part = 'failed'");
    assert_string_equal(failures, "100");
    free(failures);
    return answer_after(change, dropped, "SELECT group_concat(text, ' / ') FROM finding_note");
}

static void assert_notes(const char *change, uint64_t dropped, const char *wanted)
{
    char *notes = notes_after(change, dropped);
    if (!strstr(notes, wanted))
        fail_msg("\"%s\" does not say \"%s\"", notes, wanted);
    free(notes);
}

static void nothing_is_wrong(void **state)
{
    (void)state;
    char *notes = notes_after("UPDATE attempt SET late_ns = 1000, listened_ns = 1000", 0);
    assert_string_equal(notes, "");
    free(notes);
}

static void two_clocks_are_noticed(void **state)
{
    (void)state;
    assert_notes("UPDATE request SET started_ns = started_ns + 3600000000000", 0, "two clocks");
    assert_notes("UPDATE request SET started_ns = started_ns - 200000000", 0, "two clocks");
    assert_notes("UPDATE client SET done_ns = done_ns - 3600000000000", 0, "two clocks");
}

static void nobody_listened(void **state)
{
    (void)state;
    assert_notes("", 0, "100 of 100 tries that timed out were not listened to");
    assert_notes("UPDATE attempt SET listened_ns = iif(rowid % 20, 900000000, 30000000)", 0,
                 "100 of 100 tries that timed out had no answer while they were listened to (30ms "
                 "at least");
}

/* What is observed is changed by that. */
static void many_were_listened_to(void **state)
{
    (void)state;
    assert_notes("UPDATE attempt SET late_ns = 1000, listened_ns = 1000;"
                 "DELETE FROM attempt WHERE rowid % 10 = 1",
                 0, "100 of 900 tries timed out and were listened to: their connections stayed");
}

static void records_are_missing(void **state)
{
    (void)state;
    assert_notes("", 17, "17 records are missing");
}

static void an_endpoint_that_was_hardly_asked(void **state)
{
    (void)state;
    assert_notes("DELETE FROM attempt WHERE rowid > 20", 0, "is not judged");
}

/* One that a gateway died of, one that it had no record of otherwise, one that went away. */
static void what_only_clients_see(void **state)
{
    (void)state;
    char *lost = answer_after(
        "UPDATE client SET error = 'closed', status = 0 WHERE rowid IN (501, 551, 703);"
        "DELETE FROM request WHERE rowid IN (501, 551);"
        "DELETE FROM attempt WHERE rowid IN (501, 551);"
        "UPDATE request SET cause = 'client_abort', status = 499 WHERE rowid = 703;"
        "INSERT INTO fault VALUES (0, 0, 'lab', 'dies', 'gateway', 'kill', 5010000000, 5015000000,"
        " NULL);",
        0,
        "SELECT group_concat(class || ' ' || ifnull(name, '-') || ' ' || ifnull(cause, '-') || ' '"
        " || error, ' / ') FROM (SELECT * FROM blame WHERE part = 'client' ORDER BY ended_ns)");
    assert_string_equal(lost, "injected dies - closed / unattributed - - closed / "
                              "unattributed - client_abort closed");
    free(lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_wrong),
        cmocka_unit_test(two_clocks_are_noticed),
        cmocka_unit_test(nobody_listened),
        cmocka_unit_test(many_were_listened_to),
        cmocka_unit_test(records_are_missing),
        cmocka_unit_test(an_endpoint_that_was_hardly_asked),
        cmocka_unit_test(what_only_clients_see),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
