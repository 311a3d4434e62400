/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

/* A log that writes into a pipe, and the pipe's other end. */
struct fixture {
    struct log log;
    int reader;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    int ends[2];
    if (pipe2(ends, O_NONBLOCK) < 0)
        return -1;
    log_init(&fixture.log, "test", LOG_INFO);
    fixture.log.fd = ends[1];
    fixture.reader = ends[0];
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->log.fd);
    close(fixture->reader);
    return 0;
}

/* What was written, as one text; "" when nothing was. */
static const char *written(struct fixture *fixture)
{
    static char text[8192];
    ssize_t n = read(fixture->reader, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&regex, text, 0, NULL, 0) != 0)
        fail_msg("\"%s\" does not match %s", text, pattern);
    regfree(&regex);
}

#define TIME "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z "

static void line_names_time_level_process_and_subject(void **state)
{
    struct fixture *fixture = *state;
    log_info(&fixture->log, "c17", "port %d", 80);
    assert_matches(written(fixture), TIME "info test\\[[0-9]+\\] c17: port 80\n$");
    log_error(&fixture->log, NULL, "gone");
    assert_matches(written(fixture), TIME "error test\\[[0-9]+\\]: gone\n$");
    log_warn(&fixture->log, NULL, "%s", "");
    assert_matches(written(fixture), TIME "warn test\\[[0-9]+\\]: \n$");
}

static void time_is_utc_now(void **state)
{
    struct fixture *fixture = *state;
    int64_t before = wall_now().ns / NS_PER_US;
    log_info(&fixture->log, NULL, "x");
    int64_t after = wall_now().ns / NS_PER_US;
    struct tm tm = {0};
    int us = 0;
    const char *rest = strptime(written(fixture), "%Y-%m-%dT%H:%M:%S", &tm);
    assert_non_null(rest);
    assert_int_equal(sscanf(rest, ".%6dZ", &us), 1);
    int64_t at = (int64_t)timegm(&tm) * 1000000 + us;
    assert_true(before <= at && at <= after);
}

static void what_is_below_the_level_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    int formatted = 0;
    log_debug(&fixture->log, NULL, "%d", ++formatted);
    assert_string_equal(written(fixture), "");
    assert_int_equal(formatted, 0);
    fixture->log.level = LOG_DEBUG;
    log_debug(&fixture->log, NULL, "%d", ++formatted);
    assert_matches(written(fixture), "debug .*: 1\n$");
}

static void parts_are_named_after_their_parent(void **state)
{
    struct fixture *fixture = *state;
    struct log part, deeper;
    log_init_part(&part, &fixture->log, "w0");
    log_init_part(&deeper, &part, "pool");
    log_info(&deeper, NULL, "x");
    assert_matches(written(fixture), "info test\\[[0-9]+\\]/w0/pool: x\n$");
    log_init_part(&deeper, &part, "a-name-that-does-not-fit-into-what-is-left-of-the-room");
    assert_matches(deeper.name, "^test\\[[0-9]+\\]/w0/a-name-.*~$");
}

/* Nobody who chooses a path or a header may forge a line or drive the reader's terminal. */
static void control_characters_are_escaped(void **state)
{
    struct fixture *fixture = *state;
    log_info(&fixture->log, "c\n1", "a\r\nb\x1b[2J\x7f\\ \xc2\x9b \xff gr\xc3\xbc\xc3\x9f");
    const char *text = written(fixture);
    assert_non_null(strstr(text, " c\\x0a1: a\\x0d\\x0ab\\x1b[2J\\x7f\\\\ \\xc2\\x9b \\xff "
                                 "gr\xc3\xbc\xc3\x9f\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void long_lines_are_cut(void **state)
{
    struct fixture *fixture = *state;
    char longer[5000];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    log_info(&fixture->log, NULL, "%s", longer);
    const char *text = written(fixture);
    assert_matches(text, ": x+\\.\\.\\.\n$");
    assert_in_range(strlen(text), 1000, 1100);

    /* Escapes are kept whole, and a line that ends at the limit is not marked. */
    memset(longer, '\n', sizeof(longer) - 1);
    log_info(&fixture->log, NULL, "%s", longer);
    assert_matches(written(fixture), ": (\\\\x0a)+\\.\\.\\.\n$");
    longer[900] = '\0';
    memset(longer, 'x', 900);
    log_info(&fixture->log, NULL, "%s", longer);
    assert_matches(written(fixture), ": x+\n$");
}

static void errno_survives(void **state)
{
    struct fixture *fixture = *state;
    struct log nowhere = fixture->log;
    nowhere.fd = -1;
    errno = ENOENT;
    log_info(&nowhere, NULL, "lost");
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(line_names_time_level_process_and_subject, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(time_is_utc_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_below_the_level_is_not_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_are_named_after_their_parent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(control_characters_are_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_lines_are_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errno_survives, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
