/* SPDX-License-Identifier: MIT */
#include "lab/plan/fault.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/plan/gateway.h"
#include "lab/run/machine.h"

enum fault_doer fault_doer(const struct fault_spec *fault)
{
    bool gateway = strcmp(fault->on, GATEWAY_TARGET) == 0;
    if (fault_row((enum fault_kind)fault->config.kind)->class != FAULT_CLASS_PROCESSES)
        return gateway ? FAULT_BY_GATEWAY : FAULT_BY_LINK;
    switch (fault->config.kind) {
    case FAULT_STOP_ACCEPTING:
        return FAULT_BY_BACKEND;
    case FAULT_DESCRIPTORS:
    case FAULT_PAUSE:
        return gateway ? FAULT_BY_LAB : FAULT_BY_BACKEND;
    default:
        return FAULT_BY_LAB;
    }
}

/* ---- checks */

static bool table_has(const struct conf_table *table, const char *name)
{
    for (size_t i = 0; table && i < table->key_count; i++)
        if (strcmp(table->keys[i].name, name) == 0)
            return true;
    return false;
}

static enum result check_target(const struct variant *variant, const struct fault_spec *fault,
                                const struct conf_table *proxy_table, struct error *error)
{
    const cJSON *on = conf_member(fault->item, "on");
    bool gateway = strcmp(fault->on, GATEWAY_TARGET) == 0;
    if (!gateway && fault->on[0] != '@')
        return conf_error_at(variant->doc, on, error,
                             "\"%s\" is nothing that a fault can be on (expected \"@GROUP\", "
                             "\"@GROUP/NUMBER\" or \"gateway\")",
                             fault->on);
    char group[ENDPOINT_GROUP];
    int64_t instance;
    const struct backend_spec *backend =
        experiment_split_reference(fault->on, group, sizeof(group), &instance)
            ? experiment_backend(&variant->experiment, group)
            : NULL;
    if (backend && backend_spec_is_command(backend) && fault_doer(fault) == FAULT_BY_BACKEND)
        return conf_error_at(variant->doc, on, error,
                             "another program does no %s to itself (expected a fault of another "
                             "kind; \"stop\" holds a process from outside)",
                             fault_kind_names[fault->config.kind]);
    if (!gateway)
        return experiment_check_reference(&variant->experiment, variant->doc, on, fault->on, error);
    if (fault_doer(fault) == FAULT_BY_BACKEND)
        return conf_error_at(variant->doc, on, error,
                             "only a backend does %s to itself (expected it to be on \"@GROUP\")",
                             fault_kind_names[fault->config.kind]);
    bool foreign = gateway_is_command(variant->experiment.gateway);
    if (fault_doer(fault) == FAULT_BY_GATEWAY && (foreign || !table_has(proxy_table, "faults")))
        return conf_error_at(variant->doc, on, error,
                             "this gateway takes no fault of the kind %s itself (expected it to be "
                             "on \"@GROUP\")",
                             fault_kind_names[fault->config.kind]);
    return OK;
}

/* A link that no connection passes would leave the fault without effect. */
static enum result check_way(const struct variant *variant, const struct fault_spec *fault,
                             const struct gateway_plan *command, struct error *error)
{
    char group[ENDPOINT_GROUP];
    int64_t instance;
    if (fault_doer(fault) != FAULT_BY_LINK ||
        !experiment_split_reference(fault->on, group, sizeof(group), &instance) ||
        (command ? gateway_leads_to(command, group, instance)
                 : endpoints_lead_to(variant->experiment.gateway, group, instance)))
        return OK;
    return conf_error_at(
        variant->doc, conf_member(fault->item, "on"), error,
        "no %s of the gateway leads to \"%s\", so that nothing would pass the fault "
        "(expected %s%s%s)",
        command ? "placeholder" : "endpoint", fault->on,
        command ? "its template to hold {" : "an endpoint \"", fault->on, command ? "}" : "\"");
}

static enum result check_times(const struct variant *variant, const struct fault_spec *fault,
                               struct error *error)
{
    if (fault->config.from.ns < variant->experiment.load.duration.ns)
        return OK;
    return conf_error_at(variant->doc, conf_member(fault->item, "from"), error,
                         "the fault \"%s\" begins when the load has ended (expected from to be "
                         "below load.duration)",
                         fault->config.name);
}

static enum result check_machine(const struct variant *variant, const struct fault_spec *fault,
                                 struct error *error)
{
    if (fault->config.kind != FAULT_STEAL_CPU || fault->config.cores <= machine_cores())
        return OK;
    return conf_error_at(variant->doc, conf_member(fault->item, "cores"), error,
                         "this machine has %d core%s (expected \"cores\" to be at most that)",
                         machine_cores(), machine_cores() == 1 ? "" : "s");
}

enum result faults_check(const struct variant *variant, const struct conf_table *proxy_table,
                         struct error *error)
{
    const struct conf_list *list = &variant->experiment.faults;
    const struct fault_spec *faults = list->items;
    enum result result = OK;
    for (size_t i = 0; i < list->count && result == OK; i++) {
        result = check_target(variant, &faults[i], proxy_table, error);
        if (result == OK)
            result = check_times(variant, &faults[i], error);
        if (result == OK)
            result = check_machine(variant, &faults[i], error);
    }
    return result;
}

