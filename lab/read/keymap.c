/* SPDX-License-Identifier: MIT */
#include "lab/read/keymap.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "lib/base/memory.h"

#define BITS_EACH 16 /* of `seen`, to an entry */

static uint64_t *seen_word(const struct keymap *map, uint64_t key, uint64_t *bit)
{
    uint64_t number = key & (map->capacity * BITS_EACH - 1);
    *bit = UINT64_C(1) << (number % 64);
    return &map->seen[number / 64];
}

/* Where the key is, or belongs. */
static struct keymap_entry *place_of(const struct keymap *map, uint64_t key)
{
    size_t at = key & (map->capacity - 1);
    while (map->entries[at].value != KEYMAP_NONE && map->entries[at].key != key)
        at = (at + 1) & (map->capacity - 1);
    return &map->entries[at];
}

static void grow(struct keymap *map)
{
    struct keymap old = *map;
    map->capacity = old.capacity ? 2 * old.capacity : 1024;
    map->entries = mem_alloc(map->capacity, sizeof(*map->entries));
    for (size_t i = 0; i < map->capacity; i++)
        map->entries[i].value = KEYMAP_NONE;
    map->seen = mem_alloc(map->capacity * BITS_EACH / 64, sizeof(*map->seen));
    map->count = 0;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.entries[i].value != KEYMAP_NONE)
            keymap_add(map, old.entries[i].key, old.entries[i].value);
    keymap_free(&old);
}

void keymap_add(struct keymap *map, uint64_t key, uint32_t value)
{
    if (map->count * 3 >= map->capacity * 2)
        grow(map);
    struct keymap_entry *entry = place_of(map, key);
    if (entry->value != KEYMAP_NONE)
        return;
    uint64_t bit, *word = seen_word(map, key, &bit);
    *word |= bit;
    *entry = (struct keymap_entry){key, value};
    map->count++;
}

uint32_t keymap_find(const struct keymap *map, uint64_t key)
{
    uint64_t bit;
    if (map->count == 0 || !(*seen_word(map, key, &bit) & bit))
        return KEYMAP_NONE;
    return place_of(map, key)->value;
}

/* Requests that follow each other often have ids that do: those that differ in their last digit
 * alone are kept side by side, for then they are found in one place of the memory. */
bool keymap_trace_key(const char *text, size_t length, uint64_t *key)
{
    uint64_t parts[4];
    if (length != sizeof(parts))
        return false;
    memcpy(parts, text, sizeof(parts));
    unsigned char last = (unsigned char)text[length - 1];
    memset((char *)&parts[3] + sizeof(parts[3]) - 1, 0, 1);
    uint64_t most = hash_mix(parts[0] + 3 * parts[1]) ^ hash_mix(parts[2] + 5 * parts[3]);
    *key = most << 4 | ((last + (last >= 'a' ? 9u : 0u)) & 15);
    return true;
}

void keymap_free(struct keymap *map)
{
    free(map->entries);
    free(map->seen);
    *map = (struct keymap){0};
}
