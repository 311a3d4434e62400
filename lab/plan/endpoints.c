/* SPDX-License-Identifier: MIT */
#include "lab/plan/endpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lib/base/memory.h"

struct expansion {
    const struct experiment *experiment;
    const struct endpoint_book *book;
    struct conf_doc *doc; /* or NULL */
    cJSON *detached;
    struct error *error;
};

void endpoint_process_name(char *out, size_t size, const char *group, int64_t instance)
{
    snprintf(out, size, "%s-%lld", group, (long long)instance);
}

/* The text that holds the placeholder, or NULL: an endpoint is an address or an object with one. */
static cJSON *reference_of(cJSON *endpoint)
{
    cJSON *text =
        cJSON_IsObject(endpoint) ? cJSON_GetObjectItemCaseSensitive(endpoint, "address") : endpoint;
    return cJSON_IsString(text) && text->valuestring[0] == '@' ? text : NULL;
}

struct endpoint_book endpoint_book_of_stand_ins(const struct experiment *experiment)
{
    const struct backend_spec *backends = experiment->backends.items;
    size_t total = 0, at = 0;
    for (size_t i = 0; i < experiment->backends.count; i++)
        total += (size_t)backends[i].instances;
    struct endpoint_address *addresses = mem_alloc(total, sizeof(*addresses));
    for (size_t i = 0; i < experiment->backends.count; i++)
        for (int64_t instance = 0; instance < backends[i].instances; instance++, at++) {
            struct endpoint_address *one = &addresses[at];
            endpoint_process_name(one->process, sizeof(one->process), backends[i].name, instance);
            snprintf(one->address, sizeof(one->address), "127.0.0.1:%zu", at + 1);
        }
    return (struct endpoint_book){addresses, total};
}

void endpoint_book_free(struct endpoint_book *book)
{
    free((void *)(uintptr_t)book->items);
    *book = (struct endpoint_book){0};
}

const char *endpoint_address_of(const struct endpoint_book *book, const char *process)
{
    for (size_t i = 0; i < book->count; i++)
        if (strcmp(book->items[i].process, process) == 0)
            return book->items[i].address;
    return "";
}

static void add_endpoint(const struct expansion *expansion, cJSON *list, cJSON *original,
                         const char *group, int64_t instance)
{
    char process[ENDPOINT_PROCESS];
    endpoint_process_name(process, sizeof(process), group, instance);
    cJSON *endpoint = cJSON_Duplicate(original, true);
    cJSON_SetValuestring(reference_of(endpoint), endpoint_address_of(expansion->book, process));
    if (expansion->doc)
        conf_doc_alias(expansion->doc, endpoint, original);
    cJSON_AddItemToArray(list, endpoint);
}

/* Moves an endpoint, or what it stands for, to the end of the list it was taken from. */
static enum result add_expanded(const struct expansion *expansion, cJSON *list, cJSON *endpoint)
{
    const cJSON *reference = reference_of(endpoint);
    if (!reference) {
        cJSON_AddItemToArray(list, endpoint);
        return OK;
    }
    cJSON_AddItemToArray(expansion->detached, endpoint);
    if (expansion->doc) {
        enum result result =
            experiment_check_reference(expansion->experiment, expansion->doc, reference,
                                       reference->valuestring, expansion->error);
        if (result != OK)
            return result;
    }
    char group[ENDPOINT_GROUP];
    int64_t instance;
    if (!experiment_split_reference(reference->valuestring, group, sizeof(group), &instance))
        return OK;
    const struct backend_spec *backend = experiment_backend(expansion->experiment, group);
    int64_t first = instance < 0 ? 0 : instance;
    int64_t last = instance < 0 ? backend->instances - 1 : instance;
    for (int64_t i = first; i <= last; i++)
        add_endpoint(expansion, list, endpoint, group, i);
    return OK;
}

static bool names(const cJSON *reference, const char *group, int64_t instance)
{
    char name[ENDPOINT_GROUP];
    int64_t number;
    return reference &&
           experiment_split_reference(reference->valuestring, name, sizeof(name), &number) &&
           strcmp(name, group) == 0 && (number < 0 || instance < 0 || number == instance);
}

bool endpoints_lead_to(const cJSON *gateway, const char *group, int64_t instance)
{
    const cJSON *upstream;
    cJSON *endpoint;
    cJSON_ArrayForEach(upstream, cJSON_GetObjectItemCaseSensitive(gateway, "upstreams"))
        cJSON_ArrayForEach(endpoint,
                           cJSON_GetObjectItemCaseSensitive(
                               upstream, "endpoints")) if (names(reference_of(endpoint), group,
                                                                 instance)) return true;
    return false;
}

static enum result expand_list(const struct expansion *expansion, cJSON *list)
{
    enum result result = OK;
    for (int left = cJSON_GetArraySize(list); left > 0 && result == OK; left--)
        result = add_expanded(expansion, list, cJSON_DetachItemFromArray(list, 0));
    return result;
}

/* A fault of the gateway may be for one endpoint. */
static enum result expand_match(const struct expansion *expansion, cJSON *fault)
{
    cJSON *match = cJSON_GetObjectItemCaseSensitive(fault, "match");
    cJSON *text = cJSON_GetObjectItemCaseSensitive(match, "endpoint");
    char group[ENDPOINT_GROUP], process[ENDPOINT_PROCESS];
    int64_t instance;
    if (!cJSON_IsString(text) || text->valuestring[0] != '@')
        return OK;
    enum result result = OK;
    if (expansion->doc)
        result = experiment_check_reference(expansion->experiment, expansion->doc, text,
                                            text->valuestring, expansion->error);
    if (result != OK ||
        !experiment_split_reference(text->valuestring, group, sizeof(group), &instance))
        return result;
    if (instance < 0 && experiment_backend(expansion->experiment, group)->instances > 1)
        return conf_error_at(expansion->doc, text, expansion->error,
                             "\"%s\" is more than one endpoint (expected \"%s/0\", for one)",
                             text->valuestring, text->valuestring);
    endpoint_process_name(process, sizeof(process), group, instance < 0 ? 0 : instance);
    cJSON_SetValuestring(text, endpoint_address_of(expansion->book, process));
    return OK;
}

static enum result expand_matches(const struct expansion *expansion, cJSON *gateway)
{
    cJSON *fault;
    cJSON_ArrayForEach(fault, cJSON_GetObjectItemCaseSensitive(gateway, "faults"))
    {
        enum result result = expand_match(expansion, fault);
        if (result != OK)
            return result;
    }
    return OK;
}

enum result endpoints_expand(cJSON *gateway, const struct experiment *experiment,
                             const struct endpoint_book *book, struct conf_doc *doc,
                             cJSON *detached, struct error *error)
{
    const struct expansion expansion = {experiment, book, doc, detached, error};
    cJSON *upstream;
    cJSON_ArrayForEach(upstream, cJSON_GetObjectItemCaseSensitive(gateway, "upstreams"))
    {
        cJSON *list = cJSON_GetObjectItemCaseSensitive(upstream, "endpoints");
        if (!cJSON_IsArray(list))
            continue;
        enum result result = expand_list(&expansion, list);
        if (result != OK)
            return result;
    }
    return expand_matches(&expansion, gateway);
}
