/* SPDX-License-Identifier: MIT */
/* What endpoints say about idle connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/result.h"
#include "proxy/rules/keepalive.h"

static void test_what_is_said(void **state)
{
    static const struct {
        const char *fields;
        int64_t seconds, requests; /* -1: nothing */
    } cases[] = {
        {"", -1, -1},
        {"Keep-Alive: timeout=5\r\n", 5, -1},
        {"Keep-Alive: timeout=5, max=1000\r\n", 5, 1000},
        {"keep-alive: MAX=0,Timeout=0\r\n", 0, 0},
        {"Keep-Alive: max=7\r\nKeep-Alive: timeout=60\r\n", 60, 7},
        {"Keep-Alive: timeout=5;max=3\r\n", -1, -1},
        {"Keep-Alive: timeout=-1, max=1e3\r\n", -1, -1},
        {"Keep-Alive: timeout=, max\r\n", -1, -1},
        {"Keep-Alive: xtimeout=5, timeout =5\r\n", -1, -1},
        {"Keep-Alive: timeout=99999999999999999999999999\r\n", 1000000, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_head head;
        char text[256];
        int length = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n", cases[i].fields);
        assert_null(http_parse_response(&head, text, (size_t)length));
        struct keepalive said = keepalive_read(&head);
        assert_int_equal(said.requests, cases[i].requests);
        if (cases[i].seconds < 0)
            assert_true(said.timeout.ns < 0);
        else
            assert_int_equal(said.timeout.ns, duration_s(cases[i].seconds).ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
