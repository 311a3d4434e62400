/* SPDX-License-Identifier: MIT */
#include "lib/conf/keys.h"

#include <string.h>

static const struct conf_key *own_key(const struct conf_table *table, const char *name)
{
    for (size_t i = 0; i < table->key_count; i++)
        if (strcmp(table->keys[i].name, name) == 0)
            return &table->keys[i];
    return NULL;
}

const struct conf_key *conf_keys_next(struct conf_keys *keys, size_t *shift)
{
    const struct conf_table *table = keys->table, *base = table->base;
    *shift = 0;
    if (keys->next < table->key_count)
        return &table->keys[keys->next++];
    *shift = table->base_offset;
    while (base && keys->next < table->key_count + base->key_count) {
        const struct conf_key *key = &base->keys[keys->next++ - table->key_count];
        if (!own_key(table, key->name))
            return key;
    }
    return NULL;
}

const struct conf_key *conf_keys_find(const struct conf_table *table, const char *name)
{
    const struct conf_key *key = own_key(table, name);
    return !key && table->base ? own_key(table->base, name) : key;
}

size_t conf_keys_count(const struct conf_table *table)
{
    struct conf_keys keys = {.table = table};
    size_t count = 0, shift;
    while (conf_keys_next(&keys, &shift))
        count++;
    return count;
}
