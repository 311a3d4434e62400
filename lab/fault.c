/* SPDX-License-Identifier: MIT */
#include "lab/fault.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

/* What a key of a fault is called in a backend's pause. */
static const struct renaming {
    const char *fault, *pause;
} renamings[] = {
    {"name", "name"}, {"pause", "duration"}, {"every", "every"},
    {"from", "from"}, {"until", "until"},    {"count", "count"},
};

enum result faults_check(const struct variant *variant, struct error *error)
{
    const struct experiment *experiment = &variant->experiment;
    const struct fault_spec *faults = experiment->faults.items;
    for (size_t i = 0; i < experiment->faults.count; i++) {
        enum result result = experiment_check_reference(
            experiment, variant->doc, conf_member(faults[i].item, "on"), faults[i].on, error);
        if (result != OK)
            return result;
        if (faults[i].from.ns >= experiment->load.duration.ns)
            return conf_error_at(variant->doc, conf_member(faults[i].item, "from"), error,
                                 "the fault \"%s\" begins when the load has ended (expected from "
                                 "to be below load.duration)",
                                 faults[i].name);
    }
    return OK;
}

static bool is_aimed_at(const struct fault_spec *fault, const struct fault_target *target)
{
    char group[ENDPOINT_GROUP];
    int64_t instance;
    return experiment_split_reference(fault->on, group, sizeof(group), &instance) &&
           strcmp(group, target->group) == 0 && (instance < 0 || instance == target->instance);
}

static cJSON *make_pause(const struct fault_target *target, const struct fault_spec *fault)
{
    cJSON *pause = cJSON_CreateObject();
    conf_doc_alias(target->variant->doc, pause, fault->item);
    for (size_t i = 0; i < ARRAY_LEN(renamings); i++) {
        const cJSON *value = conf_member(fault->item, renamings[i].fault);
        if (!value)
            continue;
        cJSON *copy = cJSON_Duplicate(value, true);
        cJSON_AddItemToObject(pause, renamings[i].pause, copy);
        conf_doc_alias(target->variant->doc, copy, value);
    }
    if (fault->until.ns == 0) { /* the drain behind the load is not part of the experiment */
        char end[32];
        snprintf(end, sizeof(end), "%lldns",
                 (long long)target->variant->experiment.load.duration.ns);
        cJSON_DeleteItemFromObjectCaseSensitive(pause, "until");
        cJSON_AddStringToObject(pause, "until", end);
    }
    cJSON_AddBoolToObject(pause, "injected", true);
    return pause;
}

size_t faults_add(const struct fault_target *target)
{
    const struct experiment *experiment = &target->variant->experiment;
    const struct fault_spec *faults = experiment->faults.items;
    cJSON *pauses = cJSON_GetObjectItemCaseSensitive(target->config, "pauses");
    size_t added = 0;
    for (size_t i = 0; i < experiment->faults.count; i++) {
        if (!is_aimed_at(&faults[i], target))
            continue;
        if (!pauses)
            pauses = cJSON_AddArrayToObject(target->config, "pauses");
        if (!cJSON_IsArray(pauses))
            return 0; /* the backend's table says what is wrong with it */
        cJSON_AddItemToArray(pauses, make_pause(target, &faults[i]));
        added++;
    }
    return added;
}

void faults_remove(const struct fault_target *target, size_t added)
{
    cJSON *pauses = cJSON_GetObjectItemCaseSensitive(target->config, "pauses");
    for (; added > 0; added--) {
        cJSON *last = cJSON_DetachItemFromArray(pauses, cJSON_GetArraySize(pauses) - 1);
        cJSON_AddItemToArray(target->variant->detached, last);
    }
}
