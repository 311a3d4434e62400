/* SPDX-License-Identifier: MIT */
#include "proxy/observe/admin_faults.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lib/http/path.h"
#include "proxy/process/proxy.h"

#define ROOT "/faults"

/* Room for a fault's name in a path. */
#define NAME_SIZE (FAULT_NAME_LONGEST + 1)

struct call {
    struct proxy *proxy;
    const struct serve_request *request;
    const char *caller;
    struct admin_answer *answer;
    char name[NAME_SIZE]; /* that the path has; empty when it has none */
};

/* ---- paths */

/* What stands behind the root, without the query: "", or "/..." */
static struct http_span rest_of(struct http_span target)
{
    const char *query = memchr(target.at, '?', target.length);
    uint32_t length = query ? (uint32_t)(query - target.at) : target.length;
    uint32_t root = (uint32_t)strlen(ROOT);
    return (struct http_span){target.at + root, length - root};
}

bool admin_faults_meant(struct http_span target)
{
    size_t root = strlen(ROOT);
    return target.length >= root && memcmp(target.at, ROOT, root) == 0 &&
           (target.length == root || strchr("/?", target.at[root]));
}

/* False: it is no name of a fault. */
static bool read_name(struct call *call)
{
    struct http_span rest = rest_of(call->request->head->target);
    const char *at = rest.at + 1, *end = rest.at + rest.length;
    size_t length = 0, taken;
    if (rest.length == 0)
        return true;
    for (; at < end && *at != '/' && length + 1 < NAME_SIZE; at += taken)
        call->name[length++] = http_path_decode_one(at, (size_t)(end - at), &taken);
    return at == end && length > 0 && !memchr(call->name, '\0', length);
}

/* ---- answers */

void admin_faults_refuse(struct admin_answer *answer, int status, const char *text)
{
    answer->status = status;
    buf_clear(answer->text);
    buf_append_text(answer->text, "{\"error\":\"");
    buf_append_json(answer->text, text, strlen(text));
    buf_append_text(answer->text, "\"}\n");
}

static void answer_json(struct call *call, int status, cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    call->answer->status = status;
    buf_append_text(call->answer->text, text);
    buf_append_text(call->answer->text, "\n");
    cJSON_free(text);
    cJSON_Delete(json);
}

static void no_such_fault(struct call *call)
{
    struct buf text = {0};
    buf_printf(&text, "there is no fault \"%s\"%c", call->name, '\0');
    admin_faults_refuse(call->answer, 404, buf_head(&text));
    buf_free(&text);
}

static double read_count(const atomic_uint_fast64_t *count)
{
    return (double)atomic_load_explicit(count, memory_order_relaxed);
}

static cJSON *show(const struct fault_rule *rule, mono now)
{
    const struct fault_config *config = &rule->fault->config;
    const struct fault_common *common = rule->common;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", config->name);
    cJSON_AddBoolToObject(json, "configured", rule->configured);
    cJSON_AddBoolToObject(json, "on", atomic_load(&common->on));
    cJSON_AddNumberToObject(json, "active", (double)atomic_load(&common->active));
    cJSON_AddNumberToObject(json, "touched", read_count(&common->touched));
    if (config->ttl.ns > 0) {
        int64_t left = mono_between(now, mono_add(rule->since, config->ttl)).ns;
        cJSON_AddNumberToObject(json, "ends_in_ms", (double)(left / NS_PER_MS));
    }
    cJSON_AddItemToObject(json, "fault", cJSON_Duplicate(config->item, true));
    return json;
}

/* ---- looking */

static const struct fault_rule *find(const struct call *call, const char *name)
{
    const struct fault_rule *rule = proxy_faults_find(&call->proxy->faults, name);
    return rule && !fault_rule_is_over(rule, mono_now()) ? rule : NULL;
}

static void list_all(struct call *call)
{
    const struct fault_set *set = &call->proxy->faults.current;
    mono now = mono_now();
    cJSON *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(json, "faults");
    for (size_t i = 0; i < set->count; i++)
        if (!fault_rule_is_over(set->rules[i], now))
            cJSON_AddItemToArray(list, show(set->rules[i], now));
    answer_json(call, 200, json);
}

static void show_one(struct call *call)
{
    const struct fault_rule *rule = find(call, call->name);
    if (rule)
        answer_json(call, 200, show(rule, mono_now()));
    else
        no_such_fault(call);
}

/* ---- changing */

