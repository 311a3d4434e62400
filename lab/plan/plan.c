/* SPDX-License-Identifier: MIT */
#include "lab/plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/plan/fault.h"
#include "lab/plan/investigation.h"
#include "lab/plan/links.h"
#include "lab/plan/paths.h"
#include "lab/plan/program.h"
#include "lab/plan/routes.h"
#include "lib/base/rng.h"
#include "lib/base/units.h"

/* What stands for an address until it is known; also the address that lets the system choose. */
/* How long the gateway listens on behind timeouts, unless its upstreams say otherwise. */
#define LATE_WINDOW "10s"

#define ANY_PORT "127.0.0.1:0"

struct planning {
    struct plan *plan;
    struct variant *variant;
    const struct lab_options *options;
    struct error *error;
};

/* ---- the configuration of one process */

/* Keys that the lab fills in: a value in the experiment would be overruled in silence. */
static enum result check_reserved(const struct planning *planning, const cJSON *config,
                                  const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(config, keys[i]);
        if (item)
            return conf_error_at(planning->variant->doc, item, planning->error,
                                 "\"%s\" is filled in by the run (expected it to be left out)",
                                 keys[i]);
    }
    return OK;
}

static enum result check_object(const struct planning *planning, const cJSON *config,
                                const char *what)
{
    if (cJSON_IsObject(config))
        return OK;
    return conf_error_at(planning->variant->doc, config, planning->error,
                         "this is not %s's configuration (expected an object)", what);
}

static enum result validate(const struct planning *planning, const cJSON *config,
                            const struct conf_table *table)
{
    struct arena arena = {0};
    void *object = mem_alloc(1, table->size);
    enum result result =
        conf_read(planning->variant->doc, config, table, object, &arena, planning->error);
    free(object);
    arena_free(&arena);
    return result;
}

static void put_text(const struct planning *planning, cJSON *config, const char *key,
                     const char *text)
{
    variant_put(planning->variant, config, key, cJSON_CreateString(text));
}

/* The generated files stand in another folder. */
static cJSON *take_config(const struct planning *planning, const cJSON *config)
{
    cJSON *copy = cJSON_Duplicate(config, true);
    paths_make_absolute(copy, planning->plan->path);
    return copy;
}

/* ---- backends */

/* What the experiment is to find out may need more than is recorded otherwise. */
static bool wants_served(const struct planning *planning)
{
    int investigated = planning->variant->experiment.investigate;
    return investigation_row((enum investigation)investigated)->wants_served;
}

static enum result plan_backend(const struct planning *planning, cJSON *config,
                                const struct backend_spec *backend, int64_t instance,
                                struct plan_process *process)
{
    endpoint_process_name(process->name, sizeof(process->name), backend->name, instance);
    put_text(planning, config, "name", process->name);
    put_text(planning, config, "address", ANY_PORT);
    if (planning->plan->other_gateways || wants_served(planning))
        variant_put(planning->variant, config, "record_requests", cJSON_CreateTrue());
    struct fault_target target = {planning->variant, config, backend->name, instance};
    struct fault_additions added = faults_add(&target);
    enum result result = validate(planning, config, planning->options->backend_table);
    process->config = take_config(planning, config);
    faults_remove(&target, added);
    return result;
}

static cJSON *config_at(const struct planning *planning, const char *group)
{
    char pointer[128];
    snprintf(pointer, sizeof(pointer), "/backends/%s/config", group);
    return conf_pointer(conf_doc_root(planning->variant->doc), pointer);
}

/* Another program. Whether it is installed is for the machine that runs it to say. */
static void plan_programs(const struct backend_spec *backend, struct plan_variant *item)
{
    for (int64_t i = 0; i < backend->instances; i++) {
        struct plan_process *process = &item->backends[item->backend_count++];
        endpoint_process_name(process->name, sizeof(process->name), backend->name, i);
        process->program = backend;
    }
}

static enum result plan_group(const struct planning *planning, const struct backend_spec *backend,
                              struct plan_variant *item)
{
    if (backend_spec_is_command(backend)) {
        plan_programs(backend, item);
        return OK;
    }
    static const char *const reserved[] = {"name", "record", "seed", "address"};
    cJSON *config = config_at(planning, backend->name);
    enum result result = check_object(planning, config, "a backend");
    if (result == OK)
        result = check_reserved(planning, config, reserved, ARRAY_LEN(reserved));
    for (int64_t i = 0; i < backend->instances && result == OK; i++)
        result = plan_backend(planning, config, backend, i, &item->backends[item->backend_count++]);
    return result;
}

