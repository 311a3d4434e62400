/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/process/targets.h"

static void add(struct targets *targets, const char *ip, uint16_t port, uint16_t weight)
{
    struct target target = {.port = port, .weight = weight};
    assert_true(ip_parse(&target.ip, ip, strlen(ip)));
    targets_add(targets, &target);
}

static void the_order_does_not_matter(void **state)
{
    struct targets a = {0}, b = {0};
    add(&a, "127.0.0.2", 0, 0);
    add(&a, "::1", 0, 0);
    add(&a, "127.0.0.1", 0, 0);
    add(&b, "127.0.0.1", 0, 0);
    add(&b, "127.0.0.2", 0, 0);
    add(&b, "127.0.0.1", 0, 0);
    add(&b, "::1", 0, 0);
    assert_int_equal(targets_arrange(&a, 64), 0);
    assert_int_equal(targets_arrange(&b, 64), 0);
    assert_int_equal(b.count, 3);
    assert_true(targets_equal(&a, &b));
    add(&b, "127.0.0.3", 0, 0);
    assert_false(targets_equal(&a, &b));
    targets_release(&a);
    targets_release(&b);
}

static void ports_and_weights_matter(void **state)
{
    struct targets a = {0}, b = {0}, c = {0};
    add(&a, "127.0.0.1", 80, 1);
    add(&b, "127.0.0.1", 81, 1);
    add(&c, "127.0.0.1", 80, 2);
    assert_false(targets_equal(&a, &b));
    assert_false(targets_equal(&a, &c));
    targets_release(&a);
    targets_release(&b);
    targets_release(&c);
}

/* The same ones stay whatever the order in which they came. */
static void what_is_too_much_is_cut(void **state)
{
    struct targets a = {0}, b = {0}, none = {0};
    add(&a, "127.0.0.3", 0, 0);
    add(&a, "127.0.0.1", 0, 0);
    add(&a, "127.0.0.2", 0, 0);
    add(&b, "127.0.0.2", 0, 0);
    add(&b, "127.0.0.3", 0, 0);
    add(&b, "127.0.0.1", 0, 0);
    assert_int_equal(targets_arrange(&a, 2), 1);
    assert_int_equal(targets_arrange(&b, 2), 1);
    assert_int_equal(a.count, 2);
    assert_true(targets_equal(&a, &b));
    assert_int_equal(targets_arrange(&none, 2), 0);
    targets_release(&a);
    targets_release(&b);
}

static void the_lowest_priority_is_chosen(void **state)
{
    struct dns_record records[] = {
        {.target = "later", .priority = 20, .weight = 9, .port = 80},
        {.target = "b", .priority = 10, .weight = 3, .port = 81},
        {.target = "a", .priority = 10, .weight = 0, .port = 82},
        {.target = ".", .priority = 0, .weight = 0, .port = 83},
        {.target = "no-port", .priority = 0, .weight = 0, .port = 0},
    };
    assert_int_equal(targets_choose_services(records, 5), 2);
    assert_string_equal(records[0].target, "a");
    assert_int_equal(records[0].weight, 1);
    assert_string_equal(records[1].target, "b");
    assert_int_equal(records[1].weight, 3);
    assert_int_equal(targets_choose_services(records, 0), 0);
}

static void large_weights_keep_their_proportions(void **state)
{
    struct dns_record records[] = {
        {.target = "a", .weight = 65535, .port = 80},
        {.target = "b", .weight = 32768, .port = 80},
        {.target = "c", .weight = 1, .port = 80},
    };
    assert_int_equal(targets_choose_services(records, 3), 3);
    assert_int_equal(records[0].weight, TARGET_WEIGHT);
    assert_int_equal(records[1].weight, TARGET_WEIGHT / 2);
    assert_int_equal(records[2].weight, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_does_not_matter),
        cmocka_unit_test(ports_and_weights_matter),
        cmocka_unit_test(what_is_too_much_is_cut),
        cmocka_unit_test(the_lowest_priority_is_chosen),
        cmocka_unit_test(large_weights_keep_their_proportions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
