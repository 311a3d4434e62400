/* SPDX-License-Identifier: MIT */
#include "lib/conf/doc.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/conf/duplicate.h"
#include "lib/conf/message.h"

static enum result parse_tree(struct conf_doc *doc, size_t length, struct error *error)
{
    struct conf_flaw flaw;
    struct conf_place *scanned;
    if (!conf_text_clean(doc->text, length, &flaw) || !conf_scan(doc->text, &scanned, &flaw))
        return conf_message(error, doc->name, doc->text, flaw.at, flaw.what);
    doc->root = cJSON_ParseWithLength(doc->text, length + 1);
    if (doc->root)
        conf_places_attach(doc->places, doc->root, scanned);
    free(scanned);
    if (!doc->root)
        return error_set(error, FAILED_SYSTEM, "%s: out of memory for its tree", doc->name);
    return conf_check_duplicates(doc, doc->root, error);
}

enum result conf_doc_parse(struct conf_doc **doc, const char *name, const char *text, size_t length,
                           struct error *error)
{
    struct conf_doc *made = mem_alloc(1, sizeof(*made));
    made->name = mem_text(name);
    made->text = mem_alloc(length + 1, 1);
    if (length)
        memcpy(made->text, text, length);
    made->places = mem_alloc(1, sizeof(*made->places));
    made->defaults = cJSON_CreateArray();
    enum result result = parse_tree(made, length, error);
    if (result == OK)
        *doc = made;
    else
        conf_doc_free(&made);
    return result;
}

enum result conf_doc_read(struct conf_doc **doc, const char *path, struct error *error)
{
    struct buf text = {0};
    struct error why, what;
    enum result result = buf_read_file(&text, path, &why);
    if (result == FAILED_INPUT) {
        error_set(&what, result, "%s (expected a configuration file)", why.text);
        conf_message(error, path, "", 0, what.text);
    } else if (result != OK)
        *error = why;
    else
        result = conf_doc_parse(doc, path, buf_head(&text), buf_len(&text), error);
    buf_free(&text);
    return result;
}

void conf_doc_free(struct conf_doc **doc)
{
    struct conf_doc *dead = *doc;
    *doc = NULL;
    if (!dead)
        return;
    cJSON_Delete(dead->root);
    cJSON_Delete(dead->defaults);
    conf_places_free(dead->places);
    free(dead->places);
    free(dead->text);
    free(dead->name);
    free(dead);
}

const char *conf_doc_name(const struct conf_doc *doc)
{
    return doc->name;
}

const char *conf_doc_text(const struct conf_doc *doc)
{
    return doc->text;
}

struct cJSON *conf_doc_root(const struct conf_doc *doc)
{
    return doc->root;
}

/* cJSON keeps no parents: walks down until it meets the item. */
static const struct conf_place *find_below(const struct conf_doc *doc, const cJSON *tree,
                                           const cJSON *item, const struct conf_place *nearest)
{
    const struct conf_place *known = conf_places_get(doc->places, tree);
    if (known)
        nearest = known;
    if (tree == item)
        return nearest;
    for (const cJSON *child = tree->child; child; child = child->next) {
        const struct conf_place *place = find_below(doc, child, item, nearest);
        if (place)
            return place;
    }
    return NULL;
}

const struct conf_place *conf_doc_place(const struct conf_doc *doc, const cJSON *item)
{
    const struct conf_place *place = conf_places_get(doc->places, item);
    return place ? place : find_below(doc, doc->root, item, NULL);
}

static struct conf_place place_or_root(const struct conf_doc *doc, const cJSON *item)
{
    const struct conf_place *place = conf_doc_place(doc, item);
    return place ? *place : *conf_places_get(doc->places, doc->root);
}

void conf_doc_alias(struct conf_doc *doc, const cJSON *replacement, const cJSON *original)
{
    conf_places_copy(doc->places, replacement, original, place_or_root(doc, original));
}

void conf_doc_keep(const struct conf_doc *doc, cJSON *tree, struct conf_place nearest)
{
    conf_places_copy(doc->places, tree, NULL, nearest);
    cJSON_AddItemToArray(doc->defaults, tree);
}

enum result conf_doc_fail(const struct conf_doc *doc, size_t offset, struct error *error,
                          const char *format, va_list args)
{
    struct error what;
    vsnprintf(what.text, sizeof(what.text), format, args);
    return conf_message(error, doc->name, doc->text, offset, what.text);
}

enum result conf_error_at(const struct conf_doc *doc, const cJSON *item, struct error *error,
                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum result result = conf_doc_fail(doc, place_or_root(doc, item).value, error, format, args);
    va_end(args);
    return result;
}
