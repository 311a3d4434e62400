/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/record/cause.h"
#include "tests/unit/record/support.h"

static void expect_query(sqlite3 *handle, const char *sql, const char *expected)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const unsigned char *text = sqlite3_column_text(statement, 0);
    if (!text || !expected)
        assert_true(!text && !expected);
    else
        assert_string_equal((const char *)text, expected);
    sqlite3_finalize(statement);
}

static void fill(struct fixture *fixture, uint16_t number, uint64_t clients)
{
    struct record_writer *writer = fixture_writer(fixture, number);
    for (uint64_t i = 0; i < clients; i++)
        append_client(writer, i);
    struct request_record request = {0};
    request.started = 42;
    request.trace_id.bytes[0] = 0xab;
    request.trace_id.bytes[15] = 0x01;
    request.client = (struct ip_peer){IP_V4(10, 0, 0, 255), 80, IP_PEER_IP};
    request.route = NAME_NONE;
    request.upstream = 1;
    request.cause = CAUSE_QUEUE_TIMEOUT;
    request.status = 503;
    request.wait = -1;
    request.total = 7;
    memset(request.path, 'p', sizeof(request.path));
    assert_true(RECORD_APPEND(writer, REQUEST, request, &request));
}

static void database_path(const struct fixture *fixture, char path[512])
{
    snprintf(path, 512, "%s/run.db", fixture->folder);
}

