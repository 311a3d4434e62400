/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/record/tables.h"
#include "proxy/process/names.h"

static void a_name_keeps_its_number(void **state)
{
    struct names names = {0};
    char text[16] = "a";
    assert_int_equal(names_add(&names, text), 0);
    assert_int_equal(names_add(&names, "b"), 1);
    snprintf(text, sizeof(text), "changed");
    assert_int_equal(names_add(&names, "a"), 0);
    assert_string_equal(names.items[0], "a");
    assert_int_equal(names.count, 2);
    names_release(&names);
}

static void a_name_too_many_has_no_number(void **state)
{
    struct names names = {0};
    for (unsigned i = 0; i < 300; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%u", i);
        assert_int_equal(names_add(&names, text), i);
    }
    /* As if there were so many. */
    size_t count = names.count;
    names.items = mem_grow(names.items, NAME_NONE, sizeof(*names.items));
    names.room = NAME_NONE;
    while (names.count + 1 < NAME_NONE)
        names.items[names.count++] = "x";
    assert_int_equal(names_add(&names, "one more"), NAME_NONE);
    assert_int_equal(names_add(&names, "7"), 7);
    names.count = count;
    names_release(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_keeps_its_number),
        cmocka_unit_test(a_name_too_many_has_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
