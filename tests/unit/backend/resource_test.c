/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/resource.h"

static struct list waiters[4];

static void init_waiters(void)
{
    for (int i = 0; i < 4; i++)
        list_init(&waiters[i]);
}

static void slots_are_taken_and_given_back(void **state)
{
    struct resource resource;
    init_waiters();
    resource_init(&resource, 2);
    assert_true(resource_take(&resource, &waiters[0]));
    assert_true(resource_take(&resource, &waiters[1]));
    assert_false(resource_take(&resource, &waiters[2]));
    resource_leave(&resource, &waiters[2]);
    assert_null(resource_give(&resource));
    assert_true(resource_take(&resource, &waiters[2]));
    assert_int_equal(resource.taken, 2);
}

static void who_waits_is_served_in_order(void **state)
{
    struct resource resource;
    init_waiters();
    resource_init(&resource, 1);
    assert_true(resource_take(&resource, &waiters[0]));
    for (int i = 1; i < 4; i++)
        assert_false(resource_take(&resource, &waiters[i]));
    assert_int_equal(resource.longest, 3);
    for (int i = 1; i < 4; i++) {
        assert_ptr_equal(resource_give(&resource), &waiters[i]);
        assert_int_equal(resource.taken, 1);
    }
    assert_null(resource_give(&resource));
    assert_int_equal(resource.taken, 0);
}

static void nobody_overtakes_the_line(void **state)
{
    struct resource resource;
    init_waiters();
    resource_init(&resource, 1);
    assert_true(resource_take(&resource, &waiters[0]));
    assert_false(resource_take(&resource, &waiters[1]));
    assert_ptr_equal(resource_give(&resource), &waiters[1]);
    /* The slot has passed on: it was never free. */
    assert_false(resource_take(&resource, &waiters[2]));
    assert_ptr_equal(resource_give(&resource), &waiters[2]);
}

static void who_leaves_the_line_is_skipped(void **state)
{
    struct resource resource;
    init_waiters();
    resource_init(&resource, 1);
    assert_true(resource_take(&resource, &waiters[0]));
    for (int i = 1; i < 4; i++)
        assert_false(resource_take(&resource, &waiters[i]));
    resource_leave(&resource, &waiters[2]);
    assert_int_equal(resource.length, 2);
    assert_ptr_equal(resource_give(&resource), &waiters[1]);
    assert_ptr_equal(resource_give(&resource), &waiters[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_taken_and_given_back),
        cmocka_unit_test(who_waits_is_served_in_order),
        cmocka_unit_test(nobody_overtakes_the_line),
        cmocka_unit_test(who_leaves_the_line_is_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
