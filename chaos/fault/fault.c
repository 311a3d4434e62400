/* SPDX-License-Identifier: MIT */
#include "chaos/fault/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "chaos/fault/schedule.h"

/* ---- the tables */

#define ROW(id, name, toxic, class, stream, meaning) \
    [FAULT_##id] = {name, toxic, FAULT_CLASS_##class, FAULT_STREAM_##stream, meaning},
static const struct fault_row rows[FAULT_COUNT] = {FAULTS(ROW)};
#undef ROW

#define NAME(id, name, ...) name,
const char *const fault_kind_names[] = {FAULTS(NAME) NULL};
static const char *const stream_names[] = {FAULT_STREAMS(NAME) NULL};
static const char *const per_names[] = {FAULT_PERS(NAME) NULL};
#undef NAME

#define CONDITION(member, ...) #member,
static const char *const condition_names[] = {FAULT_CONDITIONS(CONDITION) "match", "per", NULL};
#undef CONDITION

struct parameter_row {
    const char *name;
    enum conf_type type;
    const char *otherwise;
    const char *unit;
    uint64_t taken_by, needed_by;
};

#define PARAMETER(member, type, ctype, otherwise, min, max, unit, taken, needed, meaning) \
    {#member, type, otherwise, unit, taken, needed},
#define FIELD_PARAMETER(member, type, sub, taken, meaning) {#member, type, NULL, "", taken, 0},
static const struct parameter_row parameters[] = {FAULT_PARAMETERS(PARAMETER)
                                                      FAULT_FIELD_PARAMETERS(FIELD_PARAMETER)};
#undef PARAMETER
#undef FIELD_PARAMETER

/* ---- keys */

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

#define FIELD_KEY(member, kind, table, taken, text)   \
    {.name = #member,                                 \
     .type = kind,                                    \
     .offset = offsetof(struct fault_config, member), \
     .sub = table,                                    \
     .element = CONF_STRING,                          \
     .flags = CONF_NOT_EMPTY,                         \
     .meaning = text},

static const struct conf_key keys[] = {
    {.name = "kind",
     .type = CONF_ENUM,
     .offset = offsetof(struct fault_config, kind),
     .flags = CONF_REQUIRED,
     .choices = fault_kind_names,
     .meaning = "What goes wrong." FAULT_KINDS_MEANING},
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
    {.name = "match",
     .type = CONF_OBJECT,
     .offset = offsetof(struct fault_config, match),
     .sub = &fault_match_table,
     .meaning = "Which requests it is for."},
    {.name = "per",
     .type = CONF_ENUM,
     .offset = offsetof(struct fault_config, per),
     .choices = per_names,
     .meaning = "What is drawn for: each connection, or each request, which a fault on bytes then "
                "touches for as long as it is under way. Faults on messages are drawn for "
                "requests, the others for connections."},
    FAULT_CONDITIONS(CONDITION_KEY) FAULT_PARAMETERS(PARAMETER_KEY)
        FAULT_FIELD_PARAMETERS(FIELD_KEY)};
#undef FIELD_KEY
#undef PARAMETER_KEY
#undef CONDITION_KEY

/* ---- what keys cannot say */

static bool happens_at_once(const struct fault_config *fault)
{
    return fault->kind == FAULT_KILL || fault->kind == FAULT_TERM;
}

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
    const char *kind = fault_kind_names[fault->kind];
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        const struct parameter_row *row = &parameters[i];
        const cJSON *given = conf_member(item, row->name);
        uint64_t bit = UINT64_C(1) << fault->kind;
        if (given && !(row->taken_by & bit))
            return conf_fail(read, given, "\"%s\" is no parameter of %s (it takes %s)", row->name,
                             kind, list_taken(taken, sizeof(taken), (enum fault_kind)fault->kind));
        if (!given && row->needed_by & bit)
            return conf_fail(read, NULL, "%s lacks \"%s\": a fault without it would do nothing",
                             kind, row->name);
    }
    return OK;
}

/* What happens to a whole process happens to all that it carries. */
static enum result check_process(struct conf_read *read, const struct fault_config *fault,
                                 const cJSON *item)
{
    static const char *const unfit[] = {"stream",     "share", "ramp",  "first",
                                        "max_active", "ttl",   "match", "per"};
    const struct fault_row *row = &rows[fault->kind];
    if (row->class != FAULT_CLASS_PROCESSES)
        return OK;
    for (size_t i = 0; i < ARRAY_LEN(unfit); i++)
        if (conf_member(item, unfit[i]))
            return conf_fail(read, conf_member(item, unfit[i]),
                             "%s has no \"%s\": it happens to a whole process", row->name,
                             unfit[i]);
    const cJSON *lasting = conf_member(item, "lasting");
    if (lasting && happens_at_once(fault))
        return conf_fail(read, lasting,
                         "%s has no \"lasting\": it happens at once (\"restart_after\" says how "
                         "long the process is away)",
                         row->name);
    return OK;
}

static enum result check_schedule(struct conf_read *read, const struct fault_config *fault,
                                  const cJSON *item)
{
    if (fault->until.ns > 0 && fault->until.ns <= fault->from.ns)
        return conf_fail(read, conf_member(item, "until"),
                         "\"until\" does not come after \"from\": the fault would end before it "
                         "begins");
    if (!dist_is_zero(&fault->every) && dist_is_zero(&fault->lasting) && !happens_at_once(fault))
        return conf_fail(read, conf_member(item, "every"),
                         "\"every\" needs \"lasting\": a fault that does not end cannot begin "
                         "again");
    if (fault->every.kind == DIST_CONSTANT && !dist_is_zero(&fault->every) &&
        fault->every.a < (double)SCHEDULE_EVERY_LEAST.ns)
        return conf_fail(read, conf_member(item, "every"),
                         "\"every\" is below 100us: nothing can begin so often");
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
    else if (row->class == FAULT_CLASS_MESSAGES && fault->stream != (int)row->stream)
        return conf_fail(read, given, "%s has no \"stream\" but \"%s\"", row->name,
                         stream_names[row->stream]);
    return OK;
}