static enum result plan_backends(const struct planning *planning, struct plan_variant *item)
{
    const struct experiment *experiment = &planning->variant->experiment;
    const struct backend_spec *backends = experiment->backends.items;
    size_t total = 0;
    for (size_t i = 0; i < experiment->backends.count; i++)
        total += (size_t)backends[i].instances;
    item->backends = mem_alloc(total, sizeof(*item->backends));
    enum result result = OK;
    for (size_t i = 0; i < experiment->backends.count && result == OK; i++)
        result = plan_group(planning, &backends[i], item);
    return result;
}

/* ---- the gateway */

static enum result validate_gateway(const struct planning *planning, cJSON *config)
{
    struct variant *variant = planning->variant;
    struct endpoint_book book = endpoint_book_of_stand_ins(&variant->experiment);
    enum result result = endpoints_expand(config, &variant->experiment, &book, variant->doc,
                                          variant->detached, planning->error);
    endpoint_book_free(&book);
    return result == OK ? validate(planning, config, planning->options->proxy_table) : result;
}

static const struct conf_key *table_key(const struct conf_table *table, const char *name)
{
    for (size_t i = 0; table && i < table->key_count; i++)
        if (strcmp(table->keys[i].name, name) == 0)
            return &table->keys[i];
    return NULL;
}

/* The response timeout of the first upstream, for the report: as written, or the default. */
static duration response_timeout(const cJSON *config, const struct conf_table *table)
{
    static const char *const path[] = {"upstreams", "timeout", "response"};
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(config, path[0]);
    item = item ? item->child : NULL;
    const struct conf_key *key = table_key(table, path[0]);
    for (size_t i = 1; i < ARRAY_LEN(path); i++) {
        item = cJSON_GetObjectItemCaseSensitive(item, path[i]);
        key = key ? table_key(key->sub, path[i]) : NULL;
    }
    const char *text = cJSON_IsString(item) ? item->valuestring : key ? key->otherwise : NULL;
    duration timeout = {0};
    if (!text || !units_parse_duration(text, &timeout))
        return duration_ns(0);
    return timeout;
}

/* Faults that the gateway does itself stand behind those that it has anyway. */
static enum result add_gateway_faults(const struct planning *planning, cJSON *config)
{
    const struct conf_list *list = &planning->variant->experiment.faults;
    const struct fault_spec *faults = list->items;
    cJSON *own = cJSON_GetObjectItemCaseSensitive(config, "faults");
    for (size_t i = 0; i < list->count; i++) {
        if (!faults[i].enabled || fault_doer(&faults[i]) != FAULT_BY_GATEWAY)
            continue;
        if (!own)
            own = cJSON_AddArrayToObject(config, "faults");
        if (!cJSON_IsArray(own))
            return conf_error_at(planning->variant->doc, own, planning->error,
                                 "these are not the gateway's faults (expected a list)");
        fault_add_to(own, planning->variant, &faults[i]);
    }
    return OK;
}

/* What a timeout hides is what an experiment is after. */
static void listen_for_late_responses(const cJSON *config)
{
    cJSON *upstream;
    cJSON_ArrayForEach(upstream, cJSON_GetObjectItemCaseSensitive(config, "upstreams"))
    {
        if (!cJSON_IsObject(upstream) || cJSON_GetObjectItemCaseSensitive(upstream, "late"))
            continue;
        cJSON *late = cJSON_AddObjectToObject(upstream, "late");
        cJSON_AddStringToObject(late, "window", LATE_WINDOW);
    }
}

/* Another program. Whether it is installed is for the machine that runs it to say. */
static enum result plan_command(const struct planning *planning, struct plan_variant *item)
{
    snprintf(item->gateway.name, sizeof(item->gateway.name), GATEWAY_PROCESS);
    enum result result =
        gateway_plan_read(&item->command, planning->variant, planning->plan->path, planning->error);
    return result == OK ? faults_check_ways(planning->variant, item->command, planning->error)
                        : result;
}

static enum result plan_gateway(const struct planning *planning, struct plan_variant *item)
{
    static const char *const reserved[] = {"name", "record", "seed"};
    cJSON *config = conf_pointer(conf_doc_root(planning->variant->doc), "/gateway");
    enum result result = check_object(planning, config, "a proxy");
    if (result == OK && gateway_is_command(config))
        return plan_command(planning, item);
    if (result == OK)
        result = faults_check_ways(planning->variant, NULL, planning->error);
    if (result == OK)
        result = check_reserved(planning, config, reserved, ARRAY_LEN(reserved));
    if (result == OK)
        result = add_gateway_faults(planning, config);
    if (result != OK)
        return result;
    snprintf(item->gateway.name, sizeof(item->gateway.name), GATEWAY_PROCESS);
    put_text(planning, config, "name", GATEWAY_PROCESS);
    if (!cJSON_GetObjectItemCaseSensitive(config, "listeners")) {
        cJSON *listeners = cJSON_AddArrayToObject(config, "listeners");
        cJSON *listener = cJSON_CreateObject();
        cJSON_AddStringToObject(listener, "address", ANY_PORT);
        cJSON_AddItemToArray(listeners, listener);
    }
    listen_for_late_responses(config);
    item->gateway.config = take_config(planning, config);
    item->response_timeout = response_timeout(config, planning->options->proxy_table);
    return validate_gateway(planning, config);
}

