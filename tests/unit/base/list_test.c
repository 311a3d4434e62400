/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/list.h"

struct item {
    int number;
    struct list link;
};

static int sum_in_order(const struct list *head)
{
    int digits = 0;
    list_foreach (node, head)
        digits = digits * 10 + list_entry(node, struct item, link)->number;
    return digits;
}

static void keeps_the_order(void **state)
{
    struct list head;
    struct item one = {.number = 1}, two = {.number = 2}, three = {.number = 3};
    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_first(&head));
    assert_null(list_pop_front(&head));
    list_push_back(&head, &two.link);
    list_push_back(&head, &three.link);
    list_push_front(&head, &one.link);
    assert_int_equal(sum_in_order(&head), 123);
    list_remove(&two.link);
    list_remove(&two.link);
    assert_int_equal(sum_in_order(&head), 13);
    list_insert_before(&three.link, &two.link);
    assert_int_equal(sum_in_order(&head), 123);
    assert_ptr_equal(list_pop_front(&head), &one.link);
    assert_true(list_empty(&one.link));
    assert_ptr_equal(list_first(&head), &two.link);
}

static void members_may_leave_while_it_is_walked(void **state)
{
    struct list head;
    struct item items[5];
    list_init(&head);
    for (int i = 0; i < 5; i++) {
        items[i].number = i + 1;
        list_push_back(&head, &items[i].link);
    }
    list_foreach_safe (node, &head) {
        if (list_entry(node, struct item, link)->number % 2)
            list_remove(node);
    }
    assert_int_equal(sum_in_order(&head), 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order),
        cmocka_unit_test(members_may_leave_while_it_is_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
