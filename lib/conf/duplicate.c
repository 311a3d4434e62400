/* SPDX-License-Identifier: MIT */
#include "lib/conf/duplicate.h"

#include <stdlib.h>
#include <string.h>

#include "lib/conf/message.h"

struct member {
    const cJSON *item;
    size_t ordinal;
};

static int compare_members(const void *a, const void *b)
{
    const struct member *left = a, *right = b;
    int order = strcmp(left->item->string, right->item->string);
    if (order != 0)
        return order;
    return left->ordinal < right->ordinal ? -1 : 1;
}

/* In sorted members: the one that comes first in the file of all that repeat another. */
static const struct member *find_repeated(const struct member *members, size_t count)
{
    const struct member *found = NULL;
    for (size_t i = 1; i < count; i++)
        if (strcmp(members[i - 1].item->string, members[i].item->string) == 0 &&
            (!found || members[i].ordinal < found->ordinal))
            found = &members[i];
    return found;
}

static enum result report(const struct conf_doc *doc, const struct member *repeated,
                          struct error *error)
{
    const struct conf_place *first = conf_places_get(doc->places, repeated[-1].item);
    const struct conf_place *second = conf_places_get(doc->places, repeated->item);
    size_t line, column;
    conf_text_position(doc->text, first->key, &line, &column);
    char key[CONF_QUOTE], what[CONF_QUOTE + 96];
    snprintf(what, sizeof(what), "key %s is given twice (expected once; first given at %zu:%zu)",
             conf_quote(key, repeated->item->string), line, column);
    return conf_message(error, doc->name, doc->text, second->key, what);
}

/* Sorted, so that a large object costs no more than it must. */
static enum result check_object(const struct conf_doc *doc, const cJSON *object,
                                struct error *error)
{
    size_t count = 0, capacity = (size_t)cJSON_GetArraySize(object);
    struct member *members = mem_alloc(capacity, sizeof(*members));
    for (const cJSON *item = object->child; item; item = item->next, count++)
        members[count] = (struct member){item, count};
    qsort(members, count, sizeof(*members), compare_members);
    const struct member *repeated = find_repeated(members, count);
    enum result result = repeated ? report(doc, repeated, error) : OK;
    free(members);
    return result;
}

enum result conf_check_duplicates(const struct conf_doc *doc, const cJSON *tree,
                                  struct error *error)
{
    if (cJSON_IsObject(tree) && tree->child) {
        enum result result = check_object(doc, tree, error);
        if (result != OK)
            return result;
    }
    for (const cJSON *child = tree->child; child; child = child->next) {
        enum result result = conf_check_duplicates(doc, child, error);
        if (result != OK)
            return result;
    }
    return OK;
}
