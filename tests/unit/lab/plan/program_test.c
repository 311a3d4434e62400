/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "lab/plan/program.h"
#include "lib/conf/conf.h"

static void the_address_stands_in_words(void **state)
{
    (void)state;
    static const char *const items[] = {"serve", "--at={address}", "{address},{address}", "{x}",
                                        ""};
    const struct conf_list command = {(void *)(uintptr_t)items, ARRAY_LEN(items)};
    char **words = program_words(&command, "127.0.0.1:1");
    assert_string_equal(words[0], "serve");
    assert_string_equal(words[1], "--at=127.0.0.1:1");
    assert_string_equal(words[2], "127.0.0.1:1,127.0.0.1:1");
    assert_string_equal(words[3], "{x}");
    assert_string_equal(words[4], "");
    assert_null(words[5]);
    program_words_free(words);
}

static void programs_are_found(void **state)
{
    (void)state;
    char text[200], *found = program_find("sh", "x.json");
    assert_non_null(found);
    free(found);
    assert_null(program_find("./no-such-program", "x.json"));
    assert_string_equal(program_describe_missing("the backend", "./no-such", text, sizeof(text)),
                        "the backend \"./no-such\" is not installed (there is no such program)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_address_stands_in_words),
        cmocka_unit_test(programs_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
