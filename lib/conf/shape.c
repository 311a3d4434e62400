/* SPDX-License-Identifier: MIT */
#include "lib/conf/shape.h"

#include <stdlib.h>
#include <string.h>

#include "lib/conf/keys.h"
#include "lib/conf/message.h"
#include "lib/conf/type.h"

/* The caller frees it. */
static const char **key_names(const struct conf_table *table, size_t *count)
{
    struct conf_keys keys = {.table = table};
    const char **names = mem_alloc(conf_keys_count(table), sizeof(*names));
    size_t shift;
    *count = 0;
    for (const struct conf_key *key; (key = conf_keys_next(&keys, &shift));)
        names[(*count)++] = key->name;
    return names;
}

static enum result unknown_key(struct conf_read *read, const struct conf_table *table,
                               const cJSON *item)
{
    char key[CONF_QUOTE], list[CONF_NAMES];
    size_t count;
    const char **names = key_names(table, &count);
    const char *nearest = conf_nearest(item->string, names, count);
    conf_quote(key, item->string);
    conf_list_names(list, names, count);
    free(names);
    if (nearest)
        return conf_fail_key(read, item, "unknown key %s in %s (nearest known key \"%s\")", key,
                             table->name, nearest);
    return conf_fail_key(read, item, "unknown key %s in %s (expected %s)", key, table->name,
                         count ? list : "none");
}

static enum result check_kind(struct conf_read *read, const struct conf_table *table,
                              const cJSON *item)
{
    if (cJSON_IsObject(item) || (cJSON_IsString(item) && table->shorthand))
        return OK;
    if (table->shorthand)
        return conf_fail(read, item,
                         "%s must be an object or a string, not %s (expected {...}, or its \"%s\" "
                         "alone)",
                         table->name, conf_kind(item), table->shorthand);
    return conf_fail(read, item, "%s must be an object, not %s (expected {...})", table->name,
                     conf_kind(item));
}

static enum result check_names(struct conf_read *read, const struct conf_table *table,
                               const cJSON *item)
{
    bool outermost = read->frame->outer == NULL;
    for (const cJSON *child = item->child; child; child = child->next)
        if (!conf_keys_find(table, child->string) &&
            !(outermost && strcmp(child->string, CONF_SCHEMA_KEY) == 0))
            return unknown_key(read, table, child);
    return OK;
}

static enum result check_one_key(struct conf_read *read, const struct conf_table *table,
                                 const cJSON *item)
{
    const cJSON *first = item->child;
    if (cJSON_IsString(item) || (first && !first->next))
        return OK;
    if (first)
        return conf_fail_key(read, first->next, "%s has both \"%s\" and \"%s\" (expected only one)",
                             table->name, first->string, first->next->string);
    char list[CONF_NAMES];
    size_t count;
    const char **names = key_names(table, &count);
    conf_list_names(list, names, count);
    free(names);
    return conf_fail(read, item, "%s is empty (expected %s)", table->name, list);
}

enum result conf_check_shape(struct conf_read *read, const struct conf_table *table,
                             const cJSON *item)
{
    enum result result = check_kind(read, table, item);
    if (result == OK)
        result = check_names(read, table, item);
    if (result == OK && table->one_key)
        result = check_one_key(read, table, item);
    return result;
}
