/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/record/columns.h"
#include "lib/record/segment.h"
#include "tests/unit/record/support.h"

/* ---- what is read is what was written */

/* A record of any kind in which the first columns hold a value that their type allows. */
static void fill_columns(enum record_kind kind, uint8_t seed, size_t count, void *record)
{
    const struct record_layout *layout = record_layout(kind);
    memcpy(record, record_blank(kind)->record, record_blank(kind)->size);
    for (size_t i = 0; i < count; i++) {
        const struct column *column = &layout->columns[i];
        const struct column_type_row *type = column_type_row(column->type);
        uint8_t *at = (uint8_t *)record + column->offset;
        uint16_t number = seed;
        struct record_names names = {0};
        record_names_add(&names, (uint16_t)(number % ARRAY_LEN(fixture_names)));
        if (column->type == COLUMN_NAME)
            number %= (uint16_t)ARRAY_LEN(fixture_names);
        else if (type->value_count)
            number = (uint16_t)(number % type->value_count);
        if (column->type == COLUMN_NAMES)
            memcpy(at, &names, sizeof(names));
        else if (column->type == COLUMN_NAME || type->value_count)
            memcpy(at, &number, sizeof(number));
        else
            memset(at, seed + (int)i, column->size);
    }
}

static void fill_record(enum record_kind kind, uint8_t seed, void *record)
{
    fill_columns(kind, seed, record_layout(kind)->column_count, record);
}

struct comparing {
    uint8_t seed;
    unsigned count;
};

static enum result compare_record(void *context, const struct record_source *source,
                                  enum record_kind kind, const void *record, struct error *error)
{
    struct comparing *comparing = context;
    uint8_t expected[1024] = {0};
    assert_int_equal(kind, comparing->count % RECORD_KIND_COUNT);
    fill_record(kind, comparing->seed, expected);
    assert_memory_equal(record, expected, record_layout(kind)->size);
    assert_string_equal(source->process, "gateway");
    assert_int_equal(source->pid, getpid());
    assert_int_equal(source->writer, 5);
    assert_int_equal(source->name_count, ARRAY_LEN(fixture_names));
    for (uint16_t i = 0; i < source->name_count; i++)
        assert_string_equal(record_name(source, i), fixture_names[i]);
    assert_null(record_name(source, source->name_count));
    assert_null(record_name(source, NAME_NONE));
    int64_t drift = source->clock_offset.ns - clock_offset().ns;
    assert_in_range(drift < 0 ? -drift : drift, 0, 60 * NS_PER_S);
    comparing->count++;
    comparing->seed++;
    return OK;
}

static void every_column_of_every_kind_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {""};
    uint64_t dropped = 0;
    fixture_open(fixture, (struct record_settings){0});
    struct record_writer *writer = fixture_writer(fixture, 5);
    for (unsigned i = 0; i < 10 * RECORD_KIND_COUNT; i++) {
        uint8_t record[1024] = {0};
        enum record_kind kind = (enum record_kind)(i % RECORD_KIND_COUNT);
        fill_record(kind, (uint8_t)i, record);
        assert_true(record_append(writer, kind, record));
    }
    struct comparing comparing = {0};
    assert_int_equal(
        record_read_folder(fixture->folder, compare_record, &comparing, &dropped, &error), OK);
    assert_int_equal(comparing.count, 10 * RECORD_KIND_COUNT);
    assert_int_equal(dropped, 0);
}

/* ---- records that say nothing in their last columns */

struct shortened {
    size_t columns[RECORD_KIND_COUNT]; /* that the next record of each kind says */
    unsigned count;
};

static enum result compare_shortened(void *context, const struct record_source *source,
                                     enum record_kind kind, const void *record, struct error *error)
{
    struct shortened *shortened = context;
    uint8_t expected[1024];
    fill_columns(kind, 7, shortened->columns[kind]++, expected);
    assert_memory_equal(record, expected, record_layout(kind)->size);
    shortened->count++;
    return OK;
}

static void what_a_record_does_not_say_comes_back_as_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {""};
    uint64_t dropped = 0;
    unsigned written = 0;
    fixture_open(fixture, (struct record_settings){0});
    struct record_writer *writer = fixture_writer(fixture, 0);
    for (enum record_kind kind = 0; kind < RECORD_KIND_COUNT; kind++)
        for (size_t columns = 0; columns <= record_layout(kind)->column_count; columns++) {
            uint8_t record[1024];
            fill_columns(kind, 7, columns, record);
            assert_true(record_append(writer, kind, record));
            written++;
        }
    struct shortened shortened = {0};
    assert_int_equal(
        record_read_folder(fixture->folder, compare_shortened, &shortened, &dropped, &error), OK);
    assert_int_equal(shortened.count, written);
}

