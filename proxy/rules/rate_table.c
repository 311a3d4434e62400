/* SPDX-License-Identifier: MIT */
#include "proxy/rules/rate_table.h"

#include <stdlib.h>

#include "lib/base/memory.h"

/* A key stands in one of so many slots behind the one it hashes to. With the table at most half
 * full, one key in 65,000 finds no place there. */
enum { REACH = 16 };

void rate_table_init(struct rate_table *table, size_t keys)
{
    size_t count = 2;
    while (count < 2 * keys)
        count *= 2;
    *table =
        (struct rate_table){.slots = mem_alloc(count, sizeof(*table->slots)), .mask = count - 1};
}

void rate_table_release(struct rate_table *table)
{
    free(table->slots);
    table->slots = NULL;
}

static struct rate_slot *slot_at(struct rate_table *table, uint64_t key, size_t i)
{
    return &table->slots[(key + i) & table->mask];
}

/* Takes the slot over if its key does not need it. Another worker may be about to use the bucket
 * for the key that is leaving: then one request counts for the wrong key. */
static bool claim(struct rate_slot *slot, const struct rate_rule *rule, uint64_t key, mono now)
{
    uint64_t old = atomic_load_explicit(&slot->key, memory_order_relaxed);
    if (old != 0 && !rate_is_fresh(rule, &slot->bucket, now))
        return false;
    return atomic_compare_exchange_strong(&slot->key, &old, key) || old == key;
}

struct rate_bucket *rate_table_find(struct rate_table *table, const struct rate_rule *rule,
                                    uint64_t key, mono now)
{
    size_t reach = table->mask < REACH ? table->mask + 1 : REACH;
    key = key ? key : 1;
    for (size_t i = 0; i < reach; i++)
        if (atomic_load_explicit(&slot_at(table, key, i)->key, memory_order_relaxed) == key)
            return &slot_at(table, key, i)->bucket;
    for (size_t i = 0; i < reach; i++)
        if (claim(slot_at(table, key, i), rule, key, now))
            return &slot_at(table, key, i)->bucket;
    return &table->rest;
}

void rate_table_carry(const struct rate_rule *from_rule, struct rate_table *from,
                      const struct rate_rule *to_rule, struct rate_table *to, mono now)
{
    rate_carry(from_rule, &from->rest, to_rule, &to->rest, now);
    for (size_t i = 0; i <= from->mask; i++) {
        struct rate_slot *slot = &from->slots[i];
        uint64_t key = atomic_load(&slot->key);
        if (key == 0 || rate_is_fresh(from_rule, &slot->bucket, now))
            continue;
        struct rate_bucket *bucket = rate_table_find(to, to_rule, key, now);
        if (bucket != &to->rest) /* of those without a place one cannot speak for all */
            rate_carry(from_rule, &slot->bucket, to_rule, bucket, now);
    }
}
