/* SPDX-License-Identifier: MIT */
#include "lab/plan/experiment_fault.h"

#include <cjson/cJSON.h>

static enum result check_pause(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct fault_spec *fault = object;
    const struct cJSON *pause = conf_member(item, "pause");
    if (!pause && fault->config.kind == FAULT_PAUSE && !conf_member(item, "lasting"))
        return conf_fail(read, NULL,
                         "the fault lacks the length of its pause (expected \"pause\", or another "
                         "\"kind\")");
    if (!pause)
        return OK;
    if (fault->config.kind != FAULT_PAUSE)
        return conf_fail(read, pause,
                         "\"pause\" is the length of a pause, and this is a fault of the kind %s "
                         "(expected \"lasting\")",
                         fault_kind_names[fault->config.kind]);
    if (conf_member(item, "lasting"))
        return conf_fail(read, pause,
                         "\"pause\" and \"lasting\" say the same (expected one of them)");
    fault->config.lasting = fault->pause;
    return OK;
}

static const struct conf_key keys[] = {
    {.name = "name",
     .type = CONF_STRING,
     .offset = offsetof(struct fault_spec, config.name),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .meaning = "Stands in the records and the report; what is random about the fault goes by it."},
    {.name = "on",
     .type = CONF_STRING,
     .offset = offsetof(struct fault_spec, on),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .meaning = "\"@orders\" for every instance of a group of backends, \"@orders/0\" for one, or "
                "\"gateway\". What happens to bytes, connections or messages happens, for a "
                "backend, on a link between it and the gateway, and for the gateway on all its "
                "upstream connections."},
    {.name = "kind",
     .type = CONF_ENUM,
     .offset = offsetof(struct fault_spec, config.kind),
     .otherwise = "pause",
     .choices = fault_kind_names,
     .meaning = "What goes wrong." FAULT_KINDS_MEANING},
    {.name = "pause",
     .type = CONF_DIST,
     .offset = offsetof(struct fault_spec, pause),
     .meaning = "pause: how long the whole process stands still; another word for \"lasting\"."},
    {.name = "enabled",
     .type = CONF_BOOL,
     .offset = offsetof(struct fault_spec, enabled),
     .otherwise = "true",
     .meaning = "Whether it happens at all: for variants with it and without it."},
};

const struct conf_table experiment_fault_table = {
    .name = "fault of an experiment",
    .meaning = "Something that goes wrong on purpose, and where. Its times count from the start of "
               "the measured load; unless \"until\" says otherwise, it ends with it.",
    .size = sizeof(struct fault_spec),
    .keys = keys,
    .key_count = ARRAY_LEN(keys),
    .base = &fault_conf_table,
    .base_offset = offsetof(struct fault_spec, config),
    .check = check_pause,
    .item_offset = offsetof(struct fault_spec, item),
};
