/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "lib/base/result.h"

static void error_set_writes_and_returns(void **state)
{
    struct error error;
    assert_int_equal(error_set(&error, FAILED_INPUT, "port %d is taken", 80), FAILED_INPUT);
    assert_string_equal(error.text, "port 80 is taken");
    assert_int_equal(error_set(&error, FAILED_SYSTEM, "%s", ""), FAILED_SYSTEM);
    assert_string_equal(error.text, "");
}

static void error_errno_adds_its_text(void **state)
{
    struct error error;
    errno = EADDRINUSE;
    assert_int_equal(error_errno(&error, "cannot listen on port %d", 80), FAILED_SYSTEM);
    assert_string_equal(error.text, "cannot listen on port 80: Address already in use");
    assert_int_equal(errno, EADDRINUSE);
}

static void long_messages_are_cut(void **state)
{
    struct error error;
    char longer[2 * sizeof(error.text)];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    error_set(&error, FAILED_INPUT, "%s", longer);
    assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
    errno = ENOENT;
    error_errno(&error, "%s", longer);
    assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
}

static void results_have_exit_statuses(void **state)
{
    assert_int_equal(result_exit_status(OK), 0);
    assert_int_equal(result_exit_status(FAILED_INPUT), 2);
    assert_int_equal(result_exit_status(FAILED_SYSTEM), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_set_writes_and_returns),
        cmocka_unit_test(error_errno_adds_its_text),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(results_have_exit_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