enum result faults_check_ways(const struct variant *variant, const struct gateway_plan *command,
                              struct error *error)
{
    const struct conf_list *list = &variant->experiment.faults;
    const struct fault_spec *faults = list->items;
    enum result result = OK;
    for (size_t i = 0; i < list->count && result == OK; i++)
        result = check_way(variant, &faults[i], command, error);
    return result;
}

/* ---- who is meant */

bool fault_is_on_instance(const struct fault_spec *fault, const char *group, int64_t instance)
{
    char name[ENDPOINT_GROUP];
    int64_t number;
    return fault->enabled && experiment_split_reference(fault->on, name, sizeof(name), &number) &&
           strcmp(name, group) == 0 && (number < 0 || number == instance);
}

bool fault_is_on_process(const struct fault_spec *fault, const char *process)
{
    char name[ENDPOINT_GROUP];
    int64_t number;
    if (!fault->enabled)
        return false;
    if (!experiment_split_reference(fault->on, name, sizeof(name), &number))
        return strcmp(fault->on, process) == 0;
    const char *dash = strrchr(process, '-');
    size_t length = dash ? (size_t)(dash - process) : 0;
    if (!dash || strlen(name) != length || strncmp(name, process, length) != 0)
        return false;
    char instance[ENDPOINT_PROCESS];
    endpoint_process_name(instance, sizeof(instance), name, number);
    return number < 0 || strcmp(instance, process) == 0;
}

/* ---- as configurations have it */

static void add_copy(struct variant *variant, cJSON *object, const char *name, const cJSON *value)
{
    cJSON *copy = cJSON_Duplicate(value, true);
    cJSON_AddItemToObject(object, name, copy);
    conf_doc_alias(variant->doc, copy, value);
}

/* The drain behind the load is not part of the experiment. */
static void add_end(struct variant *variant, cJSON *object, const struct fault_spec *fault)
{
    char end[32];
    const cJSON *until = conf_member(fault->item, "until");
    snprintf(end, sizeof(end), "%lldns", (long long)variant->experiment.load.duration.ns);
    if (fault->config.until.ns > 0)
        add_copy(variant, object, "until", until);
    else
        cJSON_AddStringToObject(object, "until", end);
}

void fault_add_to(cJSON *list, struct variant *variant, const struct fault_spec *fault)
{
    cJSON *object = cJSON_CreateObject();
    conf_doc_alias(variant->doc, object, fault->item);
    for (const cJSON *member = fault->item->child; member; member = member->next)
        if (strcmp(member->string, "on") != 0 && strcmp(member->string, "enabled") != 0 &&
            strcmp(member->string, "until") != 0)
            add_copy(variant, object, member->string, member);
    add_end(variant, object, fault);
    cJSON_AddItemToArray(list, object);
}

/* What a key of a fault is called in a backend's pause. */
static const struct renaming {
    const char *fault, *pause;
} renamings[] = {
    {"name", "name"},   {"pause", "duration"}, {"lasting", "duration"}, {"every", "every"},
    {"from", "from"},   {"count", "count"},    {"replay", "replay"},    {"format", "format"},
    {"scale", "scale"}, {"loop", "loop"},      {"begin", "begin"},
};

static cJSON *make_pause(const struct fault_target *target, const struct fault_spec *fault)
{
    cJSON *pause = cJSON_CreateObject();
    conf_doc_alias(target->variant->doc, pause, fault->item);
    for (size_t i = 0; i < ARRAY_LEN(renamings); i++) {
        const cJSON *value = conf_member(fault->item, renamings[i].fault);
        if (value)
            add_copy(target->variant, pause, renamings[i].pause, value);
    }
    add_end(target->variant, pause, fault);
    cJSON_AddBoolToObject(pause, "injected", true);
    return pause;
}

/* The list of that name of a configuration, made when it is not there; NULL: it is no list, and the
 * backend's table says so. */
static cJSON *list_named(cJSON *config, const char *name)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(config, name);
    if (!list)
        list = cJSON_AddArrayToObject(config, name);
    return cJSON_IsArray(list) ? list : NULL;
}

static void add_one(const struct fault_target *target, const struct fault_spec *fault,
                    struct fault_additions *added)
{
    bool pause = fault->config.kind == FAULT_PAUSE;
    cJSON *list = list_named(target->config, pause ? "pauses" : "faults");
    if (!list)
        return;
    if (pause)
        cJSON_AddItemToArray(list, make_pause(target, fault));
    else
        fault_add_to(list, target->variant, fault);
    (*(pause ? &added->pauses : &added->faults))++;
}

struct fault_additions faults_add(const struct fault_target *target)
{
    const struct experiment *experiment = &target->variant->experiment;
    const struct fault_spec *faults = experiment->faults.items;
    struct fault_additions added = {0, 0};
    for (size_t i = 0; i < experiment->faults.count; i++)
        if (fault_doer(&faults[i]) == FAULT_BY_BACKEND &&
            fault_is_on_instance(&faults[i], target->group, target->instance))
            add_one(target, &faults[i], &added);
    return added;
}

static void remove_last(const struct fault_target *target, const char *name, size_t count)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(target->config, name);
    for (; count > 0; count--) {
        cJSON *last = cJSON_DetachItemFromArray(list, cJSON_GetArraySize(list) - 1);
        cJSON_AddItemToArray(target->variant->detached, last);
    }
}

void faults_remove(const struct fault_target *target, struct fault_additions added)
{
    remove_last(target, "pauses", added.pauses);
    remove_last(target, "faults", added.faults);
}
