/* SPDX-License-Identifier: MIT */
#include "lab/plan/experiment_fault.h"

#include <cjson/cJSON.h>

/* A file says when a process stands still, and for how long. */
static enum result check_replay(struct conf_read *read, struct fault_spec *fault,
                                const struct cJSON *item)
{
    static const char *const schedule_keys[] = {"every", "pause", "lasting", NULL};
    bool stands = fault->config.kind == FAULT_PAUSE || fault->config.kind == FAULT_STOP;
    if (fault->replay.file && !stands)
        return conf_fail(read, conf_member(item, "replay"),
                         "\"replay\" is about pauses, and this is a fault of the kind %s (expected "
                         "it with \"pause\" or \"stop\")",
                         fault_kind_names[fault->config.kind]);
    return pause_replay_check(read, &fault->replay, item, schedule_keys);
}

static enum result check_pause(struct conf_read *read, struct fault_spec *fault,
                               const struct cJSON *item)
{
    const struct cJSON *pause = conf_member(item, "pause");
    if (!pause && fault->config.kind == FAULT_PAUSE && !conf_member(item, "lasting") &&
        !fault->replay.file)
        return conf_fail(read, NULL,
                         "the fault lacks the length of its pause (expected \"pause\", a file to "
                         "\"replay\", or another \"kind\")");
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

static enum result check(struct conf_read *read, void *object, const struct cJSON *item)
{
    enum result result = check_replay(read, object, item);
    return result == OK ? check_pause(read, object, item) : result;
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
    PAUSE_REPLAY_KEYS(struct fault_spec, replay),
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
    .check = check,
    .item_offset = offsetof(struct fault_spec, item),
};