/* What is drawn for, and that it can be asked what "match" asks. */
static enum result check_per(struct conf_read *read, struct fault_config *fault, const cJSON *item)
{
    const struct fault_row *row = &rows[fault->kind];
    const cJSON *given = conf_member(item, "per");
    const cJSON *match = conf_member(item, "match");
    bool message = row->class == FAULT_CLASS_MESSAGES;
    if (!given)
        fault->per = message ? FAULT_PER_REQUEST : FAULT_PER_CONNECTION;
    if (message && fault->per != FAULT_PER_REQUEST)
        return conf_fail(read, given, "%s is about requests: it cannot be drawn per connection",
                         row->name);
    if (!message && fault->per == FAULT_PER_REQUEST && !(FAULTS_PER_REQUEST >> fault->kind & 1))
        return conf_fail(read, given,
                         "%s is about whole connections: it cannot be drawn per "
                         "request",
                         row->name);
    if (fault->per == FAULT_PER_CONNECTION && fault_match_asks_request(&fault->match))
        return conf_fail(read, match,
                         "a connection has no method, path, header or route to match: set \"per\" "
                         "to \"request\", or match by \"endpoint\" alone");
    return OK;
}

/* Parameters that have their type and bounds, and yet would do nothing. */
static enum result check_message(struct conf_read *read, const struct fault_config *fault,
                                 const cJSON *item)
{
    if (fault->kind == FAULT_TRUNCATE && fault->body_share >= 1)
        return conf_fail(read, conf_member(item, "body_share"),
                         "truncate with the whole \"body_share\" would cut nothing");
    if (fault->kind == FAULT_WRONG_LENGTH && fault->difference == 0)
        return conf_fail(read, conf_member(item, "difference"),
                         "wrong_length with a \"difference\" of 0 would change nothing");
    bool edits = fault->kind == FAULT_EDIT_REQUEST || fault->kind == FAULT_EDIT_RESPONSE;
    if (edits && fault->set.count + fault->add.count + fault->remove.count == 0)
        return conf_fail(read, NULL,
                         "%s lacks \"set\", \"add\" or \"remove\": a fault without "
                         "them would do nothing",
                         fault_kind_names[fault->kind]);
    const char *const *names = fault->remove.items;
    for (size_t i = 0; i < fault->remove.count; i++)
        if (fault_field_problem(names[i]))
            return conf_fail(read, conf_member(item, "remove"), "\"%.64s\" %s", names[i],
                             fault_field_problem(names[i]));
    return OK;
}

static void set_default_name(struct conf_read *read, struct fault_config *fault)
{
    char name[64];
    if (fault->name)
        return;
    int length = snprintf(name, sizeof(name), "%s_%s", fault_kind_names[fault->kind],
                          stream_names[fault->stream]);
    fault->name = arena_text(conf_read_arena(read), name, (size_t)length);
}

static enum result check_fault(struct conf_read *read, void *object, const cJSON *item)
{
    struct fault_config *fault = object;
    enum result result = check_stream(read, fault, item);
    if (result == OK)
        result = check_parameters(read, fault, item);
    if (result == OK)
        result = check_process(read, fault, item);
    if (result == OK)
        result = check_schedule(read, fault, item);
    if (result == OK)
        result = check_per(read, fault, item);
    if (result == OK)
        result = check_message(read, fault, item);
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

enum result fault_check_carried(struct conf_read *read, const struct fault_config *fault)
{
    const struct fault_row *row = &rows[fault->kind];
    if (row->class != FAULT_CLASS_PROCESSES)
        return OK;
    return conf_fail(read, conf_member(fault->item, "kind"),
                     "%s is done to a process, and not to connections: an experiment does it "
                     "(\"faults\" with \"on\")",
                     row->name);
}

const char *fault_problem_on_link(const struct fault_config *fault)
{
    if (fault_match_asks_gateway(&fault->match))
        return "\"route\", \"upstream\" and \"endpoint\" are known in a gateway alone: a link has "
               "none";
    return NULL;
}

enum result fault_parse(struct fault **out, const char *text, size_t length, const char *source,
                        struct error *error)
{
    struct fault *fault = mem_alloc(1, sizeof(*fault));
    enum result result = conf_doc_parse(&fault->doc, source, text, length, error);
    if (result == OK)
        result = conf_read(fault->doc, conf_doc_root(fault->doc), &fault_conf_table, &fault->config,
                           &fault->arena, error);
    if (result != OK) {
        fault_free(fault);
        return result;
    }
    *out = fault;
    return OK;
}

enum result fault_make(struct fault **fault, const cJSON *item, const char *source,
                       struct error *error)
{
    char *text = cJSON_PrintUnformatted(item);
    enum result result = fault_parse(fault, text, strlen(text), source, error);
    cJSON_free(text);
    return result;
}

void fault_free(struct fault *fault)
{
    if (!fault)
        return;
    conf_doc_free(&fault->doc);
    arena_free(&fault->arena);
    free(fault);
}
