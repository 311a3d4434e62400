/* SPDX-License-Identifier: MIT */
#include "proxy/fault/asked.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "proxy/message/origin.h"
#include "proxy/process/proxy.h"
#include "proxy/request/exchange.h"
#include "proxy/worker/realm.h"

#define OWN   "x-tailgate-fault-"
#define ENVOY "x-envoy-fault-"

enum { WORD = 64, FIELD = 256 };

/* Refusals are logged so often at most. */
static const duration APART = {NS_PER_S};

static bool begins_with(const char *name, size_t length, const char *prefix)
{
    return length > strlen(prefix) && strncasecmp(name, prefix, strlen(prefix)) == 0;
}

bool asked_is_field(const char *name, size_t length)
{
    return begins_with(name, length, OWN) || begins_with(name, length, ENVOY);
}

/* ---- words */

/* Without the blanks around it, cut to WORD - 1. */
static void take_word(char out[WORD], const char *from, const char *to)
{
    while (from < to && isspace((unsigned char)*from))
        from++;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    snprintf(out, WORD, "%.*s", (int)(to - from), from);
}

static bool read_number(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0';
}

/* As the configuration would have it. */
static cJSON *value_of(enum conf_type type, const char *text)
{
    double number;
    if (type == CONF_BOOL && strcmp(text, "true") == 0)
        return cJSON_CreateTrue();
    if (type == CONF_BOOL && strcmp(text, "false") == 0)
        return cJSON_CreateFalse();
    if ((type == CONF_INT || type == CONF_NUMBER) && read_number(text, &number))
        return cJSON_CreateNumber(number);
    return cJSON_CreateString(text);
}

/* ---- the field as a fault */

static enum result parameter_of(enum fault_kind kind, const char *name, enum conf_type *type,
                                struct error *error)
{
    struct fault_parameter parameter;
    if (strcmp(name, "share") == 0) {
        *type = CONF_SHARE;
        return OK;
    }
    for (size_t i = 0; fault_parameter_next(kind, &i, &parameter);) {
        if (strcmp(parameter.name, name) != 0)
            continue;
        *type = parameter.type;
        return OK;
    }
    return error_set(error, FAILED_INPUT, "\"%s\" is no parameter of %s", name,
                     fault_row(kind)->name);
}

static enum result add_part(cJSON *item, enum fault_kind kind, const char *part, const char *end,
                            struct error *error)
{
    char name[WORD], value[WORD];
    struct fault_parameter first;
    size_t none = 0;
    enum conf_type type = CONF_STRING;
    const char *equals = memchr(part, '=', (size_t)(end - part));
    take_word(value, equals ? equals + 1 : part, end);
    take_word(name, part, equals ? equals : part);
    if (!equals && !value[0])
        return OK;
    if (!equals && !fault_parameter_next(kind, &none, &first))
        return error_set(error, FAILED_INPUT, "%s has no parameter", fault_row(kind)->name);
    if (!equals)
        snprintf(name, sizeof(name), "%s", first.name);
    enum result result = parameter_of(kind, name, &type, error);
    if (result == OK)
        cJSON_AddItemToObject(item, name, value_of(type, value));
    return result;
}

static enum fault_kind kind_of(const char *name, size_t length)
{
    char text[WORD];
    snprintf(text, sizeof(text), "%.*s", (int)length, name);
    for (char *at = text; *at; at++)
        *at = *at == '-' ? '_' : (char)tolower((unsigned char)*at);
    return fault_named(text);
}

static enum result read_own(cJSON *item, const struct http_field *field, struct error *error)
{
    const char *name = field->name.at + strlen(OWN);
    size_t length = field->name.length - strlen(OWN);
    enum fault_kind kind = kind_of(name, length);
    const char *at = field->value.at, *end = at + field->value.length;
    enum result result = OK;
    if (kind == FAULT_COUNT)
        return error_set(error, FAILED_INPUT, "there is no fault \"%.*s\"", (int)length, name);
    cJSON_AddStringToObject(item, "kind", fault_row(kind)->name);
    while (at < end && result == OK) {
        const char *next = memchr(at, ';', (size_t)(end - at));
        next = next ? next : end;
        result = add_part(item, kind, at, next, error);
        at = next + 1;
    }
    return result;
}

