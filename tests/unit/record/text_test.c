/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/record/support.h"

static void fill(struct fixture *fixture)
{
    fixture_open(fixture, (struct record_settings){.segment_size = 8192});
    struct record_writer *writer = fixture_writer(fixture, 1);
    for (uint64_t i = 0; i < 1000; i++)
        append_client(writer, i);
    struct fault_record fault = {0};
    fault.name = 2;
    fault.target = NAME_NONE;
    memcpy(fault.kind, "a,b\r\n", 5);
    fault.planned_at = -1;
    fault.planned_for = 30;
    assert_true(RECORD_APPEND(writer, FAULT, fault, &fault));
}

static unsigned count_lines(const char *text)
{
    unsigned lines = 0;
    while ((text = strchr(text, '\n')))
        lines++, text++;
    return lines;
}

static void json_lines_hold_every_record(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {""};
    char *text = NULL;
    size_t size;
    uint64_t written = 0, dropped = 0;
    fill(fixture);
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(record_write_json_lines(out, fixture->folder, &written, &dropped, &error), OK);
    fclose(out);
    assert_int_equal(written, 1001);
    assert_int_equal(dropped, 0);
    assert_int_equal(count_lines(text), 1001);
    assert_memory_equal(text, "{\"kind\":\"client\",", 17);
    assert_memory_equal(text + size - 2, "}\n", 2);
    assert_non_null(strstr(text, "\"ordinal\":999,"));
    assert_non_null(strstr(text, "{\"kind\":\"fault\","));
    free(text);
}

static void csv_holds_one_kind_and_quotes(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {""};
    char *text = NULL;
    size_t size;
    uint64_t written = 0, dropped = 0;
    fill(fixture);
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(
        record_write_csv(out, fixture->folder, RECORD_KIND_FAULT, &written, &dropped, &error), OK);
    fclose(out);
    assert_int_equal(written, 1);
    assert_string_equal(text,
                        "process,worker,time,name,target,kind,ordinal,planned_at_ns,"
                        "planned_for_ns,started_ns,ended_ns,trace_id\r\n"
                        "gateway,1,,\"a \"\"quoted\"\", \\name\\\",,\"a,b%0D%0A\",0,,30,,,\r\n");
    free(text);
}

static void a_stream_that_cannot_be_written_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {""};
    uint64_t written = 0, dropped = 0;
    fill(fixture);
    FILE *out = fopen("/dev/full", "w");
    if (!out)
        skip();
    assert_int_equal(record_write_json_lines(out, fixture->folder, &written, &dropped, &error),
                     FAILED_SYSTEM);
    assert_non_null(strstr(error.text, "No space left"));
    fclose(out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(json_lines_hold_every_record),
        TEST(csv_holds_one_kind_and_quotes),
        TEST(a_stream_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests_name("record/text", tests, NULL, NULL);
}
