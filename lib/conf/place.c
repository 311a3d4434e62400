/* SPDX-License-Identifier: MIT */
#include "lib/conf/place.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

#define FIRST_CAPACITY 64 /* a power of two, as are all capacities */

struct conf_places_entry {
    const cJSON *item; /* NULL = free */
    struct conf_place place;
};

/* Fibonacci hashing: the multiplier is 2^64 divided by the golden ratio. */
static size_t hash(const cJSON *item)
{
    return (size_t)(((uint64_t)(uintptr_t)item * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

/* The entry of the item, or the free one where it would go. */
static struct conf_places_entry *find_entry(const struct conf_places *places, const cJSON *item)
{
    size_t mask = places->capacity - 1;
    size_t i = hash(item) & mask;
    while (places->entries[i].item && places->entries[i].item != item)
        i = (i + 1) & mask;
    return &places->entries[i];
}

static void grow(struct conf_places *places)
{
    struct conf_places old = *places;
    places->capacity = old.capacity ? old.capacity * 2 : FIRST_CAPACITY;
    places->entries = mem_alloc(places->capacity, sizeof(*places->entries));
    for (size_t i = 0; i < old.capacity; i++)
        if (old.entries[i].item)
            *find_entry(places, old.entries[i].item) = old.entries[i];
    free(old.entries);
}

static void set_place(struct conf_places *places, const cJSON *item, struct conf_place place)
{
    if (places->count * 2 >= places->capacity)
        grow(places);
    struct conf_places_entry *entry = find_entry(places, item);
    places->count += entry->item == NULL;
    *entry = (struct conf_places_entry){item, place};
}

void conf_places_free(struct conf_places *places)
{
    free(places->entries);
    *places = (struct conf_places){0};
}

const struct conf_place *conf_places_get(const struct conf_places *places, const cJSON *item)
{
    if (places->capacity == 0)
        return NULL;
    const struct conf_places_entry *entry = find_entry(places, item);
    return entry->item ? &entry->place : NULL;
}

/* Returns the place behind the last one used. */
static const struct conf_place *attach(struct conf_places *places, const cJSON *item,
                                       const struct conf_place *next)
{
    set_place(places, item, *next++);
    for (const cJSON *child = item->child; child; child = child->next)
        next = attach(places, child, next);
    return next;
}

void conf_places_attach(struct conf_places *places, const cJSON *tree,
                        const struct conf_place *scanned)
{
    attach(places, tree, scanned);
}

/* The member of `original` that `child` stands for. Copies keep the order, so that the member of
 * the same ordinal, `same`, is nearly always the one. */
static const cJSON *counterpart(const cJSON *original, const cJSON *child, const cJSON *same)
{
    if (!child->string || (same && same->string && strcmp(child->string, same->string) == 0))
        return same;
    return cJSON_GetObjectItemCaseSensitive(original, child->string);
}

void conf_places_copy(struct conf_places *places, const cJSON *tree, const cJSON *original,
                      struct conf_place nearest)
{
    const struct conf_place *known = original ? conf_places_get(places, original) : NULL;
    struct conf_place own = known ? *known : nearest;
    const cJSON *same = original ? original->child : NULL;
    set_place(places, tree, own);
    for (const cJSON *child = tree->child; child; child = child->next) {
        conf_places_copy(places, child, counterpart(original, child, same), own);
        same = same ? same->next : NULL;
    }
}
