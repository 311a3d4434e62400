/* SPDX-License-Identifier: MIT */
/* The access log's descriptor: opened anew under way, and never waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/observe/access.h"

struct place {
    char folder[64], path[96], moved[96];
    struct log log;
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    strcpy(place->folder, "access-test-XXXXXX");
    if (!mkdtemp(place->folder))
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/log", place->folder);
    snprintf(place->moved, sizeof(place->moved), "%s/log.1", place->folder);
    place->log = (struct log){.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_INFO};
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    close(place->log.fd);
    unlink(place->path);
    unlink(place->moved);
    rmdir(place->folder);
    free(place);
    return 0;
}

static void open_log(struct access_log *access, const struct access_log_config *config)
{
    struct error error = {{0}};
    assert_int_equal(access_open(access, config, &error), OK);
}

static void assert_holds(const char *path, const char *expected)
{
    struct buf text = {0};
    struct error error;
    assert_int_equal(buf_read_file(&text, path, &error), OK);
    assert_string_equal(buf_head(&text), expected);
    buf_free(&text);
}

static void test_reopen_after_rename(void **state)
{
    struct place *place = *state;
    const struct access_log_config config = {.path = place->path};
    struct access_lines lines = {0};
    struct access_log access;
    struct error error;
    open_log(&access, &config);
    int number = access.fd;
    buf_append_text(&lines.text, "one\n");
    assert_int_equal(access_write(&access, &lines, &place->log), 0);
    assert_int_equal(rename(place->path, place->moved), 0);
    buf_append_text(&lines.text, "two\n");
    assert_int_equal(access_write(&access, &lines, &place->log), 0);
    assert_int_equal(access_reopen(&access, &config, &error), OK);
    assert_int_equal(access.fd, number);
    buf_append_text(&lines.text, "three\n");
    assert_int_equal(access_write(&access, &lines, &place->log), 0);
    assert_holds(place->moved, "one\ntwo\n");
    assert_holds(place->path, "three\n");
    access_close(&access);
    buf_free(&lines.text);
}

static void test_failed_reopen_keeps_the_old_file(void **state)
{
    struct place *place = *state;
    const struct access_log_config config = {.path = place->path}, wrong = {.path = place->folder};
    struct access_lines lines = {0};
    struct access_log access;
    struct error error;
    open_log(&access, &config);
    assert_int_not_equal(access_reopen(&access, &wrong, &error), OK);
    assert_non_null(strstr(error.text, place->folder));
    buf_append_text(&lines.text, "one\n");
    assert_int_equal(access_write(&access, &lines, &place->log), 0);
    assert_holds(place->path, "one\n");
    access_close(&access);
    buf_free(&lines.text);
}

static void fill(struct buf *text, size_t length)
{
    while (buf_len(text) < length)
        buf_append_text(text, "a line of the access log\n");
}

static void test_stopped_reader_is_not_waited_for(void **state)
{
    struct place *place = *state;
    const struct access_log_config config = {.path = place->path};
    struct access_lines lines = {0};
    struct access_log access;
    assert_int_equal(mkfifo(place->path, 0600), 0);
    int reader = open(place->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    open_log(&access, &config);
    fill(&lines.text, 512 * 1024);
    assert_int_equal(access_write(&access, &lines, &place->log), 0); /* kept */
    size_t kept = buf_len(&lines.text);
    assert_true(kept > 0 && kept < 512 * 1024);
    fill(&lines.text, (1 << 20) + 100);
    uint64_t lost = access_write(&access, &lines, &place->log);
    assert_int_equal(lost, (1 << 20) / 25 + 5);
    assert_true(lines.failing);
    /* What was written are whole lines. */
    char taken[PIPE_BUF];
    ssize_t got, total = 0;
    while ((got = read(reader, taken, sizeof(taken))) > 0)
        total += got;
    assert_int_equal(total % 25, 0);
    buf_append_text(&lines.text, "after\n");
    assert_int_equal(access_write(&access, &lines, &place->log), 0);
    assert_false(lines.failing);
    assert_int_equal(read(reader, taken, sizeof(taken)), 6);
    access_close(&access);
    close(reader);
    buf_free(&lines.text);
}

