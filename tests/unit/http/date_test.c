/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/http/date.h"

static void check(int64_t seconds, const char *expected)
{
    char text[HTTP_DATE + 1];
    http_date(text, seconds);
    assert_string_equal(text, expected);
}

static void writes_moments(void **state)
{
    check(0, "Thu, 01 Jan 1970 00:00:00 GMT");
    check(784111777, "Sun, 06 Nov 1994 08:49:37 GMT");
    check(951827696, "Tue, 29 Feb 2000 12:34:56 GMT");
    check(4102444799, "Thu, 31 Dec 2099 23:59:59 GMT");
    check(INT64_C(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
    check(-1, "Wed, 31 Dec 1969 23:59:59 GMT");
}

static void has_the_same_length_for_all(void **state)
{
    check(INT64_C(253402300800), "Thu, 01 Jan 1970 00:00:00 GMT");
    check(INT64_MAX, "Thu, 01 Jan 1970 00:00:00 GMT");
    check(INT64_MIN, "Thu, 01 Jan 1970 00:00:00 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_moments),
        cmocka_unit_test(has_the_same_length_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
