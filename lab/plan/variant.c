/* SPDX-License-Identifier: MIT */
#include "lab/plan/variant.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/plan/gateway.h"
#include "lib/base/buf.h"
#include "lib/base/utf8.h"

#define MAX_VARIANTS 64

/* What may vary: the rest says how the run as a whole is made. */
static const char *const variable_parts[] = {"/backends", "/gateway", "/load", "/faults"};

static enum result check_axis(const struct conf_doc *doc, const struct cJSON *axis,
                              struct error *error)
{
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(variable_parts); i++) {
        size_t length = strlen(variable_parts[i]);
        known |= strncmp(axis->string, variable_parts[i], length) == 0 &&
                 (axis->string[length] == '/' || axis->string[length] == '\0');
    }
    if (!known)
        return conf_error_at(
            doc, axis, error,
            "\"%s\" cannot vary (expected a JSON Pointer into /backends, /gateway, "
            "/load or /faults)",
            axis->string);
    if (!cJSON_IsArray(axis) || cJSON_GetArraySize(axis) == 0)
        return conf_error_at(doc, axis, error,
                             "\"%s\" needs a list of values to try (expected at "
                             "least one)",
                             axis->string);
    const cJSON *value;
    cJSON_ArrayForEach(value, axis) for (
        const cJSON *earlier = axis->child; earlier != value;
        earlier = earlier->next) if (cJSON_Compare(earlier, value,
                                                   true)) return conf_error_at(doc, value, error,
                                                                               "this value is in "
                                                                               "the list already");
    return OK;
}

/* How many variants the file asks for. */
static enum result count_variants(const struct conf_doc *doc, const cJSON *axes, size_t *count,
                                  struct error *error)
{
    *count = 1;
    if (!axes)
        return OK;
    if (!cJSON_IsObject(axes))
        return conf_error_at(doc, axes, error,
                             "variants are written as an object (expected "
                             "{ \"/POINTER\": [ VALUE, ... ] })");
    const cJSON *axis;
    cJSON_ArrayForEach(axis, axes)
    {
        enum result result = check_axis(doc, axis, error);
        if (result != OK)
            return result;
        *count *= (size_t)cJSON_GetArraySize(axis);
        if (*count > MAX_VARIANTS)
            return conf_error_at(doc, axis, error,
                                 "these are more than %d variants (expected fewer values)",
                                 MAX_VARIANTS);
    }
    return OK;
}

/* The last name of a pointer, unescaped, and the pointer to its parent. */
static void split_pointer(const char *pointer, struct arena *arena, char **parent, char **last)
{
    const char *slash = strrchr(pointer, '/');
    *parent = arena_text(arena, pointer, (size_t)(slash - pointer));
    *last = arena_text(arena, slash + 1, strlen(slash + 1));
    char *to = *last;
    for (const char *from = *last; *from; from++) {
        bool escape = from[0] == '~' && (from[1] == '0' || from[1] == '1');
        *to++ = !escape ? *from : from[1] == '1' ? '/' : '~';
        from += escape;
    }
    *to = '\0';
}

void variant_put(struct variant *variant, cJSON *object, const char *key, cJSON *item)
{
    cJSON *old = cJSON_DetachItemFromObjectCaseSensitive(object, key);
    if (old)
        cJSON_AddItemToArray(variant->detached, old);
    if (item)
        cJSON_AddItemToObject(object, key, item);
}

static bool put_into_list(struct variant *variant, cJSON *list, const char *number, cJSON *value)
{
    size_t digits = strspn(number, "0123456789");
    if (digits == 0 || digits > 6 || number[digits] != '\0')
        return false;
    int index = atoi(number), size = cJSON_GetArraySize(list);
    if (index >= size)
        return false;
    cJSON_AddItemToArray(variant->detached, cJSON_DetachItemFromArray(list, index));
    cJSON_AddItemToArray(list, value);
    /* Those behind it go behind it again: some releases of cJSON refuse to insert. */
    for (int i = index; i < size - 1; i++)
        cJSON_AddItemToArray(list, cJSON_DetachItemFromArray(list, index));
    return true;
}

/* Moves a value out of the list of the axis to where the pointer says; moved, and not copied, it
 * keeps its place in the file. */
static enum result put_value(struct variant *variant, cJSON *axis, int which, struct error *error)
{
    char *parent_pointer, *last;
    split_pointer(axis->string, &variant->arena, &parent_pointer, &last);
    cJSON *parent = conf_pointer(conf_doc_root(variant->doc), parent_pointer);
    if (!parent)
        return conf_error_at(variant->doc, axis, error,
                             "nothing stands at \"%s\" (expected a JSON Pointer into this file)",
                             parent_pointer);
    cJSON *value = cJSON_DetachItemFromArray(axis, which);
    if (cJSON_IsObject(parent))
        variant_put(variant, parent, last, value);
    else if (!cJSON_IsArray(parent) || !put_into_list(variant, parent, last, value)) {
        cJSON_AddItemToArray(variant->detached, value);
        return conf_error_at(variant->doc, axis, error, "\"%s\" has no member \"%s\"",
                             parent_pointer, last);
    }
    return OK;
}

/* What an element of an axis really is: the value, or what stands beside its label. */
static const cJSON *inner_value(const cJSON *element, const char **label)
{
    const cJSON *named = conf_member(element, "label"), *value = conf_member(element, "value");
    bool labelled = cJSON_IsString(named) && value && cJSON_GetArraySize(element) == 2;
    *label = labelled ? named->valuestring : NULL;
    return labelled ? value : element;
}

