/* SPDX-License-Identifier: MIT */
/* The path that a target really names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/result.h"
#include "lib/http/path.h"

/* From memory of its own, so that a byte too far is found. */
static bool resolves(const char *given, struct buf *out)
{
    size_t length = strlen(given);
    char *copy = malloc(length + 1);
    memcpy(copy, given, length);
    bool right = http_path_resolve(out, (struct http_span){copy, (uint32_t)length});
    free(copy);
    return right;
}

static void assert_resolved(const char *given, const char *expected)
{
    struct buf out = {0};
    bool right = resolves(given, &out);
    buf_append(&out, "", 1);
    if (!right || strcmp(buf_head(&out), expected) != 0)
        print_error("%s: \"%s\"\n", given, buf_head(&out));
    assert_true(right);
    assert_string_equal(buf_head(&out), expected);
    buf_free(&out);
}

static const struct {
    const char *given, *expected;
} cases[] = {
    {"/", "/"},
    {"/a", "/a"},
    {"/a/", "/a/"},
    {"/a/b.c", "/a/b.c"},
    {"/%61dmin", "/admin"},
    {"/%61%64min/%2e%2e/x", "/x"},
    {"//admin", "/admin"},
    {"///", "/"},
    {"/a//b///c", "/a/b/c"},
    {"/./admin", "/admin"},
    {"/admin/.", "/admin/"},
    {"/admin/./", "/admin/"},
    {"/x/../admin", "/admin"},
    {"/x/%2e./admin", "/admin"},
    {"/x/.%2E/admin", "/admin"},
    {"/x%2f..%2Fadmin", "/admin"},
    {"/a/b/..", "/a/"},
    {"/a/b/../", "/a/"},
    {"/a/..", "/"},
    {"/a/b/../../c", "/c"},
    {"/.../a..b/..c", "/.../a..b/..c"},
    {"/.a/b.", "/.a/b."},
    {"/%2561", "/%61"}, /* once, not twice */
    {"/%", "/%"},
    {"/%4", "/%4"},
    {"/%zz%4g", "/%zz%4g"},
    {"/%41%", "/A%"},
    {"/caf%C3%a9", "/caf\xc3\xa9"},
};

static void follows_what_a_path_names(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_resolved(cases[i].given, cases[i].expected);
}

/* What is plain is left alone, and what is left alone is plain or holds no more than a "%" or a
 * name that begins with a dot. */
static void knows_plain_paths(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_span given = {cases[i].given, (uint32_t)strlen(cases[i].given)};
        if (http_path_is_plain(given))
            assert_string_equal(cases[i].given, cases[i].expected);
        else
            assert_true(strchr(given.at, '%') || strstr(given.at, "//") || strstr(given.at, "/."));
    }
}

static void refuses_what_no_route_can_be_held_against(void **state)
{
    static const char *const wrong[] = {"/..",       "/../a",        "/a/../..",  "/a/../../b",
                                        "/%2e%2e/a", "/a/%00",       "/%00",      "/./..",
                                        "//..",      "/a%2f..%2f..", "/a/../../", "/..%2f"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct buf out = {0};
        if (resolves(wrong[i], &out))
            print_error("%s\n", wrong[i]);
        assert_int_equal(buf_len(&out), 0);
        buf_free(&out);
    }
}

static void encodes_what_may_not_stand_in_a_url(void **state)
{
    static const char path[] = "/a b\r\n%?#\x7f\xff~.x";
    struct buf out = {0};
    http_path_encode(&out, (struct http_span){path, sizeof(path) - 1});
    buf_append(&out, "", 1);
    assert_string_equal(buf_head(&out), "/a%20b%0D%0A%25%3F%23%7F%FF~.x");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_what_a_path_names),
        cmocka_unit_test(knows_plain_paths),
        cmocka_unit_test(refuses_what_no_route_can_be_held_against),
        cmocka_unit_test(encodes_what_may_not_stand_in_a_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
