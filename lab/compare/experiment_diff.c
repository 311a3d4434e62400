/* SPDX-License-Identifier: MIT */
#include "lab/compare/experiment_diff.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "lib/base/buf.h"
#include "lib/conf/conf.h"

/* Keys at the top that do not change what a round does. */
static const char *const passed_over[] = {"name",   "variants", "rounds",     "expect",
                                          "claims", "seed",     "investigate"};

struct side {
    struct conf_doc *doc;
    cJSON *values; /* of the variant: they stand in place of the file's */
};

struct diff {
    cJSON *list;
    struct side a, b;
};

static void side_read(struct side *side, const struct recorded_run *run, int variant)
{
    struct error ignored;
    const char *text = run->experiment ? run->experiment : "";
    if (conf_doc_parse(&side->doc, "experiment", text, strlen(text), &ignored) != OK)
        side->doc = NULL;
    side->values = cJSON_Parse(run->variants[variant].values);
}

static void side_free(struct side *side)
{
    conf_doc_free(&side->doc);
    cJSON_Delete(side->values);
}

static void add_text(cJSON *object, const char *key, const cJSON *value)
{
    char *text = value ? cJSON_PrintUnformatted(value) : NULL;
    cJSON_AddStringToObject(object, key, text ? text : "-");
    cJSON_free(text);
}

static void note(struct diff *diff, const char *where, const cJSON *a, const cJSON *b)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "where", where);
    add_text(entry, "a", a);
    add_text(entry, "b", b);
    cJSON_AddItemToArray(diff->list, entry);
}

static const cJSON *in_force(const struct side *side, const char *where, const cJSON *item)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(side->values, where);
    return value ? value : item;
}

static bool is_passed_over(const char *where, const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(passed_over) && !where[0]; i++)
        if (strcmp(passed_over[i], key) == 0)
            return true;
    return false;
}

static void compare(struct diff *diff, const char *where, const cJSON *a, const cJSON *b);

/* The same place in both, one step further down; the key is escaped as RFC 6901 says. */
static void compare_member(struct diff *diff, const char *where, const char *key, const cJSON *a,
                           const cJSON *b)
{
    struct buf path = {0};
    buf_printf(&path, "%s/", where);
    for (const char *at = key; *at; at++)
        buf_append_text(&path, *at == '~' ? "~0" : *at == '/' ? "~1" : (const char[]){*at, '\0'});
    buf_append(&path, "", 1);
    compare(diff, buf_head(&path), a, b);
    buf_free(&path);
}

static void compare_objects(struct diff *diff, const char *where, const cJSON *a, const cJSON *b)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, a) if (!is_passed_over(where, item->string)) compare_member(
        diff, where, item->string, item, cJSON_GetObjectItemCaseSensitive(b, item->string));
    cJSON_ArrayForEach(item, b) if (!is_passed_over(where, item->string) &&
                                    !cJSON_GetObjectItemCaseSensitive(a, item->string))
        compare_member(diff, where, item->string, NULL, item);
}

static void compare_lists(struct diff *diff, const char *where, const cJSON *a, const cJSON *b)
{
    int number = 0;
    for (const cJSON *one = a->child, *other = b->child; one;
         one = one->next, other = other->next) {
        char index[16];
        snprintf(index, sizeof(index), "%d", number++);
        compare_member(diff, where, index, one, other);
    }
}

static void compare(struct diff *diff, const char *where, const cJSON *a, const cJSON *b)
{
    a = in_force(&diff->a, where, a);
    b = in_force(&diff->b, where, b);
    if (cJSON_IsObject(a) && cJSON_IsObject(b))
        compare_objects(diff, where, a, b);
    else if (cJSON_IsArray(a) && cJSON_IsArray(b) && cJSON_GetArraySize(a) == cJSON_GetArraySize(b))
        compare_lists(diff, where, a, b);
    else if (!cJSON_Compare(a, b, true))
        note(diff, where, a, b);
}

/* A variant may set a key that the file does not have: the walk down the files does not meet it. */
static void compare_new_keys(struct diff *diff, const cJSON *values, const cJSON *done)
{
    const cJSON *value;
    cJSON *a = conf_doc_root(diff->a.doc), *b = conf_doc_root(diff->b.doc);
    cJSON_ArrayForEach(value, values)
    {
        const char *where = value->string;
        if (conf_pointer(a, where) || conf_pointer(b, where) ||
            (done && cJSON_GetObjectItemCaseSensitive(done, where)))
            continue;
        compare(diff, where, NULL, NULL);
    }
}

void experiment_diff(cJSON *list, const struct recorded_run *a, int a_variant,
                     const struct recorded_run *b, int b_variant)
{
    struct diff diff = {.list = list};
    side_read(&diff.a, a, a_variant);
    side_read(&diff.b, b, b_variant);
    if (diff.a.doc && diff.b.doc) {
        compare(&diff, "", conf_doc_root(diff.a.doc), conf_doc_root(diff.b.doc));
        compare_new_keys(&diff, diff.a.values, NULL);
        compare_new_keys(&diff, diff.b.values, diff.a.values);
    } else if (!a->experiment || !b->experiment || strcmp(a->experiment, b->experiment) != 0) {
        note(&diff, "", NULL, NULL);
    }
    if (a->seed && b->seed && strcmp(a->seed, b->seed) != 0) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "where", "/seed");
        cJSON_AddStringToObject(entry, "a", a->seed);
        cJSON_AddStringToObject(entry, "b", b->seed);
        cJSON_AddItemToArray(list, entry);
    }
    side_free(&diff.a);
    side_free(&diff.b);
}
