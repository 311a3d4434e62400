/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab/report/report_page.h"
#include "lib/base/buf.h"

struct folder {
    char path[64];
    char page[96];
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    *state = folder;
    snprintf(folder->path, sizeof folder->path, "/tmp/report_page_test.XXXXXX");
    if (!mkdtemp(folder->path))
        return -1;
    snprintf(folder->page, sizeof folder->page, "%s/report.html", folder->path);
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    unlink(folder->page);
    int failed = rmdir(folder->path); /* fails when anything else was left there */
    free(folder);
    return failed;
}

static void write_page(const struct folder *folder, const char *json)
{
    struct error error = {{0}};
    assert_int_equal(report_page_write(folder->page, json, strlen(json), &error), OK);
}

static struct buf read_page(const struct folder *folder)
{
    struct buf page = {0};
    struct error error;
    assert_int_equal(buf_read_file(&page, folder->page, &error), OK);
    return page;
}

static void puts_the_data_into_the_page(void **state)
{
    write_page(*state, "{\"name\":\"a run\"}");
    struct buf page = read_page(*state);
    assert_non_null(strstr(buf_head(&page), "<script id=\"data\" type=\"application/json\">"
                                            "{\"name\":\"a run\"}</script>"));
    assert_null(strstr(buf_head(&page), "TAILGATE_DATA"));
    assert_int_equal(strncmp(buf_head(&page), "<!doctype html>", 15), 0);
    const char *tail = "</html>\n";
    assert_string_equal(buf_head(&page) + buf_len(&page) - strlen(tail), tail);
    buf_free(&page);
}

static void text_cannot_end_the_element_that_holds_it(void **state)
{
    write_page(*state, "{\"config\":\"<</script><!--<script>\"}");
    struct buf page = read_page(*state);
    assert_non_null(
        strstr(buf_head(&page), "{\"config\":\"\\u003c\\u003c/script>\\u003c!--\\u003cscript>\"}"));
    buf_free(&page);
}

static void replaces_an_older_page(void **state)
{
    write_page(*state, "{\"name\":\"older, and longer\"}");
    write_page(*state, "{}");
    struct buf page = read_page(*state);
    assert_null(strstr(buf_head(&page), "older"));
    buf_free(&page);
}

static void says_what_failed_and_leaves_nothing_behind(void **state)
{
    const struct folder *folder = *state;
    struct error error = {{0}};
    assert_int_equal(report_page_write("/nonexistent/report.html", "{}", 2, &error), FAILED_SYSTEM);
    assert_non_null(strstr(error.text, "/nonexistent/report.html: "));
    assert_non_null(strstr(error.text, strerror(ENOENT)));

    /* A folder in the way: writing succeeds, the rename does not. */
    assert_int_equal(mkdir(folder->page, 0700), 0);
    assert_int_equal(report_page_write(folder->page, "{}", 2, &error), FAILED_SYSTEM);
    assert_non_null(strstr(error.text, strerror(EISDIR)));
    assert_int_equal(rmdir(folder->page), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(puts_the_data_into_the_page),
        TEST(text_cannot_end_the_element_that_holds_it),
        TEST(replaces_an_older_page),
        TEST(says_what_failed_and_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
