/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/http/target.h"

/* The head's spans point into it. */
static char text[256];

static const char *resolve(struct http_head *head, const char *method, const char *target)
{
    int length =
        snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: field\r\n\r\n", method, target);
    assert_null(http_parse_request(head, text, (size_t)length));
    return http_resolve_target(head);
}

static void check(const char *method, const char *given, const char *target, const char *host)
{
    struct http_head head;
    assert_null(resolve(&head, method, given));
    assert_true(http_span_is(head.target, target));
    assert_true(http_span_is(http_host(&head), host));
    assert_true((head.authority.length > 0) == (strcmp(host, "field") != 0));
}

static void leaves_paths_alone(void **state)
{
    check("GET", "/", "/", "field");
    check("GET", "//a/b?c=http://d", "//a/b?c=http://d", "field");
    check("OPTIONS", "*", "*", "field");
    check("CONNECT", "a:443", "a:443", "field");
}

static void takes_absolute_forms_apart(void **state)
{
    check("GET", "http://a/b?c", "/b?c", "a");
    check("GET", "HTTP://a:80", "/", "a:80");
    check("GET", "https://[::1]:443/", "/", "[::1]:443");
    check("GET", "http://a?b/c", "?b/c", "a");
    check("OPTIONS", "http://a", "*", "a");
    check("OPTIONS", "http://a/", "/", "a");
}

static void refuses_the_others(void **state)
{
    static const char *const wrong[] = {"a",          "a:80",        "*",         "ftp://a/",
                                        "http:/a",    "http://",     "http:///b", "http://:80/",
                                        "http://?b",  "http://u@a/", "/a#b",      "http://a/#b",
                                        "http://a,b", "?a"};
    struct http_head head;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_non_null(resolve(&head, "GET", wrong[i]));
    assert_non_null(resolve(&head, "OPTIONS", "*a"));
}

static void knows_of_no_host_in_old_requests(void **state)
{
    static const char old[] = "GET / HTTP/1.0\r\n\r\n";
    struct http_head head;
    assert_null(http_parse_request(&head, old, sizeof(old) - 1));
    assert_null(http_resolve_target(&head));
    assert_int_equal(http_host(&head).length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_paths_alone),
        cmocka_unit_test(takes_absolute_forms_apart),
        cmocka_unit_test(refuses_the_others),
        cmocka_unit_test(knows_of_no_host_in_old_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
