/* SPDX-License-Identifier: MIT */
#include "lab/analysis/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/rng.h"

#define MANY 5000

static int by_value(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

/* Many alike when `range` is small, and negative ones too. */
static void fill(int64_t *values, uint64_t seed, uint64_t range)
{
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t i = 0; i < MANY; i++)
        values[i] = (int64_t)rng_below(&rng, range) - (int64_t)(range / 3);
}

static const uint64_t ranges[] = {1, 2, 300, 70000, UINT64_C(1) << 41, UINT64_C(1) << 62};
#define RANGES (sizeof(ranges) / sizeof(ranges[0]))

static void test_values_come_in_order(void **state)
{
    static int64_t values[MANY], expected[MANY];
    for (size_t i = 0; i < RANGES; i++) {
        fill(values, i, ranges[i]);
        memcpy(expected, values, sizeof(values));
        qsort(expected, MANY, sizeof(*expected), by_value);
        order_values(values, MANY);
        assert_memory_equal(values, expected, sizeof(values));
    }
}

static void test_extreme_values(void **state)
{
    int64_t values[] = {0, INT64_MAX, -1, INT64_MIN, 1};
    const int64_t expected[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    order_values(values, 5);
    assert_memory_equal(values, expected, sizeof(values));
    order_values(values, 0);
}

static void test_equal_keys_stay_as_they_stand(void **state)
{
    static int64_t values[MANY];
    static struct order_item items[MANY];
    fill(values, 9, 300);
    for (size_t i = 0; i < MANY; i++)
        items[i] = (struct order_item){values[i], (uint32_t)i};
    order_sort(items, MANY);
    for (size_t i = 1; i < MANY; i++) {
        assert_true(items[i - 1].key <= items[i].key);
        assert_true(items[i - 1].key < items[i].key || items[i - 1].index < items[i].index);
    }
}

static void test_elements_follow_their_order(void **state)
{
    static int64_t values[MANY], expected[MANY];
    static struct order_item items[MANY];
    struct element {
        int64_t value;
        char more[21];
    };
    static struct element elements[MANY];
    fill(values, 4, UINT64_C(1) << 41);
    for (size_t i = 0; i < MANY; i++) {
        elements[i].value = expected[i] = values[i];
        memset(elements[i].more, (int)(values[i] & 127), sizeof(elements[i].more));
        items[i] = (struct order_item){values[i], (uint32_t)i};
    }
    qsort(expected, MANY, sizeof(*expected), by_value);
    order_sort(items, MANY);
    order_apply(elements, sizeof(*elements), items, MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(elements[i].value, expected[i]);
        assert_int_equal(elements[i].more[20], expected[i] & 127);
    }
}

static void test_each_rank(void **state)
{
    static int64_t values[MANY], expected[MANY];
    const size_t ranks[] = {0, 1, MANY / 2, MANY * 99 / 100, MANY - 2, MANY - 1};
    for (size_t i = 0; i < RANGES; i++) {
        fill(expected, i, ranges[i]);
        memcpy(values, expected, sizeof(values));
        qsort(expected, MANY, sizeof(*expected), by_value);
        for (size_t n = 0; n < sizeof(ranks) / sizeof(ranks[0]); n++)
            assert_int_equal(order_at(values, MANY, ranks[n]), expected[ranks[n]]);
    }
}

static void test_ranks_of_few(void **state)
{
    for (size_t count = 1; count <= 6; count++)
        for (size_t rank = 0; rank < count; rank++)
            for (uint32_t order = 0; order < 46656; order += 7) {
                int64_t values[6], sorted[6];
                uint32_t left = order;
                for (size_t i = 0; i < count; i++, left /= 6)
                    sorted[i] = values[i] = left % 6;
                qsort(sorted, count, sizeof(*sorted), by_value);
                assert_int_equal(order_at(values, count, rank), sorted[rank]);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_come_in_order),
        cmocka_unit_test(test_extreme_values),
        cmocka_unit_test(test_equal_keys_stay_as_they_stand),
        cmocka_unit_test(test_elements_follow_their_order),
        cmocka_unit_test(test_each_rank),
        cmocka_unit_test(test_ranks_of_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
