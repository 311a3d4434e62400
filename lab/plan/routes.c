/* SPDX-License-Identifier: MIT */
#include "lab/plan/routes.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "lib/base/memory.h"

static const char *text(const cJSON *route, const char *key)
{
    const cJSON *item = conf_member(route, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* As the gateway records it: by its name, or else by what it matches, "GET example.com/path
 * {field}" (proxy/config/routing.c). Appends the text and its NUL. */
static void describe_route(struct buf *out, const cJSON *route)
{
    const char *name = text(route, "name"), *host = text(route, "host");
    const char *path = text(route, "path"), *exact = text(route, "exact");
    const cJSON *item;
    if (name) {
        buf_append(out, name, strlen(name) + 1);
        return;
    }
    cJSON_ArrayForEach(item, conf_member(route, "methods"))
        buf_printf(out, "%s%s", item->valuestring, item->next ? "," : " ");
    buf_printf(out, "%s%s%s", host ? host : "", exact ? "=" : "",
               exact  ? exact
               : path ? path
                      : "/");
    cJSON_ArrayForEach(item, conf_member(route, "headers")) buf_printf(out, " {%s}", item->string);
    buf_append(out, "", 1);
}

static bool is_listed(const cJSON *names, const char *name)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, names)
    {
        if (strcmp(item->valuestring, name) == 0)
            return true;
    }
    return false;
}

/* Adds the names of a variant's routes to a list of texts. */
static void list_routes(cJSON *names, const struct variant *variant)
{
    const cJSON *route, *gateway = conf_member(conf_doc_root(variant->doc), "gateway");
    cJSON_ArrayForEach(route, conf_member(gateway, "routes"))
    {
        struct buf name = {0};
        describe_route(&name, route);
        if (!is_listed(names, buf_head(&name)))
            cJSON_AddItemToArray(names, cJSON_CreateString(buf_head(&name)));
        buf_free(&name);
    }
}

static enum result refuse(const char *route, const cJSON *names, struct error *error)
{
    struct buf known = {0};
    const cJSON *item;
    cJSON_ArrayForEach(item, names)
        buf_printf(&known, "%s\"%s\"", item != names->child ? ", " : "", item->valuestring);
    buf_append(&known, "", 1);
    enum result result =
        error_set(error, FAILED_INPUT, "the gateway has no route \"%s\" (known ones: %s)", route,
                  (const char *)buf_head(&known));
    buf_free(&known);
    return result;
}

enum result routes_check(const struct plan *plan, const struct expectation *figure,
                         struct error *error)
{
    if (!figure->route[0])
        return OK;
    cJSON *names = cJSON_CreateArray();
    for (size_t i = 0; i < plan->variants.count; i++)
        if ((figure->variant < 0 || (size_t)figure->variant == i) && !plan->items[i].command)
            list_routes(names, &plan->variants.items[i]);
    enum result result = OK;
    if (names->child && !is_listed(names, figure->route))
        result = refuse(figure->route, names, error);
    cJSON_Delete(names);
    return result;
}
