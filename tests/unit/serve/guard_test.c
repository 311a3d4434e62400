/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/serve/guard.h"

static const char *const hosts[] = {"gateway.internal", "other:9901"};

static const struct guard local = {.address = "127.0.0.1:9901", .hosts = hosts, .host_count = 2};
static const struct guard by_path = {.address = "unix:/run/admin"};
static const struct guard by_token = {.address = "0.0.0.0:9901", .token = "secret"};

/* The status that a call with these fields is refused with, or 0. */
static int status(const struct guard *guard, const char *fields)
{
    char text[512];
    struct http_head head;
    snprintf(text, sizeof(text), "POST /faults HTTP/1.1\r\n%s\r\n", fields);
    const char *problem = http_parse_request(&head, text, strlen(text));
    if (problem)
        fail_msg("%s: %s", text, problem);
    const struct guard_refusal *refusal = guard_check(guard, &head);
    return refusal ? refusal->status : 0;
}

static void addresses_of_this_machine_alone(void **state)
{
    assert_true(guard_is_local("127.0.0.1:80"));
    assert_true(guard_is_local("127.8.9.1:0"));
    assert_true(guard_is_local("[::1]:80"));
    assert_true(guard_is_local("unix:/run/admin"));
    assert_false(guard_is_local("0.0.0.0:80"));
    assert_false(guard_is_local("[::]:80"));
    assert_false(guard_is_local("10.0.0.1:80"));
    assert_false(guard_is_local("nonsense"));
}

static void names_of_this_machine_pass(void **state)
{
    assert_int_equal(status(&local, "Host: localhost\r\n"), 0);
    assert_int_equal(status(&local, "Host: LOCALHOST:9901\r\n"), 0);
    assert_int_equal(status(&local, "Host: 127.0.0.1:9901\r\n"), 0);
    assert_int_equal(status(&local, "Host: [::1]\r\n"), 0);
    assert_int_equal(status(&local, "Host: gateway.internal:80\r\n"), 0);
    assert_int_equal(status(&local, "Host: other:9901\r\n"), 0);
    assert_int_equal(status(&local, "Host: other:9902\r\n"), 403);
    assert_int_equal(status(&local, "Host: evil.example\r\n"), 403);
    assert_int_equal(status(&local, "Host: 127.0.0.1.evil.example\r\n"), 403);
    assert_int_equal(status(&local, "Host: localhost.evil.example\r\n"), 403);
    assert_int_equal(status(&by_path, "Host: evil.example\r\n"), 0);
}

static void other_sites_do_not(void **state)
{
    assert_int_equal(status(&local, "Host: localhost\r\nOrigin: http://localhost\r\n"), 0);
    assert_int_equal(status(&local, "Host: localhost\r\nOrigin: https://localhost\r\n"), 403);
    assert_int_equal(status(&local, "Host: localhost\r\nOrigin: http://localhost:1\r\n"), 403);
    assert_int_equal(status(&local, "Host: localhost\r\nOrigin: null\r\n"), 403);
    assert_int_equal(status(&local, "Host: localhost\r\nSec-Fetch-Site: none\r\n"), 0);
    assert_int_equal(status(&local, "Host: localhost\r\nSec-Fetch-Site: same-origin\r\n"), 0);
    assert_int_equal(status(&local, "Host: localhost\r\nSec-Fetch-Site: same-site\r\n"), 403);
    assert_int_equal(status(&local, "Host: localhost\r\nUser-Agent: Mozilla/5.0\r\n"), 403);
    assert_int_equal(status(&by_path, "Host: a\r\nSec-Fetch-Site: cross-site\r\n"), 403);
    assert_int_equal(status(&by_token, "Host: a\r\nOrigin: http://b\r\n"
                                       "Authorization: Bearer secret\r\n"),
                     403);
}

static void a_token_is_the_whole_token(void **state)
{
    assert_int_equal(status(&by_token, "Host: a\r\nAuthorization: Bearer secret\r\n"), 0);
    assert_int_equal(status(&by_token, "Host: a\r\nAuthorization: bearer secret\r\n"), 0);
    assert_int_equal(status(&by_token, "Host: a\r\n"), 401);
    assert_int_equal(status(&by_token, "Host: a\r\nAuthorization: Bearer\r\n"), 401);
    assert_int_equal(status(&by_token, "Host: a\r\nAuthorization: Bearer secre\r\n"), 401);
    assert_int_equal(status(&by_token, "Host: a\r\nAuthorization: Bearer secrets\r\n"), 401);
    assert_int_equal(status(&by_token, "Host: a\r\nAuthorization: Bearer Secret\r\n"), 401);
    assert_int_equal(status(&by_token, "Host: a\r\nAuthorization: Basic secret\r\n"), 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_this_machine_alone),
        cmocka_unit_test(names_of_this_machine_pass),
        cmocka_unit_test(other_sites_do_not),
        cmocka_unit_test(a_token_is_the_whole_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