static void what_a_record_does_not_say_takes_no_room(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    struct stat st;
    enum { RECORDS_OF_A_REQUEST = 1000 };
    fixture_open(fixture, (struct record_settings){0});
    struct record_writer *writer = fixture_writer(fixture, 0);
    struct request_record request;
    memcpy(&request, record_blank(RECORD_KIND_REQUEST)->record, sizeof(request));
    memcpy(request.path, "/orders", sizeof("/orders"));
    for (int i = 0; i < RECORDS_OF_A_REQUEST; i++)
        assert_true(RECORD_APPEND(writer, REQUEST, request, &request));
    record_store_close(&fixture->store);
    assert_int_equal(fixture_files(fixture, ".seg", path), 1);
    assert_int_equal(stat(path, &st), 0);
    size_t saved = sizeof(request.path) - 8;
    assert_in_range(st.st_size, 1, RECORDS_OF_A_REQUEST * (sizeof(request) - saved + 8) + 4096);
}

static enum result stop_at_third(void *context, const struct record_source *source,
                                 enum record_kind kind, const void *record, struct error *error)
{
    unsigned *count = context;
    return ++*count == 3 ? error_set(error, FAILED_SYSTEM, "enough") : OK;
}

static void the_visitor_ends_the_reading(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    uint64_t dropped = 0;
    unsigned count = 0;
    fixture_open(fixture, (struct record_settings){0});
    struct record_writer *writer = fixture_writer(fixture, 0);
    for (uint64_t i = 0; i < 10; i++)
        append_client(writer, i);
    assert_int_equal(record_read_folder(fixture->folder, stop_at_third, &count, &dropped, &error),
                     FAILED_SYSTEM);
    assert_string_equal(error.text, "enough");
    assert_int_equal(count, 3);
}

/* ---- folders */

static void a_folder_without_segments_has_no_records(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    snprintf(path, sizeof(path), "%s/notes.txt", fixture->folder);
    fclose(fopen(path, "w"));
    struct tally tally;
    fixture_read(fixture, &tally);
    assert_int_equal(tally.records, 0);
}

static void a_missing_folder_is_an_error(void **state)
{
    struct error error;
    uint64_t dropped;
    assert_int_equal(
        record_read_folder("/nonexistent/records", stop_at_third, NULL, &dropped, &error),
        FAILED_INPUT);
    assert_non_null(strstr(error.text, "/nonexistent/records"));
    assert_int_equal(record_read_folder("/dev/null", stop_at_third, NULL, &dropped, &error),
                     FAILED_INPUT);
}

/* ---- damage */

static void write_at(const char *path, off_t offset, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, offset), n);
    close(fd);
}

/* A closed segment with three pause records; returns where its first entry is. */
static off_t make_segment(struct fixture *fixture, char path[512])
{
    fixture_open(fixture, (struct record_settings){0});
    struct record_writer *writer = fixture_writer(fixture, 0);
    for (int i = 0; i < 3; i++) {
        const struct pause_record pause = {.name = 1, .freed_bytes = 1};
        assert_true(RECORD_APPEND(writer, PAUSE, pause, &pause));
    }
    record_store_close(&fixture->store);
    assert_int_equal(fixture_files(fixture, ".seg", path), 1);
    struct segment_header header;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, &header, sizeof(header)), sizeof(header));
    close(fd);
    return (off_t)header.data_start;
}

static void expect_error(struct fixture *fixture, const char *path, const char *text)
{
    struct error error = {""};
    uint64_t dropped = 0;
    unsigned count = 10;
    enum result result =
        record_read_folder(fixture->folder, stop_at_third, &count, &dropped, &error);
    if (result != FAILED_INPUT || !strstr(error.text, text) || !strstr(error.text, path))
        fail_msg("%d: \"%s\" does not say \"%s\" of %s", (int)result, error.text, text, path);
}

#define WITH(type, value) (&(type){value}), sizeof(type)