/* Labels go to terminals, where a control character would drive them. */
static void append_label(struct buf *label, const char *pointer, const cJSON *element)
{
    const char *given;
    const cJSON *value = inner_value(element, &given);
    char name[64];
    if (buf_len(label) > 0)
        buf_append_text(label, ", ");
    if (!given && cJSON_IsString(value))
        given = value->valuestring;
    if (!given && strcmp(pointer, "/gateway") == 0)
        given = gateway_name(value, name, sizeof(name));
    if (given) {
        utf8_append_visible(label, given);
        return;
    }
    char *text = cJSON_PrintUnformatted(value);
    utf8_append_visible(label, text);
    cJSON_free(text);
}

/* Takes the text of a label out of a buffer. */
static char *take_label(struct buf *label, const char *otherwise)
{
    buf_append(label, "", 1);
    char *text = mem_text(buf_len(label) > 1 ? buf_head(label) : otherwise);
    buf_free(label);
    return text;
}

/* Moves an element out of its axis to where it belongs. */
static enum result put_element(struct variant *variant, cJSON *axis, int which, struct error *error)
{
    const char *label;
    cJSON *element = cJSON_GetArrayItem(axis, which);
    const cJSON *value = inner_value(element, &label);
    if (value != element) {
        cJSON *moved = cJSON_DetachItemFromObjectCaseSensitive(element, "value");
        cJSON_ReplaceItemInArray(axis, which, moved);
    }
    return put_value(variant, axis, which, error);
}

/* Chooses the values of variant `number`: the first axis turns slowest. */
static enum result put_values(struct variant *variant, size_t number, struct error *error)
{
    cJSON *axes = cJSON_GetObjectItemCaseSensitive(conf_doc_root(variant->doc), "variants");
    struct buf label = {0}, rest = {0}, gateway = {0};
    size_t block = 1;
    cJSON *axis;
    cJSON_ArrayForEach(axis, axes) block *= (size_t)cJSON_GetArraySize(axis);
    enum result result = OK;
    cJSON_ArrayForEach(axis, axes)
    {
        size_t values = (size_t)cJSON_GetArraySize(axis);
        block /= values;
        int which = (int)(number / block % values);
        const cJSON *element = cJSON_GetArrayItem(axis, which);
        const char *given;
        append_label(&label, axis->string, element);
        append_label(strcmp(axis->string, "/gateway") == 0 ? &gateway : &rest, axis->string,
                     element);
        cJSON_AddItemToObject(variant->values, axis->string,
                              cJSON_Duplicate(inner_value(element, &given), true));
        result = put_element(variant, axis, which, error);
        if (result != OK)
            break;
    }
    variant->label = take_label(&label, "baseline");
    variant->rest = take_label(&rest, "");
    variant->gateway = take_label(&gateway, "");
    return result;
}

static enum result read_variant(struct variant *variant, const struct variants *variants,
                                const char *name, size_t number, struct error *error)
{
    variant->values = cJSON_CreateObject();
    variant->detached = cJSON_CreateArray();
    enum result result =
        conf_doc_parse(&variant->doc, name, variants->text, variants->length, error);
    if (result == OK)
        result = put_values(variant, number, error);
    if (result == OK)
        result = conf_read(variant->doc, conf_doc_root(variant->doc), &experiment_conf_table,
                           &variant->experiment, &variant->arena, error);
    return result;
}

static void free_variant(struct variant *variant)
{
    free(variant->label);
    free(variant->rest);
    free(variant->gateway);
    cJSON_Delete(variant->values);
    cJSON_Delete(variant->detached);
    conf_doc_free(&variant->doc);
    arena_free(&variant->arena);
}

/* Reads the file as it stands, before anything varies: how many variants it asks for. */
static enum result read_base(const struct variants *variants, const char *name, size_t *count,
                             struct error *error)
{
    struct conf_doc *doc = NULL;
    struct experiment experiment;
    struct arena arena = {0};
    enum result result = conf_doc_parse(&doc, name, variants->text, variants->length, error);
    if (result == OK)
        result =
            conf_read(doc, conf_doc_root(doc), &experiment_conf_table, &experiment, &arena, error);
    if (result == OK)
        result = count_variants(doc, experiment.variants, count, error);
    arena_free(&arena);
    conf_doc_free(&doc);
    return result;
}

enum result variants_parse(struct variants *variants, const char *name, char *text, size_t length,
                           struct error *error)
{
    *variants = (struct variants){.text = text, .length = length};
    size_t count = 0;
    enum result result = read_base(variants, name, &count, error);
    if (result == OK)
        variants->items = mem_alloc(count, sizeof(*variants->items));
    while (result == OK && variants->count < count) {
        size_t number = variants->count++;
        result = read_variant(&variants->items[number], variants, name, number, error);
    }
    if (result != OK)
        variants_free(variants);
    return result;
}

enum result variants_read(struct variants *variants, const char *path, struct error *error)
{
    *variants = (struct variants){0};
    struct buf text = {0};
    enum result result = buf_read_file(&text, path, error);
    if (result != OK) {
        buf_free(&text);
        return result;
    }
    return variants_parse(variants, path, text.data, buf_len(&text), error);
}

void variants_free(struct variants *variants)
{
    for (size_t i = 0; i < variants->count; i++)
        free_variant(&variants->items[i]);
    free(variants->items);
    free(variants->text);
    *variants = (struct variants){0};
}
