/* SPDX-License-Identifier: MIT */
/* Sorting and ranks of whole numbers by the million: what qsort takes seconds for. */
#ifndef TAILGATE_LAB_ANALYSIS_ORDER_H
#define TAILGATE_LAB_ANALYSIS_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* Where an element stands that is to be sorted, and by what. */
struct order_item {
    int64_t key;
    uint32_t index;
};

/* By rising key; those with equal keys stay as they stand. Needs as much memory again. */
void order_sort(struct order_item *items, size_t count);

/* Brings `elements` of `size` bytes each into the order of items[].index, which is used up: each
 * index stands there once. */
void order_apply(void *elements, size_t size, struct order_item *items, size_t count);

/* By rising value. */
void order_values(int64_t *values, size_t count);

/* The value that would stand at `rank` if all were sorted, from 0 on and below `count`. Changes
 * their order. */
int64_t order_at(int64_t *values, size_t count, size_t rank);

#endif