static void say(const struct call *call, const char *name, const char *done,
                const struct cJSON *item)
{
    char *text = item ? cJSON_PrintUnformatted(item) : NULL;
    log_info(&call->proxy->log, call->caller, "fault \"%s\" %s by the admin address%s%s", name,
             done, text ? ": " : "", text ? text : "");
    cJSON_free(text);
}

/* The fault that the body is, if the gateway can have it. */
static struct fault *read_fault(struct call *call)
{
    struct error error;
    struct fault *fault;
    char problem[FAULT_PROBLEM];
    const struct cJSON *at;
    enum result result = fault_parse(&fault, call->request->body ? call->request->body : "",
                                     (size_t)call->request->body_bytes, "body", &error);
    if (result != OK) {
        admin_faults_refuse(call->answer, 400, error.text);
        return NULL;
    }
    const struct cJSON *named = conf_member(fault->config.item, "name");
    if (call->name[0] && !named)
        fault->config.name = arena_text(&fault->arena, call->name, strlen(call->name));
    bool fits = config_fault_fits(call->proxy->config, &fault->config, problem, &at);
    if (fits && (!call->name[0] || strcmp(fault->config.name, call->name) == 0))
        return fault;
    (void)conf_error_at(fault->doc, fits ? named : at, &error, "%s",
                        fits ? "the path calls the fault otherwise: leave \"name\" out" : problem);
    admin_faults_refuse(call->answer, 400, error.text);
    fault_free(fault);
    return NULL;
}

/* The fault is taken over. */
static void put(struct call *call, struct fault *fault)
{
    struct error error;
    char *name = mem_text(fault->config.name);
    bool known = find(call, name) != NULL;
    enum result result = proxy_faults_put(call->proxy, fault, &error);
    if (result == FAILED_INPUT) {
        admin_faults_refuse(call->answer, 409, error.text);
        free(name);
        return;
    }
    if (result != OK)
        log_warn(&call->proxy->log, NULL, "faults are recorded without names: %s", error.text);
    const struct fault_rule *rule = proxy_faults_find(&call->proxy->faults, name);
    say(call, name, known ? "changed" : "added", rule->fault->config.item);
    answer_json(call, known ? 200 : 201, show(rule, mono_now()));
    free(name);
}

static void add_one(struct call *call)
{
    struct fault *fault = read_fault(call);
    if (!fault)
        return;
    if (!find(call, fault->config.name)) {
        put(call, fault);
        return;
    }
    struct buf text = {0};
    buf_printf(&text, "there is a fault \"%s\" already: change it by PUT " ROOT "/NAME%c",
               fault->config.name, '\0');
    admin_faults_refuse(call->answer, 409, buf_head(&text));
    buf_free(&text);
    fault_free(fault);
}

static void put_one(struct call *call)
{
    struct fault *fault = read_fault(call);
    if (fault)
        put(call, fault);
}

static void remove_one(struct call *call)
{
    if (!find(call, call->name)) {
        no_such_fault(call);
        return;
    }
    proxy_faults_remove(call->proxy, call->name);
    say(call, call->name, "removed", NULL);
    call->answer->status = 204;
}

static void remove_all(struct call *call)
{
    size_t count = call->proxy->faults.current.count;
    proxy_faults_clear(call->proxy);
    log_info(&call->proxy->log, call->caller, "all faults removed by the admin address: %zu",
             count);
    call->answer->status = 204;
}

/* ---- calls */

static const struct way {
    const char *method;
    bool named; /* the path has a name */
    void (*run)(struct call *call);
} ways[] = {
    {"GET", false, list_all},      {"HEAD", false, list_all},    {"POST", false, add_one},
    {"DELETE", false, remove_all}, {"GET", true, show_one},      {"HEAD", true, show_one},
    {"PUT", true, put_one},        {"DELETE", true, remove_one},
};

void admin_faults_call(struct proxy *proxy, const struct serve_request *request, const char *caller,
                       struct admin_answer *answer)
{
    struct call call = {.proxy = proxy, .request = request, .caller = caller, .answer = answer};
    if (!read_name(&call)) {
        admin_faults_refuse(answer, 404, "no fault can have this name");
        return;
    }
    bool named = call.name[0] != '\0';
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        if (ways[i].named != named || !http_span_is(request->head->method, ways[i].method))
            continue;
        ways[i].run(&call);
        return;
    }
    answer->allow = named ? "GET, HEAD, PUT, DELETE" : "GET, HEAD, POST, DELETE";
    admin_faults_refuse(answer, 405, "this cannot be done with faults");
}
