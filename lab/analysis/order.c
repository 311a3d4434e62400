/* SPDX-License-Identifier: MIT */
#include "lab/analysis/order.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

/* Radix sort: byte by byte, from the last to the first. A byte that all keys share costs nothing.
 */
#define BYTES     sizeof(uint64_t)
#define BYTE_KEYS 256

typedef size_t counts[BYTES][BYTE_KEYS];

/* As an unsigned number of the same order. */
static uint64_t ordered(int64_t key)
{
    return (uint64_t)key ^ (UINT64_C(1) << 63);
}

static size_t byte_of(int64_t key, size_t number)
{
    return (ordered(key) >> (8 * number)) & (BYTE_KEYS - 1);
}

/* Turns how many have each value of a byte into where the first of them goes. */
static void place(size_t *byte)
{
    size_t next = 0;
    for (size_t i = 0; i < BYTE_KEYS; i++) {
        size_t count = byte[i];
        byte[i] = next;
        next += count;
    }
}

void order_sort(struct order_item *items, size_t count)
{
    if (count < 2)
        return;
    counts *bytes = mem_alloc(1, sizeof(*bytes));
    struct order_item *other = mem_alloc(count, sizeof(*other)), *from = items, *to = other;
    for (size_t i = 0; i < count; i++)
        for (size_t number = 0; number < BYTES; number++)
            (*bytes)[number][byte_of(items[i].key, number)]++;
    for (size_t number = 0; number < BYTES; number++) {
        size_t *byte = (*bytes)[number];
        if (byte[byte_of(items[0].key, number)] == count)
            continue;
        place(byte);
        for (size_t i = 0; i < count; i++)
            to[byte[byte_of(from[i].key, number)]++] = from[i];
        struct order_item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        memcpy(items, from, count * sizeof(*items));
    free(other);
    free(bytes);
}

/* Follows each circle of elements that take each other's places. */
void order_apply(void *elements, size_t size, struct order_item *items, size_t count)
{
    char *at = elements, *first = mem_alloc(1, size);
    for (size_t start = 0; start < count; start++) {
        size_t hole = start;
        memcpy(first, at + start * size, size);
        while (items[hole].index != start) {
            size_t next = items[hole].index;
            memcpy(at + hole * size, at + next * size, size);
            items[hole].index = (uint32_t)hole;
            hole = next;
        }
        memcpy(at + hole * size, first, size);
        items[hole].index = (uint32_t)hole;
    }
    free(first);
}

void order_values(int64_t *values, size_t count)
{
    struct order_item *items = mem_alloc(count + 1, sizeof(*items));
    for (size_t i = 0; i < count; i++)
        items[i].key = values[i];
    order_sort(items, count);
    for (size_t i = 0; i < count; i++)
        values[i] = items[i].key;
    free(items);
}

static void swap_values(int64_t *a, int64_t *b)
{
    int64_t value = *a;
    *a = *b;
    *b = value;
}

/* The middle one of three is left in the middle. */
static int64_t pivot_of(int64_t *low, int64_t *middle, int64_t *high)
{
    if (*middle < *low)
        swap_values(middle, low);
    if (*high < *middle)
        swap_values(high, middle);
    if (*middle < *low)
        swap_values(middle, low);
    return *middle;
}

/* Hoare's FIND ("Algorithm 65", Comm. ACM 4, 1961). */
int64_t order_at(int64_t *values, size_t count, size_t rank)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        int64_t pivot = pivot_of(&values[low], &values[low + (high - low) / 2], &values[high]);
        size_t left = low, right = high;
        while (left <= right) {
            while (values[left] < pivot)
                left++;
            while (values[right] > pivot)
                right--;
            if (left > right)
                break;
            swap_values(&values[left++], &values[right]);
            if (right == 0)
                break;
            right--;
        }
        if (rank > right && rank < left)
            break;
        if (rank <= right)
            high = right;
        else
            low = left;
    }
    return values[rank];
}