/* ---- Envoy's fields */

static const struct envoy_row {
    const char *name, *percentage;
    enum fault_kind kind;
    const char *parameter;
    const char *unit; /* of the value; NULL: it is a number */
} envoy_rows[] = {
    {ENVOY "delay-request", ENVOY "delay-request-percentage", FAULT_DELAY_REQUEST, "delay", "ms"},
    {ENVOY "abort-request", ENVOY "abort-request-percentage", FAULT_ABORT, "status", NULL},
    {ENVOY "throughput-response", ENVOY "throughput-response-percentage", FAULT_RESPONSE_RATE,
     "rate", "KiB"},
};

static const struct http_field *find_field(const struct http_head *head, const char *name)
{
    for (int i = 0; i < head->field_count; i++)
        if (http_span_is_nocase(head->fields[i].name, name))
            return &head->fields[i];
    return NULL;
}

static enum result read_whole(const struct http_field *field, double *number, struct error *error)
{
    char text[WORD];
    take_word(text, field->value.at, field->value.at + field->value.length);
    if (text[0] && strlen(text) <= 9 && strspn(text, "0123456789") == strlen(text) &&
        read_number(text, number))
        return OK;
    return error_set(error, FAILED_INPUT, "\"%s\" is no whole number", text);
}

static enum result read_envoy(cJSON *item, const struct envoy_row *row,
                              const struct http_head *head, struct error *error)
{
    const struct http_field *share = find_field(head, row->percentage);
    double number, percent = 100;
    char text[WORD];
    enum result result = read_whole(find_field(head, row->name), &number, error);
    if (result == OK && share)
        result = read_whole(share, &percent, error);
    if (result != OK)
        return result;
    cJSON_AddStringToObject(item, "kind", fault_row(row->kind)->name);
    snprintf(text, sizeof(text), "%.0f%s", number, row->unit ? row->unit : "");
    cJSON_AddItemToObject(item, row->parameter,
                          row->unit ? cJSON_CreateString(text) : cJSON_CreateNumber(number));
    snprintf(text, sizeof(text), "%.0f%%", percent < 100 ? percent : 100);
    cJSON_AddStringToObject(item, "share", text);
    return OK;
}

/* ---- caps */

static enum result cap_dist(struct dist *dist, duration most, bool zero_is_for_ever,
                            struct error *error)
{
    if (dist->kind != DIST_CONSTANT)
        return error_set(error, FAILED_INPUT,
                         "a request asks for one length, not for a distribution");
    if (dist->a > (double)most.ns || (zero_is_for_ever && dist->a <= 0))
        *dist = dist_constant(most);
    return OK;
}

/* Of an oversized head: more than any sensible limit costs memory and shows nothing new. */
#define HEAD_MOST ((uint64_t)1 << 20)

/* Letting go does not bring back what was lost, and nothing would come until the gateway gives up:
 * it ends as a timeout does. */
static void end_blackhole(struct fault_config *fault, duration most)
{
    if (fault->kind != FAULT_BLACKHOLE)
        return;
    fault->kind = FAULT_TIMEOUT;
    fault->timeout = dist_constant(most);
}

/* It is nobody else's yet. */
static enum result cap(struct fault_config *fault, const struct fault_headers_config *limits,
                       struct error *error)
{
    enum result result = OK;
    bool times_out = fault->kind == FAULT_TIMEOUT, stalls = fault->kind == FAULT_STALL;
    if (fault->share > limits->max_share)
        fault->share = limits->max_share;
    if (fault->jitter.ns > limits->max_delay.ns)
        fault->jitter = limits->max_delay;
    fault->max_active = limits->max_active;
    if (fault->size > HEAD_MOST)
        fault->size = HEAD_MOST;
    struct dist *dists[] = {&fault->latency, &fault->delay};
    for (size_t i = 0; i < ARRAY_LEN(dists) && result == OK; i++)
        result = cap_dist(dists[i], limits->max_delay, false, error);
    if (result == OK)
        result = cap_dist(&fault->timeout, limits->max_delay, times_out, error);
    end_blackhole(fault, limits->max_time);
    return result == OK ? cap_dist(&fault->hold, limits->max_delay, stalls, error) : result;
}

