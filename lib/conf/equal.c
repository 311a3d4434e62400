/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "lib/conf/keys.h"
#include "lib/conf/type.h"

static bool texts_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool values_equal(enum conf_type type, const void *a, const void *b)
{
    switch (type) {
    case CONF_STRING:
    case CONF_ADDRESS:
        return texts_equal(*(const char *const *)a, *(const char *const *)b);
    case CONF_DIST:
        return false; /* it may hold a file's content */
    case CONF_RAW:
        return cJSON_Compare(*(const cJSON *const *)a, *(const cJSON *const *)b, true);
    default:
        return memcmp(a, b, conf_type_facts(type)->size) == 0;
    }
}

static bool lists_equal(const struct conf_key *key, const struct conf_list *a,
                        const struct conf_list *b)
{
    size_t size = key->sub ? key->sub->size : conf_type_facts(key->element)->size;
    bool equal = a->count == b->count;
    for (size_t i = 0; i < a->count && equal; i++) {
        const char *from = (const char *)a->items + i * size;
        const char *to = (const char *)b->items + i * size;
        equal = key->sub ? conf_equal(key->sub, from, to) : values_equal(key->element, from, to);
        if (key->type == CONF_MAP)
            equal = equal && values_equal(CONF_STRING, from + key->sub->name_offset,
                                          to + key->sub->name_offset);
    }
    return equal;
}

bool conf_key_equal(const struct conf_key *key, const void *a, const void *b)
{
    const void *from = (const char *)a + key->offset, *to = (const char *)b + key->offset;
    if (key->type == CONF_LIST || key->type == CONF_MAP)
        return lists_equal(key, from, to);
    if (key->type == CONF_OBJECT)
        return conf_equal(key->sub, from, to);
    return values_equal(key->type, from, to);
}

bool conf_equal(const struct conf_table *table, const void *a, const void *b)
{
    struct conf_keys keys = {.table = table};
    size_t shift;
    for (const struct conf_key *key; (key = conf_keys_next(&keys, &shift));)
        if (!conf_key_equal(key, (const char *)a + shift, (const char *)b + shift))
            return false;
    return true;
}
