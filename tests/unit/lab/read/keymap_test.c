/* SPDX-License-Identifier: MIT */
#include "lab/read/keymap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MANY 20000

static uint64_t key_of(const char *prefix, unsigned number)
{
    char text[64];
    uint64_t key = 0;
    snprintf(text, sizeof(text), "%s%016x", prefix, number);
    assert_true(keymap_trace_key(text, strlen(text), &key));
    return key;
}

static void test_what_was_added_is_found(void **state)
{
    struct keymap map = {0};
    for (unsigned i = 0; i < MANY; i++)
        keymap_add(&map, key_of("7f149c96d9cc11eb", i), i);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(keymap_find(&map, key_of("7f149c96d9cc11eb", i)), i);
        assert_int_equal(keymap_find(&map, key_of("7f149c96d9cc11ec", i)), KEYMAP_NONE);
        assert_int_equal(keymap_find(&map, key_of("7f149c96d9cc11eb", MANY + i)), KEYMAP_NONE);
    }
    keymap_free(&map);
}

static void test_a_key_keeps_its_number(void **state)
{
    struct keymap map = {0};
    keymap_add(&map, 5, 1);
    keymap_add(&map, 5, 2);
    assert_int_equal(keymap_find(&map, 5), 1);
    keymap_free(&map);
    assert_int_equal(keymap_find(&map, 5), KEYMAP_NONE);
}

/* One table has room for keys that stand side by side, from many places. */
static void test_ids_that_differ_in_the_last_digit_are_neighbours(void **state)
{
    uint64_t first = key_of("7f149c96d9cc11eb", 0x120);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(key_of("7f149c96d9cc11eb", 0x120 + i), first + i);
    uint64_t next = key_of("7f149c96d9cc11eb", 0x130);
    assert_true(next - first > 1000 && first - next > 1000);
}

static void test_what_is_no_trace_id_has_no_key(void **state)
{
    uint64_t key;
    assert_false(keymap_trace_key("", 0, &key));
    assert_false(keymap_trace_key("7f149c96d9cc11eb", 16, &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_added_is_found),
        cmocka_unit_test(test_a_key_keeps_its_number),
        cmocka_unit_test(test_ids_that_differ_in_the_last_digit_are_neighbours),
        cmocka_unit_test(test_what_is_no_trace_id_has_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
