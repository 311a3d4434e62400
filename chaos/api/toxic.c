/* SPDX-License-Identifier: MIT */
#include "chaos/api/toxic.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "chaos/api/words.h"
#include "lib/base/units.h"

#define VALUE_TEXT 64

/* ---- errors */

bool api_fail(struct api_error *error, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    error->status = status;
    return false;
}

bool api_fail_body(struct api_error *error, const struct error *why)
{
    const char *text = why->text;
    for (int colons = 0; colons < 3 && text; colons++) {
        text = strchr(text, ':');
        text = text ? text + 1 : NULL;
    }
    return api_fail(error, 400, "bad request body: %s", text ? text + 1 : why->text);
}

const cJSON *body_member(const cJSON *body, const char *name)
{
    const cJSON *member = cJSON_GetObjectItem(body, name);
    return cJSON_IsNull(member) ? NULL : member;
}

/* ---- from the API to the configuration */

/* "1000ms": a number with its unit, as the configuration writes it. */
static cJSON *with_unit(double number, const char *unit)
{
    char text[VALUE_TEXT];
    bool whole = floor(number) == number && fabs(number) < 1e15;
    snprintf(text, sizeof(text), whole ? "%.0f%s" : "%.6f%s", number, unit);
    return cJSON_CreateString(text);
}

static cJSON *share_text(double share)
{
    char text[VALUE_TEXT];
    snprintf(text, sizeof(text), "%.12f%%", share * 100);
    return cJSON_CreateString(text);
}

static cJSON *parameter_value(const struct fault_parameter *parameter, const cJSON *given)
{
    if (!cJSON_IsNumber(given) || parameter->type == CONF_INT)
        return cJSON_Duplicate(given, true);
    if (parameter->type == CONF_SHARE)
        return share_text(given->valuedouble);
    return with_unit(given->valuedouble, parameter->unit);
}

static void put(cJSON *item, const char *name, cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(item, name);
    cJSON_AddItemToObject(item, name, value);
}

/* `fresh`: what is missing of one of Toxiproxy's own is zero. */
static bool put_attributes(cJSON *item, enum fault_kind kind, const cJSON *attributes, bool fresh,
                           struct api_error *error)
{
    struct fault_parameter parameter;
    if (attributes && !cJSON_IsObject(attributes))
        return api_fail(error, 400, "bad request body: \"attributes\" must be an object");
    for (size_t i = 0; fault_parameter_next(kind, &i, &parameter);) {
        const cJSON *given = body_member(attributes, parameter.name);
        if (given)
            put(item, parameter.name, parameter_value(&parameter, given));
        else if (fresh && fault_row(kind)->toxic)
            put(item, parameter.name, with_unit(0, parameter.unit));
    }
    return true;
}

static bool put_conditions(cJSON *item, const cJSON *body, struct api_error *error)
{
    const cJSON *toxicity = body_member(body, "toxicity");
    if (toxicity && !cJSON_IsNumber(toxicity))
        return api_fail(error, 400, "bad request body: \"toxicity\" must be a number");
    if (toxicity && !(toxicity->valuedouble >= 0 && toxicity->valuedouble <= 1))
        return api_fail(error, 400, "bad request body: \"toxicity\" is %g (expected 0 to 1)",
                        toxicity->valuedouble);
    const char *name;
    for (size_t i = 0; (name = fault_condition_name(i)); i++) {
        const cJSON *given = body_member(body, name);
        if (given)
            put(item, name, cJSON_Duplicate(given, true));
    }
    if (toxicity)
        put(item, "share", share_text(toxicity->valuedouble));
    return true;
}

static struct fault *make(const cJSON *item, struct api_error *error)
{
    struct error why;
    struct fault *fault = NULL;
    if (fault_make(&fault, item, "toxic", &why) != OK) {
        api_fail_body(error, &why);
        return NULL;
    }
    const char *problem = fault_problem_on_link(&fault->config);
    if (!problem)
        return fault;
    fault_free(fault);
    api_fail(error, 400, "bad request body: %s", problem);
    return NULL;
}

static const char *text_member(const cJSON *body, const char *name)
{
    const cJSON *member = body_member(body, name);
    return member && member->valuestring ? member->valuestring : "";
}

static bool texts_are_texts(const cJSON *body, struct api_error *error)
{
    static const char *const names[] = {"name", "type", "stream"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const cJSON *member = body_member(body, names[i]);
        if (member && !cJSON_IsString(member))
            return api_fail(error, 400, "bad request body: \"%s\" must be a string", names[i]);
        if (member && strlen(member->valuestring) >= API_NAME)
            return api_fail(error, 400, "bad request body: \"%s\" is too long", names[i]);
    }
    return true;
}

/* Which way: Toxiproxy's own go downstream unless told otherwise, ours by their table. */
static bool put_stream(cJSON *item, enum fault_kind kind, const char *given,
                       struct api_error *error)
{
    const char *stream = fault_stream_name(fault_row(kind)->stream);
    if (*given) {
        int at = 0;
        while (at < FAULT_STREAM_COUNT &&
               strcasecmp(given, fault_stream_name((enum fault_stream)at)) != 0)
            at++;
        if (at == FAULT_STREAM_COUNT)
            return api_fail(error, 400, "stream was invalid, can be either upstream or downstream");
        stream = fault_stream_name((enum fault_stream)at);
    }
    cJSON_AddStringToObject(item, "stream", stream);
    return true;
}

