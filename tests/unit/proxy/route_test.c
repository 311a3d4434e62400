/* SPDX-License-Identifier: MIT */
/* Which route a target takes: the longest prefix that ends with a segment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/route.h"

static struct route_config routes[] = {
    {.path = "/"}, {.path = "/api"}, {.path = "/api/v2/"}, {.path = "/static/"}};

static int find(const char *target)
{
    const struct proxy_config config = {.routes = {routes, ARRAY_LEN(routes)}};
    return route_find(&config, (struct http_span){target, (uint32_t)strlen(target)});
}

static void test_longest_prefix_wins(void **state)
{
    assert_int_equal(find("/"), 0);
    assert_int_equal(find("/orders"), 0);
    assert_int_equal(find("/api"), 1);
    assert_int_equal(find("/api/orders"), 1);
    assert_int_equal(find("/api/v2/orders"), 2);
}

static void test_prefix_ends_with_a_segment(void **state)
{
    assert_int_equal(find("/apix"), 0);
    assert_int_equal(find("/api/v2"), 1);
    assert_int_equal(find("/api/v20/"), 1);
    assert_int_equal(find("/static"), 0);
}

static void test_query_is_no_part_of_the_path(void **state)
{
    assert_int_equal(find("/api?x=/api/v2/"), 1);
    assert_int_equal(find("/?/api/"), 0);
}

static void test_asterisk_takes_the_root(void **state)
{
    assert_int_equal(find("*"), 0);
}

static void test_nothing_matches_without_a_root(void **state)
{
    const struct proxy_config config = {.routes = {routes + 1, 1}};
    assert_int_equal(route_find(&config, (struct http_span){"/other", 6}), -1);
    assert_int_equal(route_find(&config, (struct http_span){"*", 1}), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_prefix_wins),
        cmocka_unit_test(test_prefix_ends_with_a_segment),
        cmocka_unit_test(test_query_is_no_part_of_the_path),
        cmocka_unit_test(test_asterisk_takes_the_root),
        cmocka_unit_test(test_nothing_matches_without_a_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
