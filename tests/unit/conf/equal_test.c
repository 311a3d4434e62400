/* SPDX-License-Identifier: MIT */
/* Whether two readings say the same, whatever their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/unit/conf/sample.h"

static const struct conf_key *key_named(const char *name)
{
    for (size_t i = 0; i < sample_table.key_count; i++)
        if (strcmp(sample_table.keys[i].name, name) == 0)
            return &sample_table.keys[i];
    return NULL;
}

static bool equal(const char *key, const char *a, const char *b)
{
    struct sample_reading one, other;
    assert_int_equal(sample_begin(&one, a, strlen(a)), OK);
    assert_int_equal(sample_begin(&other, b, strlen(b)), OK);
    bool result = conf_key_equal(key_named(key), &one.sample, &other.sample);
    sample_end(&one);
    sample_end(&other);
    return result;
}

static void a_default_equals_the_same_value_written_out(void **state)
{
    assert_true(equal("workers", "{}", "{\"workers\": 2}"));
    assert_true(equal("period", "{}", "{\"period\": \"0.25s\"}"));
    assert_true(equal("ports", "{}", "{\"ports\": [80, 443]}"));
    assert_true(equal("label", "{}", "{}"));
}

static void values_differ(void **state)
{
    assert_false(equal("workers", "{}", "{\"workers\": 3}"));
    assert_false(equal("enabled", "{}", "{\"enabled\": false}"));
    assert_false(equal("label", "{}", "{\"label\": \"x\"}"));
    assert_false(equal("label", "{\"label\": \"y\"}", "{\"label\": \"x\"}"));
    assert_false(equal("ports", "{}", "{\"ports\": [80]}"));
    assert_false(equal("ports", "{}", "{\"ports\": [80, 444]}"));
    assert_false(equal("cleanup", "{}", "{\"cleanup\": \"deferred\"}"));
    assert_false(equal("raw", "{\"raw\": {\"a\": 1}}", "{\"raw\": {\"a\": 2}}"));
    assert_true(equal("raw", "{\"raw\": {\"a\": 1}}", "{\"raw\": {\"a\": 1.0}}"));
}

static void objects_lists_and_maps_are_looked_into(void **state)
{
    static const char a[] = "{\"upstreams\": {\"a\": {\"endpoints\": [\"127.0.0.1:1\"]}}}";
    static const char b[] = "{\"upstreams\": {\"a\": {\"endpoints\": [\"127.0.0.1:2\"]}}}";
    static const char c[] = "{\"upstreams\": {\"c\": {\"endpoints\": [\"127.0.0.1:1\"]}}}";
    assert_true(equal("upstreams", a, a));
    assert_false(equal("upstreams", a, b));
    assert_false(equal("upstreams", a, c));
    assert_true(equal("timeout", "{}", "{\"timeout\": {\"connect\": \"3s\"}}"));
    assert_false(equal("timeout", "{}", "{\"timeout\": {\"connect\": \"4s\"}}"));
}

static void distributions_never_count_as_equal(void **state)
{
    assert_false(equal("delay", "{}", "{}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_default_equals_the_same_value_written_out),
        cmocka_unit_test(values_differ),
        cmocka_unit_test(objects_lists_and_maps_are_looked_into),
        cmocka_unit_test(distributions_never_count_as_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
