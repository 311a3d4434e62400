/* SPDX-License-Identifier: MIT */
#include "lab/plan/links.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "chaos/config.h"
#include "lab/plan/fault.h"
#include "lib/base/memory.h"

/* What a link listens on, and what its API does: the system chooses a port. */
#define ANY_PORT "127.0.0.1:0"

/* Stands for an address that is not known yet. */
#define LATER "127.0.0.1:1"

static void add_link(struct variant *variant, cJSON *links, const char *group, int64_t instance)
{
    const struct conf_list *list = &variant->experiment.faults;
    const struct fault_spec *faults = list->items;
    cJSON *link = NULL, *on_link = NULL;
    for (size_t i = 0; i < list->count; i++) {
        if (fault_doer(&faults[i]) != FAULT_BY_LINK ||
            !fault_is_on_instance(&faults[i], group, instance))
            continue;
        if (!link) {
            char name[ENDPOINT_PROCESS];
            endpoint_process_name(name, sizeof(name), group, instance);
            link = cJSON_AddObjectToObject(links, name);
            conf_doc_alias(variant->doc, link, faults[i].item);
            cJSON_AddStringToObject(link, "listen", ANY_PORT);
            cJSON_AddStringToObject(link, "upstream", LATER);
            on_link = cJSON_AddArrayToObject(link, "faults");
        }
        fault_add_to(on_link, variant, &faults[i]);
    }
}

cJSON *links_make(struct variant *variant)
{
    const struct conf_list *groups = &variant->experiment.backends;
    const struct backend_spec *backends = groups->items;
    cJSON *config = cJSON_CreateObject();
    cJSON_AddItemToArray(variant->detached, config); /* whose nodes live as long as the document */
    cJSON_AddStringToObject(config, "name", LINKS_PROCESS);
    cJSON_AddStringToObject(config, "api", ANY_PORT);
    cJSON *links = cJSON_AddObjectToObject(config, "links");
    for (size_t i = 0; i < groups->count; i++)
        for (int64_t instance = 0; instance < backends[i].instances; instance++)
            add_link(variant, links, backends[i].name, instance);
    return links->child ? config : NULL;
}

enum result links_check(const struct variant *variant, const cJSON *links, struct error *error)
{
    struct arena arena = {0};
    struct chaos_config config;
    enum result result = conf_read(variant->doc, links, &chaos_conf_table, &config, &arena, error);
    arena_free(&arena);
    return result;
}

static struct endpoint_address *find(struct endpoint_address *book, size_t count,
                                     const char *process)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(book[i].process, process) == 0)
            return &book[i];
    return NULL;
}

static cJSON *links_of(const cJSON *config)
{
    return cJSON_GetObjectItemCaseSensitive(config, "links")->child;
}

void links_connect(cJSON *config, const struct endpoint_book *book)
{
    for (cJSON *link = links_of(config); link; link = link->next)
        cJSON_SetValuestring(cJSON_GetObjectItemCaseSensitive(link, "upstream"),
                             endpoint_address_of(book, link->string));
}

void links_take_place(const cJSON *config, const char *addresses, struct endpoint_address *book,
                      size_t count)
{
    const char *at = addresses + strcspn(addresses, " "); /* behind the API's */
    for (const cJSON *link = links_of(config); link; link = link->next) {
        at += strspn(at, " ");
        size_t length = strcspn(at, " ");
        struct endpoint_address *instance = find(book, count, link->string);
        snprintf(instance->address, sizeof(instance->address), "%.*s", (int)length, at);
        at += length;
    }
}
