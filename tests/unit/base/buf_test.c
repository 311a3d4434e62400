/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"

static void assert_content(const struct buf *buf, const char *expected)
{
    assert_int_equal(buf_len(buf), strlen(expected));
    assert_memory_equal(buf_head(buf), expected, strlen(expected));
}

static void fills_at_the_end_and_empties_at_the_start(void **state)
{
    struct buf buf = {0};
    assert_int_equal(buf_len(&buf), 0);
    buf_append(&buf, "", 0);
    buf_append_text(&buf, "hello ");
    buf_append(&buf, "world!", 5);
    assert_content(&buf, "hello world");
    buf_consume(&buf, 6);
    assert_content(&buf, "world");
    buf_consume(&buf, 5);
    assert_int_equal(buf.start, 0);
    assert_int_equal(buf.end, 0);
    buf_free(&buf);
    assert_null(buf.data);
    buf_append_text(&buf, "again");
    assert_content(&buf, "again");
    buf_clear(&buf);
    assert_int_equal(buf_len(&buf), 0);
    buf_free(&buf);
}

static void keeps_its_content_while_it_grows(void **state)
{
    struct buf buf = {0};
    for (int i = 0; i < 100000; i++)
        buf_append(&buf, &(char){(char)(i % 251)}, 1);
    assert_int_equal(buf_len(&buf), 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buf_head(&buf)[i], (char)(i % 251));
    buf_free(&buf);
}

/* A connection's buffer that is never quite empty must not grow for ever. */
static void reuses_the_room_of_what_was_consumed(void **state)
{
    struct buf buf = {0};
    buf_append_text(&buf, "x");
    for (int i = 0; i < 10000; i++) {
        buf_append_text(&buf, "0123456789abcdef");
        buf_consume(&buf, 16);
        assert_int_equal(buf_len(&buf), 1);
    }
    assert_in_range(buf.capacity, 1, 1024);
    buf_free(&buf);
}

static void reserves_room_without_changing_the_content(void **state)
{
    struct buf buf = {0};
    assert_non_null(buf_reserve(&buf, 0));
    buf_append_text(&buf, "ab");
    char *room = buf_reserve(&buf, 5000);
    assert_ptr_equal(room, buf.data + buf.end);
    assert_true(buf.capacity - buf.end >= 5000);
    memset(room, 'c', 5000);
    buf.end += 5000;
    assert_int_equal(buf_len(&buf), 5002);
    assert_memory_equal(buf_head(&buf), "abccc", 5);
    buf_free(&buf);
}

static void prints_short_and_long(void **state)
{
    struct buf buf = {0};
    buf_printf(&buf, "%d-%s", 7, "seven");
    assert_content(&buf, "7-seven");
    buf_printf(&buf, "%s", "");
    assert_content(&buf, "7-seven");
    buf_printf(&buf, "%01000d", 5);
    assert_int_equal(buf_len(&buf), 7 + 1000);
    assert_int_equal(buf_head(&buf)[1006], '5');
    buf_free(&buf);

    /* Around the room that a new buffer has, where the final NUL may not fit. */
    for (int length = 1; length < 1100; length++) {
        buf_printf(&buf, "%0*d", length, 7);
        assert_int_equal(buf_len(&buf), length);
        assert_int_equal(buf_head(&buf)[length - 1], '7');
        buf_free(&buf);
    }
}

static void escapes_json(void **state)
{
    static const struct {
        const char *text;
        size_t length;
        const char *expected;
    } cases[] = {
        {"", 0, ""},
        {"plain", 5, "plain"},
        {"a\"b\\c/d", 7, "a\\\"b\\\\c/d"},
        {"\b\f\n\r\t", 5, "\\b\\f\\n\\r\\t"},
        {"\x01\x1f\x7f", 3, "\\u0001\\u001f\\u007f"},
        {"a\0b", 3, "a\\u0000b"},
        {"gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f"},
        {"\xf0\x9f\x90\x8b", 4, "\xf0\x9f\x90\x8b"},
        {"\xc2\x9b", 2, "\\u009b"},
        {"\xff"
         "a",
         2, "\\ufffda"},
        {"a\xc3", 2, "a\\ufffd"},
        {"\xed\xa0\x80", 3, "\\ufffd\\ufffd\\ufffd"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf buf = {0};
        buf_append_json(&buf, cases[i].text, cases[i].length);
        assert_content(&buf, cases[i].expected);
        buf_free(&buf);
    }
}

static void reads_a_whole_file(void **state)
{
    char path[] = "/tmp/tailgate-buf-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char block[1000] = {'x', 'y'};
    for (int i = 0; i < 200; i++)
        assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
    close(fd);

    struct buf buf = {0};
    struct error error;
    buf_append_text(&buf, "before");
    assert_int_equal(buf_read_file(&buf, path, &error), OK);
    assert_int_equal(buf_len(&buf), 6 + 200000);
    assert_memory_equal(buf_head(&buf), "beforexy", 8);
    assert_int_equal(*(buf_head(&buf) + buf_len(&buf)), '\0');
    buf_free(&buf);
    unlink(path);
}

static void says_why_a_file_cannot_be_read(void **state)
{
    struct buf buf = {0};
    struct error error;
    buf_append_text(&buf, "kept");
    assert_int_equal(buf_read_file(&buf, "/nowhere/at/all", &error), FAILED_INPUT);
    assert_string_equal(error.text, "cannot open /nowhere/at/all: No such file or directory");
    assert_int_equal(buf_read_file(&buf, "/tmp", &error), FAILED_INPUT);
    assert_string_equal(error.text, "cannot read /tmp: Is a directory");
    assert_content(&buf, "kept");
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_at_the_end_and_empties_at_the_start),
        cmocka_unit_test(keeps_its_content_while_it_grows),
        cmocka_unit_test(reuses_the_room_of_what_was_consumed),
        cmocka_unit_test(reserves_room_without_changing_the_content),
        cmocka_unit_test(prints_short_and_long),
        cmocka_unit_test(escapes_json),
        cmocka_unit_test(reads_a_whole_file),
        cmocka_unit_test(says_why_a_file_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