/* ---- links */

static enum result plan_links(const struct planning *planning, struct plan_variant *item)
{
    const cJSON *config = links_make(planning->variant);
    if (!config)
        return OK;
    snprintf(item->links.name, sizeof(item->links.name), LINKS_PROCESS);
    item->links.config = take_config(planning, config);
    return links_check(planning->variant, config, planning->error);
}

/* ---- the whole */

static enum result plan_variant(struct planning *planning, size_t number)
{
    planning->variant = &planning->plan->variants.items[number];
    struct plan_variant *item = &planning->plan->items[number];
    enum result result =
        faults_check(planning->variant, planning->options->proxy_table, planning->error);
    if (result == OK)
        result = plan_backends(planning, item);
    if (result == OK)
        result = plan_links(planning, item);
    return result == OK ? plan_gateway(planning, item) : result;
}

static enum result check_labels(const struct plan *plan, struct error *error)
{
    const struct variants *variants = &plan->variants;
    for (size_t i = 0; i < variants->count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(variants->items[i].label, variants->items[j].label) == 0)
                return conf_error_at(variants->items[0].doc, variants->items[0].experiment.variants,
                                     error,
                                     "two variants have the label \"%s\" (expected values that "
                                     "differ in writing)",
                                     variants->items[i].label);
    return OK;
}

static enum result plan_expectations(struct plan *plan, const char *const *labels,
                                     struct error *error)
{
    const struct variant *first = &plan->variants.items[0];
    const struct conf_list *texts = &first->experiment.expect;
    plan->expectations = mem_alloc(texts->count + 1, sizeof(*plan->expectations));
    const cJSON *list = conf_member(conf_doc_root(first->doc), "expect");
    enum result result = OK;
    while (plan->expectation_count < texts->count && result == OK) {
        size_t i = plan->expectation_count++;
        struct error why;
        result = expect_parse(&plan->expectations[i], ((const char **)texts->items)[i], labels,
                              plan->variants.count, &why);
        if (result != OK)
            conf_error_at(first->doc, cJSON_GetArrayItem(list, (int)i), error, "%s", why.text);
    }
    return result;
}

static enum result plan_claims(struct plan *plan, const char *const *labels, struct error *error)
{
    const struct variant *first = &plan->variants.items[0];
    const struct claim_spec *specs = first->experiment.claims.items;
    size_t count = first->experiment.claims.count;
    plan->claims = mem_alloc(count + 1, sizeof(*plan->claims));
    enum result result = OK;
    while (plan->claim_count < count && result == OK) {
        const struct claim_spec *spec = &specs[plan->claim_count];
        enum claim_part part;
        struct error why;
        result = claim_parse(&plan->claims[plan->claim_count++], spec, labels, plan->variants.count,
                             &part, &why);
        if (result != OK)
            conf_error_at(first->doc,
                          conf_member(spec->item, part == CLAIM_PART_MEASURE ? "measure" : "holds"),
                          error, "%s", why.text);
    }
    return result;
}

/* What is asked of variants by their labels. */
static enum result plan_questions(struct plan *plan, struct error *error)
{
    const char **labels = mem_alloc(plan->variants.count, sizeof(*labels));
    for (size_t i = 0; i < plan->variants.count; i++)
        labels[i] = plan->variants.items[i].label;
    enum result result = plan_expectations(plan, labels, error);
    if (result == OK)
        result = plan_claims(plan, labels, error);
    free(labels);
    return result;
}

/* Once all gateways are known to be right. */
static enum result check_routes(const struct plan *plan, struct error *error)
{
    const struct variant *first = &plan->variants.items[0];
    const cJSON *list = conf_member(conf_doc_root(first->doc), "expect");
    struct error why;
    for (size_t i = 0; i < plan->expectation_count; i++)
        if (routes_check(plan, &plan->expectations[i], &why) != OK)
            return conf_error_at(first->doc, cJSON_GetArrayItem(list, (int)i), error, "%s",
                                 why.text);
    const struct claim_spec *specs = first->experiment.claims.items;
    for (size_t i = 0; i < plan->claim_count; i++)
        for (size_t side = 0; side < claim_sides(&plan->claims[i]); side++)
            if (routes_check(plan, &plan->claims[i].sides[side], &why) != OK)
                return conf_error_at(first->doc, conf_member(specs[i].item, "measure"), error, "%s",
                                     why.text);
    return OK;
}