static void damage_in_the_header_is_found(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    const struct {
        off_t offset;
        const void *bytes;
        size_t size;
        const char *text;
    } cases[] = {
        {offsetof(struct segment_header, magic), WITH(char, 'X'), "does not begin like one"},
        {offsetof(struct segment_header, version), WITH(uint32_t, 99), "another version"},
        {offsetof(struct segment_header, layout), WITH(uint64_t, 1), "another version"},
        {offsetof(struct segment_header, used), WITH(uint64_t, 1 << 20), "are used"},
        {offsetof(struct segment_header, used), WITH(uint64_t, UINT64_MAX), "are used"},
        {offsetof(struct segment_header, used), WITH(uint64_t, 8), "contradicts itself"},
        {offsetof(struct segment_header, data_start), WITH(uint64_t, 8), "contradicts itself"},
        {offsetof(struct segment_header, data_start), WITH(uint64_t, 289), "contradicts itself"},
        {offsetof(struct segment_header, names_size), WITH(uint32_t, UINT32_MAX),
         "contradicts itself"},
        {offsetof(struct segment_header, names_size), WITH(uint32_t, 3), "names are cut off"},
        {offsetof(struct segment_header, name_count), WITH(uint16_t, 2), "names are cut off"},
        {offsetof(struct segment_header, name_count), WITH(uint16_t, 60000), "names are cut off"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        make_segment(fixture, path);
        write_at(path, cases[i].offset, cases[i].bytes, cases[i].size);
        expect_error(fixture, path, cases[i].text);
        unlink(path);
    }
    char unended[SEGMENT_PROCESS];
    memset(unended, 'x', sizeof(unended));
    make_segment(fixture, path);
    write_at(path, offsetof(struct segment_header, process), unended, sizeof(unended));
    expect_error(fixture, path, "no name");
}

static void damage_in_a_record_is_found(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    off_t pause = (off_t)sizeof(struct segment_entry);
    const struct {
        off_t offset; /* from the first entry */
        const void *bytes;
        size_t size;
        const char *text;
    } cases[] = {
        {0, WITH(uint16_t, RECORD_KIND_COUNT), "no record begins"},
        {0, WITH(uint16_t, RECORD_KIND_STATE), "wrong size"},
        {2, WITH(uint16_t, 0), "wrong size"},
        {2, WITH(uint16_t, 44), "wrong size"},
        {2, WITH(uint16_t, 65528), "wrong size"},
        {pause + (off_t)offsetof(struct pause_record, kind), WITH(uint16_t, 77), "impossible kind"},
        {pause + (off_t)offsetof(struct pause_record, name), WITH(uint16_t, 3), "impossible name"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        off_t start = make_segment(fixture, path);
        write_at(path, start + cases[i].offset, cases[i].bytes, cases[i].size);
        expect_error(fixture, path, cases[i].text);
        unlink(path);
    }
}

static void every_cut_of_a_segment_is_found(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    struct stat st;
    make_segment(fixture, path);
    assert_int_equal(stat(path, &st), 0);
    for (off_t size = st.st_size - 1; size >= 0; size--) {
        assert_int_equal(truncate(path, size), 0);
        expect_error(fixture, path,
                     size < (off_t)sizeof(struct segment_header) ? "it ends after" : "are used");
    }
}

static void an_entry_that_ends_behind_what_is_used_is_found(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    uint64_t start = (uint64_t)make_segment(fixture, path);
    size_t entry = sizeof(struct segment_entry) + sizeof(struct pause_record);
    for (size_t used = 1; used < entry; used++) {
        uint64_t end = start + used;
        write_at(path, offsetof(struct segment_header, used), &end, sizeof(end));
        expect_error(fixture, path,
                     used < sizeof(struct segment_entry) ? "no record begins" : "wrong size");
    }
}

static void what_is_no_file_is_not_read(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    struct error error;
    uint64_t dropped = 0;
    snprintf(path, sizeof(path), "%s/folder.seg", fixture->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(record_read_folder(fixture->folder, stop_at_third, NULL, &dropped, &error),
                     FAILED_SYSTEM);
    assert_non_null(strstr(error.text, "folder.seg"));
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof(path), "%s/pipe.seg", fixture->folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_not_equal(record_read_folder(fixture->folder, stop_at_third, NULL, &dropped, &error),
                         OK);
    assert_non_null(strstr(error.text, "pipe.seg"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_column_of_every_kind_comes_back),
        TEST(the_visitor_ends_the_reading),
        TEST(a_folder_without_segments_has_no_records),
        TEST(a_missing_folder_is_an_error),
        TEST(damage_in_the_header_is_found),
        TEST(damage_in_a_record_is_found),
        TEST(every_cut_of_a_segment_is_found),
        TEST(what_a_record_does_not_say_comes_back_as_nothing),
        TEST(what_a_record_does_not_say_takes_no_room),
        TEST(an_entry_that_ends_behind_what_is_used_is_found),
        TEST(what_is_no_file_is_not_read),
    };
    return cmocka_run_group_tests_name("record/reader", tests, NULL, NULL);
}
