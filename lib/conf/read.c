/* SPDX-License-Identifier: MIT */
#include "lib/conf/read.h"

#include <assert.h>
#include <string.h>

#include "lib/conf/keys.h"
#include "lib/conf/shape.h"
#include "lib/conf/type.h"
#include "lib/conf/value.h"

static enum result fill_defaults(struct conf_read *read, const struct conf_table *table,
                                 char *object);

/* A table that forgot to say CONF_NO_ITEM would have its first member overwritten. */
static void assert_table(const struct conf_table *table)
{
    for (size_t i = 0; i < table->key_count; i++)
        assert(table->keys[i].offset != table->item_offset);
}

const cJSON *conf_given(const struct conf_table *table, const struct conf_key *key,
                        const cJSON *item)
{
    if (cJSON_IsString(item))
        return strcmp(table->shorthand, key->name) == 0 ? item : NULL;
    return conf_member(item, key->name);
}

/* Objects, as members of lists and maps. */
static enum result read_entries(struct conf_read *read, const struct conf_key *key,
                                const cJSON *item, struct conf_list *list)
{
    char *entry = list->items;
    for (const cJSON *child = item->child; child; child = child->next) {
        const char *name = NULL;
        if (key->type == CONF_MAP)
            name = arena_text(read->arena, child->string, strlen(child->string));
        if (name && !*name)
            return conf_fail_key(read, child, "a name in \"%s\" is empty (expected text)",
                                 key->name);
        enum result result = conf_read_table(read, child, key->sub, entry, name);
        if (result != OK)
            return result;
        entry += key->sub->size;
    }
    return OK;
}

static enum result read_scalars(struct conf_read *read, const struct conf_key *key,
                                const cJSON *item, struct conf_list *list)
{
    struct conf_key element = *key;
    element.type = key->element;
    element.flags = CONF_ENTRY | (key->flags & CONF_NOT_EMPTY);
    char *entry = list->items;
    for (const cJSON *child = item->child; child; child = child->next) {
        enum result result = conf_value_read(read, &element, child, entry);
        if (result != OK)
            return result;
        entry += conf_type_facts(key->element)->size;
    }
    return OK;
}

static enum result read_list(struct conf_read *read, const struct conf_key *key, const cJSON *item,
                             struct conf_list *list)
{
    enum result result = conf_value_check_type(read, key, item);
    if (result != OK)
        return result;
    if (!item->child && (key->flags & CONF_NOT_EMPTY))
        return conf_value_fail(read, key, item, "at least one entry", "is empty");
    size_t size = key->sub ? key->sub->size : conf_type_facts(key->element)->size;
    list->count = (size_t)cJSON_GetArraySize(item);
    list->items = list->count ? arena_alloc(read->arena, list->count * size) : NULL;
    return key->sub ? read_entries(read, key, item, list) : read_scalars(read, key, item, list);
}

static enum result read_member(struct conf_read *read, const struct conf_key *key,
                               const cJSON *item, void *member)
{
    switch (key->type) {
    case CONF_OBJECT:
        return conf_read_table(read, item, key->sub, member, NULL);
    case CONF_LIST:
    case CONF_MAP:
        return read_list(read, key, item, member);
    default:
        return conf_value_read(read, key, item, member);
    }
}

/* A default is read as if it stood in the file, at the place of its object. */
static enum result read_default(struct conf_read *read, const struct conf_key *key, void *member)
{
    cJSON *tree = conf_default(key);
    if (!tree)
        return conf_fail(read, NULL, "the built-in default of \"%s\" cannot be read", key->name);
    bool keep = conf_type_facts(key->type)->points_back;
    if (keep)
        conf_doc_keep(read->doc, tree, conf_read_place(read, NULL));
    enum result result = read_member(read, key, tree, member);
    if (!keep)
        cJSON_Delete(tree);
    return result;
}

/* Whether an object can be left out and still mean something: its defaults. */
static bool has_defaults_alone(const struct conf_table *table)
{
    struct conf_keys keys = {.table = table};
    size_t shift;
    for (const struct conf_key *key; (key = conf_keys_next(&keys, &shift));)
        if (key->flags & CONF_REQUIRED)
            return false;
    return !table->one_key;
}

static enum result fill_default(struct conf_read *read, const struct conf_key *key, char *object)
{
    if (key->otherwise)
        return read_default(read, key, object + key->offset);
    if (key->type == CONF_OBJECT && has_defaults_alone(key->sub))
        return fill_defaults(read, key->sub, object + key->offset);
    return OK;
}

static enum result fill_defaults(struct conf_read *read, const struct conf_table *table,
                                 char *object)
{
    struct conf_keys keys = {.table = table};
    size_t shift;
    enum result result = OK;
    for (const struct conf_key *key; result == OK && (key = conf_keys_next(&keys, &shift));)
        result = fill_default(read, key, object + shift);
    return result;
}

static enum result read_absent(struct conf_read *read, const struct conf_table *table,
                               const struct conf_key *key, char *object)
{
    char expected[CONF_EXPECTED];
    if (key->flags & CONF_REQUIRED)
        return conf_fail(read, NULL, "%s lacks \"%s\" (expected %s)", table->name, key->name,
                         conf_expected(expected, key));
    return fill_default(read, key, object);
}

static enum result read_keys(struct conf_read *read, const struct conf_table *table,
                             const cJSON *item, char *object)
{
    struct conf_keys keys = {.table = table};
    size_t shift;
    for (const struct conf_key *key; (key = conf_keys_next(&keys, &shift));) {
        const cJSON *given = conf_given(table, key, item);
        enum result result = OK;
        if (given)
            result = read_member(read, key, given, object + shift + key->offset);
        else if (!table->one_key)
            result = read_absent(read, table, key, object + shift);
        if (result != OK)
            return result;
        if (given && table->one_key)
            *(int *)(void *)(object + table->which_offset) = (int)(key - table->keys);
    }
    return OK;
}

static enum result read_object(struct conf_read *read, const struct conf_table *table,
                               const cJSON *item, char *object)
{
    enum result result = conf_check_shape(read, table, item);
    if (result == OK)
        result = read_keys(read, table, item, object);
    if (result == OK && table->check)
        result = table->check(read, object, item);
    if (result == OK && table->base && table->base->check)
        result = table->base->check(read, object + table->base_offset, item);
    return result;
}

static void keep_item(const struct conf_table *table, char *object, const cJSON *item)
{
    if (table->item_offset != CONF_NO_ITEM)
        memcpy(object + table->item_offset, &item, sizeof(item));
    if (table->base)
        keep_item(table->base, object + table->base_offset, item);
}

enum result conf_read_table(struct conf_read *read, const cJSON *item,
                            const struct conf_table *table, void *object, const char *name)
{
    assert_table(table);
    memset(object, 0, table->size);
    char *members = object;
    keep_item(table, members, item);
    if (name)
        memcpy(members + table->name_offset, &name, sizeof(name));
    struct conf_frame frame = {item, read->frame};
    read->frame = &frame;
    enum result result = read_object(read, table, item, members);
    read->frame = frame.outer;
    return result;
}

enum result conf_read(const struct conf_doc *doc, const struct cJSON *item,
                      const struct conf_table *table, void *object, struct arena *arena,
                      struct error *error)
{
    struct conf_read read = {.doc = doc, .arena = arena, .error = error};
    return conf_read_table(&read, item, table, object, NULL);
}

const struct cJSON *conf_member(const struct cJSON *item, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(item, name);
}

struct arena *conf_read_arena(struct conf_read *read)
{
    return read->arena;
}
