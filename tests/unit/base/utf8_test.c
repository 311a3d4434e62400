/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/base/result.h"
#include "lib/base/utf8.h"

static void tells_characters_from_junk(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"a", 1},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xef\xbf\xbf", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"", 0},
        {"\x80", 0},     /* a continuation alone */
        {"\xc0\x80", 0}, /* overlong */
        {"\xc1\xbf", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xed\xa0\x80", 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
        {"\xc3", 0}, /* cut short */
        {"\xe2\x82", 0},
        {"\xf0\x9f\x90", 0},
        {"\xc3z", 0}, /* not continued */
        {"\xe2\x82z", 0},
        {"\xf0\x9f\x90z", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(utf8_length(cases[i].text, strlen(cases[i].text)), cases[i].length);
    assert_int_equal(utf8_length("\0", 1), 1);
    assert_int_equal(utf8_length("abc", 3), 1);
}

static void knows_control_characters(void **state)
{
    assert_true(utf8_is_control("\n", 1));
    assert_true(utf8_is_control("\x1b", 1));
    assert_true(utf8_is_control("\x7f", 1));
    assert_true(utf8_is_control("\xc2\x9b", 2));
    assert_false(utf8_is_control(" ", 1));
    assert_false(utf8_is_control("~", 1));
    assert_false(utf8_is_control("\xc2\xa0", 2));
    assert_false(utf8_is_control("\xc3\x80", 2));
}

static void shows_question_marks_for_what_cannot_be_shown(void **state)
{
    struct buf out = {0};
    utf8_append_visible(&out, "a\x1b[31m\xc3\xa9\xff\n");
    buf_append(&out, "", 1);
    assert_string_equal(buf_head(&out), "a?[31m\xc3\xa9??");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_characters_from_junk),
        cmocka_unit_test(knows_control_characters),
        cmocka_unit_test(shows_question_marks_for_what_cannot_be_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