/* ---- a request */

static void refuse(struct exchange *exchange, const struct http_field *field, const char *why)
{
    struct worker *worker = exchange->worker;
    char more[LOG_PACE_MORE];
    uint64_t left_out;
    counter_add(&worker->counters.of[COUNTER_FAULT_FIELDS_REFUSED]);
    if (log_pace_ask(&worker->engine->refusals, worker->now, APART, &left_out))
        log_warn(&worker->log, NULL, "a request asks for a fault and gets none: %.*s: %s%s",
                 (int)(field->name.length < FIELD ? field->name.length : FIELD), field->name.at,
                 why, log_pace_more(more, left_out));
}

static enum result make(struct exchange *exchange, cJSON *item, struct error *error)
{
    struct fault *fault;
    struct engine *engine = exchange->worker->engine;
    struct asked *asked = exchange->asked;
    const struct fault_headers_config *limits = &exchange->realm->config->fault_headers;
    cJSON_AddStringToObject(item, "per", "request");
    enum result result = fault_make(&fault, item, "request", error);
    if (result != OK)
        return result;
    result = cap(&fault->config, limits, error);
    if (result != OK) {
        fault_free(fault);
        return result;
    }
    struct culprit *culprit =
        culprit_for_one(engine, fault, FAULTS_MAX + (unsigned)asked->count, limits->max_time);
    if (!culprit)
        return error_set(error, FAILED_SYSTEM, "this worker injects no faults");
    asked->culprits[asked->count++] = culprit;
    return OK;
}

static const struct envoy_row *envoy_row_of(const struct http_field *field)
{
    for (size_t i = 0; i < ARRAY_LEN(envoy_rows); i++)
        if (http_span_is_nocase(field->name, envoy_rows[i].name))
            return &envoy_rows[i];
    return NULL;
}

static bool is_percentage(const struct http_field *field)
{
    for (size_t i = 0; i < ARRAY_LEN(envoy_rows); i++)
        if (http_span_is_nocase(field->name, envoy_rows[i].percentage))
            return true;
    return false;
}

static enum result read_field(struct exchange *exchange, const struct http_head *head,
                              const struct http_field *field, struct error *error)
{
    bool own = begins_with(field->name.at, field->name.length, OWN);
    const struct envoy_row *row = own ? NULL : envoy_row_of(field);
    if (!own && is_percentage(field))
        return OK;
    if (!own && !row)
        return error_set(error, FAILED_INPUT, "no such field is known");
    if (exchange->asked->count == ASKED_MAX)
        return error_set(error, FAILED_INPUT, "more than %d faults for one request", ASKED_MAX);
    cJSON *item = cJSON_CreateObject();
    enum result result = own ? read_own(item, field, error) : read_envoy(item, row, head, error);
    if (result == OK)
        result = make(exchange, item, error);
    cJSON_Delete(item);
    return result;
}

static void take_field(struct exchange *exchange, const struct http_head *head,
                       const struct http_field *field)
{
    struct error error;
    const struct fault_headers_config *config = &exchange->realm->config->fault_headers;
    if (!origin_trusts(&config->clients, &exchange->client->peer)) {
        refuse(exchange, field, "\"fault_headers\" does not trust this client");
        return;
    }
    if (!exchange->asked)
        exchange->asked = mem_alloc(1, sizeof(*exchange->asked));
    if (read_field(exchange, head, field, &error) != OK)
        refuse(exchange, field, error.text);
}

void asked_read(struct exchange *exchange, const struct http_head *head)
{
    for (int i = 0; i < head->field_count; i++)
        if (asked_is_field(head->fields[i].name.at, head->fields[i].name.length))
            take_field(exchange, head, &head->fields[i]);
}

void asked_free(struct asked **asked)
{
    for (size_t i = 0; *asked && i < (*asked)->count; i++)
        culprit_leave(&(*asked)->culprits[i]);
    free(*asked);
    *asked = NULL;
}