static bool translate(cJSON *item, const cJSON *body, struct buf *ignored, struct api_error *error)
{
    if (!cJSON_IsObject(body))
        return api_fail(error, 400, "bad request body: an object was expected");
    if (!texts_are_texts(body, error))
        return false;
    enum fault_kind kind = fault_named(text_member(body, "type"));
    enum fault_kind any = kind == FAULT_COUNT ? FAULT_NOOP : kind;
    if (!words_check_toxic(body, kind, ignored, error))
        return false;
    if (!put_stream(item, any, text_member(body, "stream"), error))
        return false;
    if (kind == FAULT_COUNT || fault_row(any)->class == FAULT_CLASS_PROCESSES)
        return api_fail(error, 400, "invalid toxic type");
    cJSON_AddStringToObject(item, "kind", fault_row(kind)->name);
    if (*text_member(body, "name"))
        cJSON_AddStringToObject(item, "name", text_member(body, "name"));
    return put_conditions(item, body, error) &&
           put_attributes(item, kind, body_member(body, "attributes"), true, error);
}

struct fault *toxic_make(const cJSON *body, struct buf *ignored, struct api_error *error)
{
    cJSON *item = cJSON_CreateObject();
    struct fault *fault = translate(item, body, ignored, error) ? make(item, error) : NULL;
    cJSON_Delete(item);
    return fault;
}

struct fault *toxic_update(const struct live_fault *live, const cJSON *body, struct buf *ignored,
                           struct api_error *error)
{
    struct fault *fault = NULL;
    const struct fault_config *config = live_config(live);
    if (!cJSON_IsObject(body)) {
        api_fail(error, 400, "bad request body: an object was expected");
        return NULL;
    }
    if (!words_check_toxic(body, (enum fault_kind)config->kind, ignored, error))
        return NULL;
    cJSON *item = cJSON_Duplicate(conf_doc_root(live->fault->doc), true);
    put(item, "name", cJSON_CreateString(config->name));
    if (put_conditions(item, body, error) &&
        put_attributes(item, (enum fault_kind)config->kind, body_member(body, "attributes"), false,
                       error))
        fault = make(item, error);
    cJSON_Delete(item);
    return fault;
}

/* ---- from the configuration to the API */

static double unit_size(const char *unit)
{
    static const struct {
        const char *unit;
        double size;
    } units[] = {{"ms", 1e6}, {"us", 1e3}, {"KB", 1e3}, {"B", 1}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strcmp(unit, units[i].unit) == 0)
            return units[i].size;
    return 1;
}

/* A value as a number of nanoseconds, bytes or 1; false when it is none, such as a distribution. */
static bool as_number(const struct fault_parameter *parameter, const cJSON *value, double *number)
{
    duration length;
    uint64_t size;
    if (cJSON_IsNumber(value)) {
        *number = value->valuedouble;
        return true;
    }
    if (!cJSON_IsString(value))
        return false;
    if (parameter->type == CONF_SHARE)
        return units_parse_share(value->valuestring, number);
    if (parameter->type == CONF_INT) {
        *number = strtod(value->valuestring, NULL); /* what is given is a number already */
        return true;
    }
    if (parameter->type == CONF_SIZE && units_parse_size(value->valuestring, &size)) {
        *number = (double)size;
        return true;
    }
    if (parameter->type == CONF_SIZE || !units_parse_duration(value->valuestring, &length))
        return false;
    *number = (double)length.ns;
    return true;
}

static void show_attribute(cJSON *attributes, const struct fault_parameter *parameter,
                           const cJSON *value)
{
    double number;
    bool counts = parameter->type != CONF_SHARE && parameter->type != CONF_INT;
    bool numeric = as_number(parameter, value, &number);
    if (numeric)
        number /= unit_size(parameter->unit);
    if (numeric && (!counts || floor(number) == number))
        cJSON_AddNumberToObject(attributes, parameter->name, number);
    else
        cJSON_AddItemToObject(attributes, parameter->name, cJSON_Duplicate(value, true));
}

static cJSON *show_attributes(const struct live_fault *live)
{
    struct fault_parameter parameter;
    cJSON *attributes = cJSON_CreateObject();
    const cJSON *root = conf_doc_root(live->fault->doc);
    enum fault_kind kind = (enum fault_kind)live_config(live)->kind;
    for (size_t i = 0; fault_parameter_next(kind, &i, &parameter);) {
        const cJSON *given = conf_member(root, parameter.name);
        cJSON *otherwise = NULL;
        if (!given && parameter.otherwise)
            otherwise = parameter.type == CONF_BOOL
                            ? cJSON_CreateBool(strcmp(parameter.otherwise, "true") == 0)
                            : cJSON_CreateString(parameter.otherwise);
        if (given || otherwise)
            show_attribute(attributes, &parameter, given ? given : otherwise);
        cJSON_Delete(otherwise);
    }
    return attributes;
}

cJSON *toxic_show(const struct live_fault *live)
{
    const char *name;
    const struct fault_config *config = live_config(live);
    const cJSON *root = conf_doc_root(live->fault->doc);
    cJSON *toxic = cJSON_CreateObject();
    cJSON_AddItemToObject(toxic, "attributes", show_attributes(live));
    cJSON_AddStringToObject(toxic, "name", config->name);
    cJSON_AddStringToObject(toxic, "type", fault_row((enum fault_kind)config->kind)->name);
    cJSON_AddStringToObject(toxic, "stream", fault_stream_name((enum fault_stream)config->stream));
    cJSON_AddNumberToObject(toxic, "toxicity", config->share);
    for (size_t i = 0; (name = fault_condition_name(i)); i++) {
        const cJSON *given = conf_member(root, name);
        if (given && strcmp(name, "share") != 0)
            cJSON_AddItemToObject(toxic, name, cJSON_Duplicate(given, true));
    }
    return toxic;
}
