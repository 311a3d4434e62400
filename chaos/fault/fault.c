/* SPDX-License-Identifier: MIT */
#include "chaos/fault/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* ---- the tables */

#define ROW(id, name, toxic, class, stream, meaning) \
    [FAULT_##id] = {name, toxic, FAULT_CLASS_##class, FAULT_STREAM_##stream, meaning},
static const struct fault_row rows[FAULT_COUNT] = {FAULTS(ROW)};
#undef ROW

#define NAME(id, name, ...) name,
static const char *const kind_names[] = {FAULTS(NAME) NULL};
static const char *const stream_names[] = {FAULT_STREAMS(NAME) NULL};
#undef NAME

#define CONDITION(member, ...) #member,
static const char *const condition_names[] = {FAULT_CONDITIONS(CONDITION) NULL};
#undef CONDITION

struct parameter_row {
    const char *name;
    enum conf_type type;
    const char *otherwise;
    const char *unit;
    unsigned taken_by, needed_by;
};

#define PARAMETER(member, type, ctype, otherwise, min, max, unit, taken, needed, meaning) \
    {#member, type, otherwise, unit, taken, needed},
static const struct parameter_row parameters[] = {FAULT_PARAMETERS(PARAMETER)};
#undef PARAMETER

#define PARAMETER_KEY(member, kind, ctype, default_text, least, most, unit, taken, needed, text) \
    {.name = #member,                                                                            \
     .type = kind,                                                                               \
     .offset = offsetof(struct fault_config, member),                                            \
     .otherwise = default_text,                                                                  \
     .min = least,                                                                               \
     .max = most,                                                                                \
     .meaning = text},
#define CONDITION_KEY(member, kind, ctype, default_text, least, most, text) \
    PARAMETER_KEY(member, kind, ctype, default_text, least, most, "", 0, 0, text)

#define KIND_MEANING(id, name, toxic, class, stream, meaning) " " name ": " meaning
static const struct conf_key keys[] = {
    {.name = "kind",
     .type = CONF_ENUM,
     .offset = offsetof(struct fault_config, kind),
     .flags = CONF_REQUIRED,
     .choices = kind_names,
     .meaning = "What goes wrong." FAULTS(KIND_MEANING)},
    {.name = "name",
     .type = CONF_STRING,
     .offset = offsetof(struct fault_config, name),
     .flags = CONF_NOT_EMPTY,
     .meaning = "What the fault is called, unique on its link; the kind and the stream by "
                "default (latency_downstream)."},
    {.name = "stream",
     .type = CONF_ENUM,
     .offset = offsetof(struct fault_config, stream),
     .choices = stream_names,
     .meaning =
         "Which way the bytes travel that it touches: \"upstream\" to the server, "
         "\"downstream\" to the client. Without it blackhole, half_open and idle_close touch "
         "both, the others what goes downstream."},
    FAULT_CONDITIONS(CONDITION_KEY) FAULT_PARAMETERS(PARAMETER_KEY)};
#undef PARAMETER_KEY
#undef CONDITION_KEY
#undef KIND_MEANING

/* ---- what keys cannot say */

/* `"rate"` or `"latency", "jitter"`: what a kind takes. */
static const char *list_taken(char *out, size_t size, enum fault_kind kind)
{
    struct fault_parameter parameter;
    size_t length = 0;
    out[0] = '\0';
    for (size_t i = 0; fault_parameter_next(kind, &i, &parameter) && length < size;)
        length += (size_t)snprintf(out + length, size - length, "%s\"%s\"", length > 0 ? ", " : "",
                                   parameter.name);
    return length > 0 ? out : "none";
}

static enum result check_parameters(struct conf_read *read, const struct fault_config *fault,
                                    const cJSON *item)
{
    char taken[256];
    const char *kind = kind_names[fault->kind];
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        const struct parameter_row *row = &parameters[i];
        const cJSON *given = conf_member(item, row->name);
        unsigned bit = 1u << fault->kind;
        if (given && !(row->taken_by & bit))
            return conf_fail(read, given, "\"%s\" is no parameter of %s (it takes %s)", row->name,
                             kind, list_taken(taken, sizeof(taken), (enum fault_kind)fault->kind));
        if (!given && row->needed_by & bit)
            return conf_fail(read, NULL, "%s lacks \"%s\": a fault without it would do nothing",
                             kind, row->name);
    }
    return OK;
}

static enum result check_schedule(struct conf_read *read, const struct fault_config *fault,
                                  const cJSON *item)
{
    if (fault->until.ns > 0 && fault->until.ns <= fault->from.ns)
        return conf_fail(read, conf_member(item, "until"),
                         "\"until\" does not come after \"from\": the fault would end before it "
                         "begins");
    if (!dist_is_zero(&fault->every) && dist_is_zero(&fault->lasting))
        return conf_fail(read, conf_member(item, "every"),
                         "\"every\" needs \"lasting\": a fault that does not end cannot begin "
                         "again");
    if (fault->count > 0 && dist_is_zero(&fault->every))
        return conf_fail(read, conf_member(item, "count"),
                         "\"count\" needs \"every\": without it a fault begins once");
    return OK;
}

static enum result check_stream(struct conf_read *read, struct fault_config *fault,
                                const cJSON *item)
{
    const struct fault_row *row = &rows[fault->kind];
    const cJSON *given = conf_member(item, "stream");
    if (!given)
        fault->stream = (int)row->stream;
    else if (row->class == FAULT_CLASS_LISTENER && fault->stream != FAULT_STREAM_BOTH)
        return conf_fail(read, given, "%s has no \"stream\": it is about whole connections",
                         row->name);
    return OK;
}

static void set_default_name(struct conf_read *read, struct fault_config *fault)
{
    char name[64];
    if (fault->name)
        return;
    int length =
        snprintf(name, sizeof(name), "%s_%s", kind_names[fault->kind], stream_names[fault->stream]);
    fault->name = arena_text(conf_read_arena(read), name, (size_t)length);
}

static enum result check_fault(struct conf_read *read, void *object, const cJSON *item)
{
    struct fault_config *fault = object;
    enum result result = check_stream(read, fault, item);
    if (result == OK)
        result = check_parameters(read, fault, item);
    if (result == OK)
        result = check_schedule(read, fault, item);
    if (result == OK)
        set_default_name(read, fault);
    return result;
}

const struct conf_table fault_conf_table = {
    .name = "fault",
    .meaning = "Something that goes wrong on purpose.",
    .size = sizeof(struct fault_config),
    .keys = keys,
    .key_count = ARRAY_LEN(keys),
    .check = check_fault,
    .item_offset = offsetof(struct fault_config, item),
};

/* ---- looking things up */

const struct fault_row *fault_row(enum fault_kind kind)
{
    return &rows[kind];
}

const char *fault_stream_name(enum fault_stream stream)
{
    return stream_names[stream];
}

const char *fault_condition_name(size_t index)
{
    return condition_names[index];
}

enum fault_kind fault_named(const char *name)
{
    int kind = 0;
    while (kind < FAULT_COUNT && strcmp(rows[kind].name, name) != 0)
        kind++;
    return (enum fault_kind)kind;
}

bool fault_parameter_next(enum fault_kind kind, size_t *index, struct fault_parameter *parameter)
{
    for (; *index < ARRAY_LEN(parameters); (*index)++) {
        const struct parameter_row *row = &parameters[*index];
        if (!(row->taken_by >> kind & 1))
            continue;
        bool fine = kind == FAULT_SLICER && row->type == CONF_DIST;
        *parameter = (struct fault_parameter){.name = row->name,
                                              .type = row->type,
                                              .otherwise = row->otherwise,
                                              .unit = fine ? "us" : row->unit};
        (*index)++;
        return true;
    }
    return false;
}

/* ---- faults of their own */

enum result fault_make(struct fault **out, const cJSON *item, const char *source,
                       struct error *error)
{
    struct fault *fault = mem_alloc(1, sizeof(*fault));
    char *text = cJSON_PrintUnformatted(item);
    enum result result = conf_doc_parse(&fault->doc, source, text, strlen(text), error);
    if (result == OK)
        result = conf_read(fault->doc, conf_doc_root(fault->doc), &fault_conf_table, &fault->config,
                           &fault->arena, error);
    cJSON_free(text);
    if (result != OK) {
        fault_free(fault);
        return result;
    }
    *out = fault;
    return OK;
}

void fault_free(struct fault *fault)
{
    if (!fault)
        return;
    conf_doc_free(&fault->doc);
    arena_free(&fault->arena);
    free(fault);
}