static enum result plan_all(struct planning *planning)
{
    struct plan *plan = planning->plan;
    enum result result = check_labels(plan, planning->error);
    if (result == OK)
        result = plan_questions(plan, planning->error);
    plan->items = mem_alloc(plan->variants.count, sizeof(*plan->items));
    for (size_t i = 0; i < plan->variants.count && result == OK; i++)
        result = plan_variant(planning, i);
    return result == OK ? check_routes(plan, planning->error) : result;
}

enum result plan_make(struct plan *plan, const struct lab_options *options, struct error *error)
{
    *plan = (struct plan){.path = options->experiment};
    enum result result = variants_read(&plan->variants, options->experiment, error);
    if (result != OK)
        return result;
    const struct experiment *experiment = plan_experiment(plan, 0);
    plan->rounds = experiment->rounds;
    plan->seed = (uint64_t)(options->has_seed ? options->seed : experiment->seed);
    for (size_t i = 0; i < plan->variants.count; i++)
        plan->other_gateways |= gateway_is_command(plan_experiment(plan, i)->gateway);
    struct planning planning = {.plan = plan, .options = options, .error = error};
    result = plan_all(&planning);
    if (result != OK)
        plan_free(plan);
    return result;
}

void plan_free(struct plan *plan)
{
    for (size_t i = 0; plan->items && i < plan->variants.count; i++) {
        for (size_t j = 0; j < plan->items[i].backend_count; j++)
            cJSON_Delete(plan->items[i].backends[j].config);
        free(plan->items[i].backends);
        cJSON_Delete(plan->items[i].links.config);
        cJSON_Delete(plan->items[i].gateway.config);
        gateway_plan_free(&plan->items[i].command);
    }
    free(plan->items);
    free(plan->expectations);
    free(plan->claims);
    variants_free(&plan->variants);
    *plan = (struct plan){0};
}

static enum result find_backends(const struct plan *plan, const struct plan_variant *item,
                                 struct error *error)
{
    for (size_t i = 0; i < item->backend_count; i++) {
        const struct backend_spec *spec = item->backends[i].program;
        const char *name = spec ? ((const char *const *)spec->command.items)[0] : NULL;
        char *program = spec ? program_find(name, plan->path) : NULL, text[256];
        if (spec && !program)
            return error_set(error, FAILED_SYSTEM, "%s",
                             program_describe_missing("the backend", name, text, sizeof(text)));
        free(program);
    }
    return OK;
}

enum result plan_find_programs(struct plan *plan, struct error *error)
{
    size_t left = 0;
    for (size_t i = 0; i < plan->variants.count; i++) {
        struct plan_variant *item = &plan->items[i];
        enum result result = find_backends(plan, item, error);
        if (result != OK)
            return result;
        left++;
        if (!item->command)
            continue;
        char *program = gateway_find_program(item->command, plan->path), text[256];
        item->skipped = !program;
        left -= item->skipped;
        free(program);
        if (item->skipped &&
            (!item->command->spec.optional || (left == 0 && i + 1 == plan->variants.count)))
            return error_set(error, FAILED_SYSTEM, "%s%s",
                             gateway_describe_missing(item->command, text, sizeof(text)),
                             item->command->spec.optional
                                 ? ", and nothing else is left to be run"
                                 : "; \"optional\": true would leave it out");
    }
    return OK;
}

const char *plan_axis_name(const struct plan *plan)
{
    const cJSON *axis = plan->variants.items[0].values->child;
    for (; axis; axis = axis->next) {
        const char *last = strrchr(axis->string, '/');
        if (last && strcmp(last, "/cleanup") == 0)
            return "strategy";
    }
    return "variant";
}

/* Seeds depend on the process and the round, not on the variant: what is drawn is the same for
 * each. They fit into the 53 bits that every JSON reader keeps. */
uint64_t plan_process_seed(const struct plan *plan, const char *process, int64_t round)
{
    struct rng rng;
    rng_init_stream(&rng, plan->seed, process, (uint64_t)round);
    return rng_next(&rng) >> 11;
}

cJSON *plan_config(const struct plan *plan, size_t variant, const struct plan_process *process,
                   int64_t round, const char *records, const struct endpoint_book *book)
{
    cJSON *config = cJSON_Duplicate(process->config, true);
    cJSON *replaced = cJSON_CreateArray();
    cJSON_AddStringToObject(config, "record", records);
    cJSON_AddNumberToObject(config, "seed", (double)plan_process_seed(plan, process->name, round));
    struct error error;
    bool links = process == &plan->items[variant].links;
    if (links)
        links_connect(config, book);
    if (book && !links &&
        endpoints_expand(config, plan_experiment(plan, variant), book, NULL, replaced, &error) !=
            OK)
        abort(); /* every placeholder was checked when the plan was made */
    cJSON_Delete(replaced);
    return config;
}
