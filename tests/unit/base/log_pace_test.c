/* SPDX-License-Identifier: MIT */
/* Lines that come too often are left out, and counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/log_pace.h"

static mono at(int64_t s)
{
    return (mono){(s + 1000) * NS_PER_S};
}

static void says_at_most_one_in_a_while(void **state)
{
    struct log_pace pace = {0};
    uint64_t left_out = 7;
    assert_true(log_pace_ask(&pace, at(0), duration_s(10), &left_out));
    assert_int_equal(left_out, 0);
    for (int i = 1; i < 10; i++)
        assert_false(log_pace_ask(&pace, at(i), duration_s(10), &left_out));
    assert_true(log_pace_ask(&pace, at(10), duration_s(10), &left_out));
    assert_int_equal(left_out, 9);
    assert_true(log_pace_ask(&pace, at(30), duration_s(10), &left_out));
    assert_int_equal(left_out, 0);
}

static void says_how_many_were_left_out(void **state)
{
    char text[LOG_PACE_MORE];
    assert_string_equal(log_pace_more(text, 0), "");
    assert_string_equal(log_pace_more(text, 3), " (3 more were left out)");
    assert_string_equal(log_pace_more(text, UINT64_MAX),
                        " (18446744073709551615 more were left out)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_at_most_one_in_a_while),
        cmocka_unit_test(says_how_many_were_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