static struct record_db *open_database(struct fixture *fixture, char path[512])
{
    struct error error = {""};
    struct record_db *db = NULL;
    database_path(fixture, path);
    enum result result = record_db_open(&db, path, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(result, OK);
    return db;
}

static void the_database_holds_what_was_recorded(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    struct error error = {""};
    uint64_t dropped = 0;
    fixture_open(fixture, (struct record_settings){.segment_size = 8192});
    fill(fixture, 0, 700);
    fill(fixture, 1, 300);
    uint64_t written = record_store_written(fixture->store);
    record_store_close(&fixture->store);

    struct record_db *db = open_database(fixture, path);
    assert_int_equal(record_db_add_folder(db, fixture->folder, 2, 1, &dropped, &error), OK);
    assert_int_equal(record_db_add_folder(db, fixture->folder, -1, -1, &dropped, &error), OK);
    assert_int_equal(dropped, 0);
    assert_int_equal(record_db_written(db), 2 * written);
    assert_int_equal(record_db_set_meta(db, "name", "first", &error), OK);
    assert_int_equal(record_db_set_meta(db, "name", "it's", &error), OK);
    /* The caller's own queries see everything before the database is closed. */
    expect_query(record_db_handle(db), "SELECT count(*) FROM client", "2000");
    assert_int_equal(record_db_close(&db, &error), OK);
    assert_null(db);
    assert_int_equal(record_db_close(&db, &error), OK);

    sqlite3 *handle;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    static const struct {
        const char *sql, *expected;
    } cases[] = {
        {"SELECT count(*) FROM client WHERE variant = 2 AND round = 1 AND worker = 0", "700"},
        {"SELECT count(*) FROM client WHERE variant IS NULL AND worker = 1", "300"},
        {"SELECT sum(ordinal) FROM client WHERE variant = 2 AND worker = 0", "244650"},
        {"SELECT count(*) FROM request", "4"},
        {"SELECT count(*) FROM pause", "0"},
        {"SELECT process FROM request", "gateway"},
        {"SELECT started_ns FROM request", "42"},
        {"SELECT trace_id FROM request", "ab000000000000000000000000000001"},
        {"SELECT client FROM request", "10.0.0.255:80"},
        {"SELECT route FROM request", NULL},
        {"SELECT upstream FROM request", "orders"},
        {"SELECT cause FROM request", "queue_timeout"},
        {"SELECT wait_ns FROM request", NULL},
        {"SELECT typeof(total_ns) FROM request", "integer"},
        {"SELECT length(path) FROM request", "112"},
        {"SELECT trace_id FROM client", NULL},
        {"SELECT count(*) FROM source", "4"},
        {"SELECT count(*) FROM source WHERE variant = 2 AND process = 'gateway' AND worker = 1",
         "1"},
        {"SELECT min(clock_offset) > 1000000000 * 1000000000 FROM source", "1"},
        {"SELECT value FROM meta WHERE key = 'name'", "it's"},
        {"SELECT group_concat(tbl_name) FROM (SELECT tbl_name FROM sqlite_master WHERE type = "
         "'index' AND sql LIKE '%trace_id%' ORDER BY 1)",
         "attempt,client,fault,request,served"},
        {"PRAGMA integrity_check", "ok"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_query(handle, cases[i].sql, cases[i].expected);
    sqlite3_close(handle);
}

static void what_was_dropped_is_added_up(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    struct error error;
    uint64_t dropped = 5;
    fixture_open(fixture, (struct record_settings){.segment_size = 8192, .limit = 32768});
    struct record_writer *writer = fixture_writer(fixture, 0);
    uint64_t lost = 0;
    for (uint64_t i = 0; i < 1000; i++)
        lost += !append_client(writer, i);
    struct record_db *db = open_database(fixture, path);
    assert_int_equal(record_db_add_folder(db, fixture->folder, 0, 0, &dropped, &error), OK);
    assert_true(lost > 0);
    assert_int_equal(dropped, 5 + lost);
    assert_int_equal(record_db_close(&db, &error), OK);
}

static void a_database_that_holds_records_is_not_filled_again(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    struct error error;
    struct record_db *db = open_database(fixture, path);
    assert_int_equal(record_db_close(&db, &error), OK);
    assert_int_equal(record_db_open(&db, path, &error), FAILED_SYSTEM);
    assert_null(db);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "already exists"));
}

static void a_folder_that_cannot_be_written_is_an_error(void **state)
{
    struct error error;
    struct record_db *db = NULL;
    assert_int_equal(record_db_open(&db, "/nonexistent/run.db", &error), FAILED_SYSTEM);
    assert_null(db);
    assert_non_null(strstr(error.text, "/nonexistent/run.db"));
    assert_non_null(strstr(error.text, "No such file"));
}

static void damaged_segments_reach_the_caller(void **state)
{
    struct fixture *fixture = *state;
    char path[512], segment[512];
    struct error error;
    uint64_t dropped = 0;
    fixture_open(fixture, (struct record_settings){0});
    fill(fixture, 0, 1);
    record_store_close(&fixture->store);
    assert_int_equal(fixture_files(fixture, ".seg", segment), 1);
    assert_int_equal(truncate(segment, 300), 0);
    struct record_db *db = open_database(fixture, path);
    assert_int_equal(record_db_add_folder(db, fixture->folder, 0, 0, &dropped, &error),
                     FAILED_INPUT);
    assert_non_null(strstr(error.text, segment));
    assert_int_equal(record_db_close(&db, &error), OK);
}

static void a_full_disk_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    char small[512], path[1024];
    struct error error = {""};
    uint64_t dropped = 0;
    snprintf(small, sizeof(small), "%s/small", fixture->folder);
    assert_int_equal(mkdir(small, 0700), 0);
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", small, "tmpfs", 0, "size=256k") < 0) {
        rmdir(small);
        skip();
    }
    fixture_open(fixture, (struct record_settings){0});
    fill(fixture, 0, 20000);
    struct record_db *db = NULL;
    snprintf(path, sizeof(path), "%s/run.db", small);
    assert_int_equal(record_db_open(&db, path, &error), OK);
    enum result result = record_db_add_folder(db, fixture->folder, 0, 0, &dropped, &error);
    if (result == OK)
        result = record_db_close(&db, &error);
    else
        assert_int_not_equal(record_db_close(&db, &(struct error){""}), OK);
    assert_int_equal(result, FAILED_SYSTEM);
    assert_null(db);
    assert_non_null(strstr(error.text, "full"));
    assert_non_null(strstr(error.text, path));
    assert_int_equal(umount2(small, MNT_DETACH), 0);
    assert_int_equal(rmdir(small), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_database_holds_what_was_recorded),
        TEST(what_was_dropped_is_added_up),
        TEST(a_database_that_holds_records_is_not_filled_again),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_an_error),
        TEST(damaged_segments_reach_the_caller),
        TEST(a_full_disk_is_an_error),
    };
    return cmocka_run_group_tests_name("record/database", tests, NULL, NULL);
}
