/* SPDX-License-Identifier: MIT */
/* Deferred releases of the gateway: last in, first out, with the arguments of their registration.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/request/defer.h"

static char letters[] = "abcxy";
static char order[8];
static int ran;

static char *letter(char wanted)
{
    char *at = letters;
    while (*at != wanted)
        at++;
    return at;
}

static void note(void *arg)
{
    order[ran++] = *(const char *)arg;
}

static void test_last_in_first_out(void **state)
{
    struct defer_stack stack = {0};
    ran = 0;
    defer_push(&stack, note, letter('a'));
    defer_push(&stack, note, letter('b'));
    defer_push(&stack, note, letter('c'));
    assert_int_equal(ran, 0);
    defer_run(&stack);
    assert_int_equal(ran, 3);
    assert_memory_equal(order, "cba", 3);
}

static void test_argument_is_captured_at_registration(void **state)
{
    struct defer_stack stack = {0};
    char *arg = letter('x');
    ran = 0;
    defer_push(&stack, note, arg);
    arg = letter('y');
    defer_run(&stack);
    assert_int_equal(order[0], 'x');
    assert_int_equal(*arg, 'y');
}

static void test_runs_once(void **state)
{
    struct defer_stack stack = {0};
    ran = 0;
    defer_push(&stack, note, letter('a'));
    defer_run(&stack);
    defer_run(&stack);
    assert_int_equal(ran, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_in_first_out),
        cmocka_unit_test(test_argument_is_captured_at_registration),
        cmocka_unit_test(test_runs_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
