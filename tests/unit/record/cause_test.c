/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/base/result.h"
#include "lib/record/cause.h"

static void every_row_is_complete_and_found_by_its_name(void **state)
{
    for (size_t i = 0; i < CAUSE_COUNT; i++) {
        const struct cause_row *row = cause_row((enum cause)i);
        assert_true(strlen(row->name) > 0);
        assert_true(strlen(row->meaning) > 0);
        assert_non_null(row->advice);
        assert_non_null(row->proxy_status);
        assert_true(strlen(row->envoy_flag) > 0);
        assert_int_equal(strlen(row->haproxy_pair), 2);
        /* Also says that names are unique: a second one would find the first. */
        assert_int_equal(cause_by_name(row->name), i);
    }
}

static void names_are_those_of_an_identifier(void **state)
{
    for (size_t i = 0; i < CAUSE_COUNT; i++) {
        const char *name = cause_row((enum cause)i)->name;
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
    }
    assert_int_equal(cause_by_name("response_timeout"), CAUSE_RESPONSE_TIMEOUT);
}

static void unknown_causes_are_none(void **state)
{
    assert_int_equal(cause_by_name("bad_weather"), CAUSE_COUNT);
    assert_int_equal(cause_by_name(""), CAUSE_COUNT);
    assert_ptr_equal(cause_row(CAUSE_COUNT), cause_row(CAUSE_NONE));
    assert_ptr_equal(cause_row((enum cause) - 1), cause_row(CAUSE_NONE));
}

static void statuses_tell_a_timeout_from_a_failure(void **state)
{
    assert_int_equal(cause_row(CAUSE_NONE)->status, 0);
    assert_int_equal(cause_row(CAUSE_UPSTREAM_STATUS)->status, 0);
    assert_int_equal(cause_row(CAUSE_CONNECT_REFUSED)->status, 502);
    assert_int_equal(cause_row(CAUSE_RESPONSE_TIMEOUT)->status, 504);
    assert_int_equal(cause_row(CAUSE_QUEUE_TIMEOUT)->status, 503);
    assert_int_equal(cause_row(CAUSE_CLIENT_ABORT)->status, 499);
    assert_int_equal(cause_row(CAUSE_REQUEST_MALFORMED)->status, 400);
}

static void gateway_failures_are_told_from_other_endings(void **state)
{
    static const struct {
        enum cause cause;
        int status;
        bool failure;
    } cases[] = {
        {CAUSE_NONE, 200, false},
        {CAUSE_NONE, 404, false},
        {CAUSE_RESPONSE_TIMEOUT, 504, true},
        {CAUSE_RESPONSE_TIMEOUT, 502, true}, /* "timeout_status": 502 */
        {CAUSE_CONNECT_REFUSED, 502, true},
        {CAUSE_QUEUE_FULL, 503, true},
        {CAUSE_UPSTREAM_STATUS, 500, false},
        {CAUSE_UPSTREAM_STATUS, 503, true},
        {CAUSE_BODY_TRUNCATED, 200, true}, /* cut short after its head */
        {CAUSE_BODY_TIMEOUT, 200, true},
        {CAUSE_TOTAL_TIMEOUT, 206, true},
        {CAUSE_CLIENT_ABORT, 499, false},
        {CAUSE_CLIENT_ABORT, 200, false},
        {CAUSE_CLIENT_TIMEOUT, 408, false},
        {CAUSE_REQUEST_MALFORMED, 400, false},
        {CAUSE_NO_ROUTE, 404, false},
        {CAUSE_RATE_LIMITED, 429, false},
        {CAUSE_FAULT_ABORT, 503, true},
        {CAUSE_FAULT_ABORT, 418, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (cause_is_gateway_failure(cases[i].cause, cases[i].status) != cases[i].failure)
            fail_msg("%s with status %d", cause_row(cases[i].cause)->name, cases[i].status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete_and_found_by_its_name),
        cmocka_unit_test(names_are_those_of_an_identifier),
        cmocka_unit_test(unknown_causes_are_none),
        cmocka_unit_test(statuses_tell_a_timeout_from_a_failure),
        cmocka_unit_test(gateway_failures_are_told_from_other_endings),
    };
    return cmocka_run_group_tests_name("record/cause", tests, NULL, NULL);
}
