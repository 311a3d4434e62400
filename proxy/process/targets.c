/* SPDX-License-Identifier: MIT */
#include "proxy/process/targets.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/memory.h"

void targets_add(struct targets *targets, const struct target *target)
{
    if (targets->count == targets->room) {
        targets->room = targets->room ? 2 * targets->room : 8;
        targets->items = mem_grow(targets->items, targets->room, sizeof(*targets->items));
    }
    targets->items[targets->count++] = *target;
}

void targets_release(struct targets *targets)
{
    free(targets->items);
    *targets = (struct targets){0};
}

static int compare_places(const struct target *a, const struct target *b)
{
    int order = memcmp(a->ip.bytes, b->ip.bytes, sizeof(a->ip.bytes));
    return order ? order : (a->port > b->port) - (a->port < b->port);
}

static int by_place(const void *left, const void *right)
{
    const struct target *a = left, *b = right;
    int order = compare_places(a, b);
    return order ? order : (a->weight < b->weight) - (a->weight > b->weight);
}

size_t targets_arrange(struct targets *targets, size_t limit)
{
    size_t kept = 0;
    if (targets->count == 0)
        return 0;
    qsort(targets->items, targets->count, sizeof(*targets->items), by_place);
    for (size_t i = 0; i < targets->count; i++)
        if (kept == 0 || compare_places(&targets->items[kept - 1], &targets->items[i]) != 0)
            targets->items[kept++] = targets->items[i];
    targets->count = kept < limit ? kept : limit;
    return kept - targets->count;
}

bool targets_equal(const struct targets *a, const struct targets *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (by_place(&a->items[i], &b->items[i]) != 0)
            return false;
    return true;
}

/* ---- services */

static int by_priority(const void *left, const void *right)
{
    const struct dns_record *a = left, *b = right;
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    int order = strcasecmp(a->target, b->target);
    return order ? order : (a->port > b->port) - (a->port < b->port);
}

static size_t drop_missing(struct dns_record *records, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (records[i].port != 0 && records[i].target[0] != '\0' &&
            strcmp(records[i].target, ".") != 0)
            records[kept++] = records[i];
    return kept;
}

size_t targets_choose_services(struct dns_record *records, size_t count)
{
    uint32_t heaviest = 0;
    size_t chosen = 0;
    count = drop_missing(records, count);
    if (count == 0)
        return 0;
    qsort(records, count, sizeof(*records), by_priority);
    while (chosen < count && records[chosen].priority == records[0].priority)
        chosen++;
    for (size_t i = 0; i < chosen; i++)
        heaviest = records[i].weight > heaviest ? records[i].weight : heaviest;
    for (size_t i = 0; i < chosen; i++) {
        uint32_t weight = records[i].weight;
        if (heaviest > TARGET_WEIGHT)
            weight = weight * TARGET_WEIGHT / heaviest;
        records[i].weight = (uint16_t)(weight ? weight : 1);
    }
    return chosen;
}