static void test_full_disk_loses_lines_and_counts_them(void **state)
{
    struct place *place = *state;
    const struct access_log_config config = {.path = "/dev/full"};
    struct access_lines lines = {0};
    struct access_log access;
    open_log(&access, &config);
    buf_append_text(&lines.text, "one\ntwo\n");
    assert_int_equal(access_write(&access, &lines, &place->log), 2);
    assert_int_equal(buf_len(&lines.text), 0);
    access_close(&access);
    buf_free(&lines.text);
}

/* What a disk that is full does in the middle of a line. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void write_lines_at_limit(struct place *place, struct access_log *access,
                                 struct access_lines *lines, uint64_t lost)
{
    const struct access_log_config config = {.path = place->path};
    open_log(access, &config);
    buf_append_text(&lines->text, "one\ntwo\nthree\n");
    limit_files(6);
    uint64_t dropped = access_write(access, lines, &place->log);
    limit_files(RLIM_INFINITY);
    assert_int_equal(dropped, lost);
    assert_int_equal(buf_len(&lines->text), 0);
    assert_holds(place->path, "one\ntw");
}

static void test_line_behind_a_torn_one_stands_alone(void **state)
{
    struct place *place = *state;
    struct access_lines lines = {0}, others = {0};
    struct access_log access;
    write_lines_at_limit(place, &access, &lines, 2);
    buf_append_text(&others.text, "four\n");
    buf_append_text(&lines.text, "five\n");
    assert_int_equal(access_write(&access, &others, &place->log), 0);
    assert_int_equal(access_write(&access, &lines, &place->log), 0);
    assert_holds(place->path, "one\ntw\nfour\nfive\n");
    access_close(&access);
    buf_free(&lines.text);
    buf_free(&others.text);
}

static void test_file_opened_anew_begins_with_a_line(void **state)
{
    struct place *place = *state;
    const struct access_log_config config = {.path = place->path};
    struct access_lines lines = {0};
    struct access_log access;
    struct error error;
    write_lines_at_limit(place, &access, &lines, 2);
    assert_int_equal(rename(place->path, place->moved), 0);
    assert_int_equal(access_reopen(&access, &config, &error), OK);
    lines.mid_line = true; /* as a pipe leaves it that took a part */
    buf_append_text(&lines.text, "x\nfour\n");
    assert_int_equal(access_write(&access, &lines, &place->log), 1);
    assert_holds(place->path, "four\n");
    access_close(&access);
    buf_free(&lines.text);
}

static void test_full_disk_does_not_hold_up_the_end(void **state)
{
    struct place *place = *state;
    const struct access_log_config config = {.path = "/dev/full"};
    struct access_lines lines = {.mid_line = true};
    struct access_log access;
    open_log(&access, &config);
    buf_append_text(&lines.text, "ne\ntwo\nthree\n");
    assert_int_equal(access_write_rest(&access, &lines, &place->log), 3);
    assert_int_equal(buf_len(&lines.text), 0);
    access_close(&access);
    buf_free(&lines.text);
}

static void test_pipe_without_a_reader(void **state)
{
    struct place *place = *state;
    const struct access_log_config config = {.path = place->path};
    struct access_log access;
    struct error error;
    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_int_not_equal(access_open(&access, &config, &error), OK);
    assert_non_null(strstr(error.text, "nobody reads this pipe"));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        TEST(test_reopen_after_rename),
        TEST(test_failed_reopen_keeps_the_old_file),
        TEST(test_stopped_reader_is_not_waited_for),
        TEST(test_full_disk_loses_lines_and_counts_them),
        TEST(test_line_behind_a_torn_one_stands_alone),
        TEST(test_file_opened_anew_begins_with_a_line),
        TEST(test_full_disk_does_not_hold_up_the_end),
        TEST(test_pipe_without_a_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
