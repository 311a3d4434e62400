/* SPDX-License-Identifier: MIT */
#include "lab/plan/experiment.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/plan/investigation.h"
#include "lab/plan/program.h"
#include "lab/result/claim.h"

#define MAX_ARRIVALS 20e6 /* a round's schedule is drawn in advance and kept in memory */

static enum result check_request(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct request_spec *spec = object;
    if (!spec->get == !spec->post)
        return conf_fail(read, NULL,
                         "a request is either a GET or a POST (expected one of the two "
                         "keys, with the path as its value)");
    const struct cJSON *target = conf_member(item, spec->get ? "GET" : "POST");
    const char *path = request_spec_target(spec);
    if (path[0] != '/')
        return conf_fail(read, target, "\"%s\" is not a path (expected it to begin with /)", path);
    for (const char *at = path; *at; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at > '~' || *at == '#')
            return conf_fail(read, target,
                             "a request's path holds only visible ASCII characters "
                             "without # (write others as %%XX)");
    if (spec->get && conf_member(item, "body"))
        return conf_fail(read, conf_member(item, "body"), "a GET is sent without a body");
    return OK;
}

static const struct conf_key request_keys[] = {
    {.name = "GET",
     .type = CONF_STRING,
     .offset = offsetof(struct request_spec, get),
     .flags = CONF_NOT_EMPTY,
     .meaning = "Send a GET request for this path."},
    {.name = "POST",
     .type = CONF_STRING,
     .offset = offsetof(struct request_spec, post),
     .flags = CONF_NOT_EMPTY,
     .meaning = "Send a POST request to this path."},
    {.name = "body",
     .type = CONF_SIZE,
     .offset = offsetof(struct request_spec, body),
     .otherwise = "0",
     .min = 0,
     .max = 64.0 * 1024 * 1024,
     .meaning = "Size of a POST's body."},
    {.name = "weight",
     .type = CONF_NUMBER,
     .offset = offsetof(struct request_spec, weight),
     .otherwise = "1",
     .min = 1e-6,
     .max = 1e6,
     .meaning = "How often this request is chosen, in proportion to the others."},
};

static const struct conf_table request_table = {
    .name = "request",
    .meaning = "One kind of request that the load generator sends.",
    .size = sizeof(struct request_spec),
    .keys = request_keys,
    .key_count = ARRAY_LEN(request_keys),
    .check = check_request,
    .item_offset = CONF_NO_ITEM,
};

double experiment_arrivals(const struct load_spec *load)
{
    return load->rate * (double)(load->warmup.ns + load->duration.ns) / (double)NS_PER_S;
}

static enum result check_load(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct load_spec *load = object;
    if (experiment_arrivals(load) > MAX_ARRIVALS)
        return conf_fail(read, conf_member(item, "rate"),
                         "a round would have %.0f arrivals (expected at most %.0f: a lower rate or "
                         "a shorter duration)",
                         experiment_arrivals(load), MAX_ARRIVALS);
    return OK;
}

static const char *const arrival_choices[] = {"poisson", "constant", NULL};

static const struct conf_key load_keys[] = {
    {.name = "rate",
     .type = CONF_RATE,
     .offset = offsetof(struct load_spec, rate),
     .flags = CONF_REQUIRED,
     .min = 0.01,
     .max = 1e6,
     .meaning = "Arrivals a second."},
    {.name = "arrivals",
     .type = CONF_ENUM,
     .offset = offsetof(struct load_spec, arrivals),
     .otherwise = "poisson",
     .choices = arrival_choices,
     .meaning = "Independent arrivals (poisson) or evenly spaced ones (constant)."},
    {.name = "warmup",
     .type = CONF_DURATION,
     .offset = offsetof(struct load_spec, warmup),
     .otherwise = "1s",
     .min = 0,
     .max = 3600e9,
     .meaning = "Load before the measurement begins; recorded, but not part of the summary."},
    {.name = "duration",
     .type = CONF_DURATION,
     .offset = offsetof(struct load_spec, duration),
     .flags = CONF_REQUIRED,
     .min = 1e6,
     .max = 86400e9,
     .meaning = "Length of the measurement."},
    {.name = "timeout",
     .type = CONF_DURATION,
     .offset = offsetof(struct load_spec, timeout),
     .otherwise = "10s",
     .min = 1e6,
     .max = 3600e9,
     .meaning = "The load generator gives a request up so long after its intended moment."},
    {.name = "connections",
     .type = CONF_INT,
     .offset = offsetof(struct load_spec, connections),
     .otherwise = "64",
     .min = 1,
     .max = 50000,
     .meaning = "Most connections of the load generator; an arrival that finds none free waits."},
    {.name = "requests",
     .type = CONF_LIST,
     .offset = offsetof(struct load_spec, requests),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .sub = &request_table,
     .meaning = "What is sent."},
};

static const struct conf_table load_table = {
    .name = "load",
    .meaning = "Open-loop load: requests are sent when the schedule says so, "
               "whether or not earlier ones were answered.",
    .size = sizeof(struct load_spec),
    .keys = load_keys,
    .key_count = ARRAY_LEN(load_keys),
    .check = check_load,
    .item_offset = CONF_NO_ITEM,
};

static const struct conf_key backend_keys[] = {
    {.name = "instances",
     .type = CONF_INT,
     .offset = offsetof(struct backend_spec, instances),
     .otherwise = "1",
     .min = 1,
     .max = 256,
     .meaning = "How many processes are started."},
    {.name = "config",
     .type = CONF_RAW,
     .offset = offsetof(struct backend_spec, config),
     .meaning = "A backend's configuration; its address, name, record and seed are filled in."},
    {.name = "command",
     .type = CONF_LIST,
     .offset = offsetof(struct backend_spec, command),
     .element = CONF_STRING,
     .flags = CONF_NOT_EMPTY,
     .meaning =
         "In place of a configuration, a program with its arguments that stays in the foreground; "
         "\"{address}\" in them stands for the address where it is to accept connections. A path "
         "with a folder is relative to the experiment's; others are looked for in PATH."},
};

static bool has_address(const struct conf_list *command)
{
    const char *const *words = command->items;
    for (size_t i = 1; i < command->count; i++)
        if (strstr(words[i], PROGRAM_ADDRESS))
            return true;
    return false;
}

static enum result check_backend(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct backend_spec *spec = object;
    if (!spec->config == !backend_spec_is_command(spec))
        return conf_fail(read, item,
                         "a group of backends has either a \"config\" or a \"command\" (expected "
                         "one of the two)");
    if (backend_spec_is_command(spec) && !has_address(&spec->command))
        return conf_fail(read, conf_member(item, "command"),
                         "nothing tells the program where to listen (expected " PROGRAM_ADDRESS
                         " in one of its arguments)");
    return OK;
}

static const struct conf_table backend_spec_table = {
    .name = "backend group",
    .meaning = "Simulated services that share a configuration, or real ones that share a command.",
    .size = sizeof(struct backend_spec),
    .name_offset = offsetof(struct backend_spec, name),
    .keys = backend_keys,
    .key_count = ARRAY_LEN(backend_keys),
    .check = check_backend,
    .item_offset = offsetof(struct backend_spec, item),
};

/* Names become folder and file names. */
static bool is_plain_name(const char *name, size_t longest)
{
    size_t length = strlen(name);
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return length > 0 && length <= longest && strspn(name, allowed) == length && name[0] != '.' &&
           name[0] != '-';
}

static enum result check_names(struct conf_read *read, const struct experiment *experiment,
                               const struct cJSON *item)
{
    if (!is_plain_name(experiment->name, 64))
        return conf_fail(read, conf_member(item, "name"),
                         "\"%s\" cannot name a folder (expected letters, digits, - _ and ., at "
                         "most 64 of them)",
                         experiment->name);
    const struct backend_spec *backends = experiment->backends.items;
    for (size_t i = 0; i < experiment->backends.count; i++)
        if (!is_plain_name(backends[i].name, 32) || strcmp(backends[i].name, "gateway") == 0 ||
            strcmp(backends[i].name, "load") == 0)
            return conf_fail(read, backends[i].item,
                             "\"%s\" cannot name a group of backends (expected letters, digits, - "
                             "_ and ., at most 32 of them, and neither \"gateway\" nor \"load\")",
                             backends[i].name);
    return OK;
}

static enum result check_fault_names(struct conf_read *read, const struct experiment *experiment)
{
    const struct fault_spec *faults = experiment->faults.items;
    for (size_t i = 0; i < experiment->faults.count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(faults[i].config.name, faults[j].config.name) == 0)
                return conf_fail(read, conf_member(faults[i].item, "name"),
                                 "another fault has the name \"%s\" (expected a name of its own: "
                                 "records and random draws go by it)",
                                 faults[i].config.name);
    return OK;
}

static enum result check_experiment(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct experiment *experiment = object;
    enum result result = check_names(read, experiment, item);
    if (result == OK)
        result = check_fault_names(read, experiment);
    return result == OK ? investigation_check(read, (enum investigation)experiment->investigate,
                                              experiment->variants)
                        : result;
}

#define INVESTIGATION_MEANING(id, name, meaning) " \"" name "\": " meaning "."

static const struct conf_key experiment_keys[] = {
    {.name = "name",
     .type = CONF_STRING,
     .offset = offsetof(struct experiment, name),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .meaning = "Names the run's folder."},
    {.name = "seed",
     .type = CONF_INT,
     .offset = offsetof(struct experiment, seed),
     .otherwise = "1",
     .min = 0,
     .max = EXPERIMENT_SEED_MAX,
     .meaning = "Every random draw follows from it."},
    {.name = "backends",
     .type = CONF_MAP,
     .offset = offsetof(struct experiment, backends),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .sub = &backend_spec_table,
     .meaning = "Groups of simulated services, by name."},
    {.name = "gateway",
     .type = CONF_RAW,
     .offset = offsetof(struct experiment, gateway),
     .flags = CONF_REQUIRED,
     .meaning =
         "A proxy's configuration; an endpoint \"@orders\" stands for each instance of the "
         "group, \"@orders/0\" for one; without listeners it gets a free port. Its upstreams "
         "listen 10s for late responses unless their \"late\" says otherwise. Or another program: "
         "an object with \"command\", \"template\" and \"log\" (see tailgate(5))."},
    {.name = "load",
     .type = CONF_OBJECT,
     .offset = offsetof(struct experiment, load),
     .flags = CONF_REQUIRED,
     .sub = &load_table,
     .meaning = "What is sent to the gateway."},
    {.name = "faults",
     .type = CONF_LIST,
     .offset = offsetof(struct experiment, faults),
     .sub = &experiment_fault_table,
     .meaning = "What goes wrong, and when."},
    {.name = "variants",
     .type = CONF_RAW,
     .offset = offsetof(struct experiment, variants),
     .meaning =
         "JSON Pointers into this file, each with the list of values to be tried; their "
         "product is run. A value may be written { \"label\": NAME, \"value\": VALUE }, with what "
         "tables call it."},
    {.name = "rounds",
     .type = CONF_INT,
     .offset = offsetof(struct experiment, rounds),
     .otherwise = "1",
     .min = 1,
     .max = 1000,
     .meaning = "How often every variant is run, in turns."},
    {.name = "expect",
     .type = CONF_LIST,
     .offset = offsetof(struct experiment, expect),
     .element = CONF_STRING,
     .meaning =
         "What must hold of every variant (\"p99 < 250ms\") or of one (\"inline: "
         "gateway_failures < 0.1%\"); \"share(connect_refused) > 50%\" is about the requests "
         "that have a cause alone. \"p99 on /orders < 250ms\" about those of one route. In place "
         "of a value there may be another variant, or some times "
         "it: \"inline: p99 < 0.5 * deferred\"."},
    {.name = "claims",
     .type = CONF_LIST,
     .offset = offsetof(struct experiment, claims),
     .sub = &claim_conf_table,
     .meaning = "What others claim, to be set beside what is measured."},
    {.name = "investigate",
     .type = CONF_ENUM,
     .offset = offsetof(struct experiment, investigate),
     .otherwise = "none",
     .choices = investigation_choices,
     .meaning = "A question that the report answers." INVESTIGATIONS(INVESTIGATION_MEANING)},
};

const struct conf_table experiment_conf_table = {
    .name = "experiment",
    .meaning = "An experiment for tailgate run.",
    .size = sizeof(struct experiment),
    .keys = experiment_keys,
    .key_count = ARRAY_LEN(experiment_keys),
    .check = check_experiment,
    .item_offset = offsetof(struct experiment, item),
};

const struct backend_spec *experiment_backend(const struct experiment *experiment, const char *name)
{
    const struct backend_spec *backends = experiment->backends.items;
    for (size_t i = 0; i < experiment->backends.count; i++)
        if (strcmp(backends[i].name, name) == 0)
            return &backends[i];
    return NULL;
}

bool experiment_split_reference(const char *text, char *name, size_t size, int64_t *instance)
{
    if (text[0] != '@')
        return false;
    size_t length = strcspn(text + 1, "/");
    if (length == 0 || length >= size)
        return false;
    memcpy(name, text + 1, length);
    name[length] = '\0';
    *instance = -1;
    const char *number = text + 1 + length;
    if (*number == '\0')
        return true;
    number++;
    size_t digits = strspn(number, "0123456789");
    if (digits == 0 || digits > 6 || number[digits] != '\0')
        return false;
    *instance = strtol(number, NULL, 10);
    return true;
}

static const char *nearest_backend(const struct experiment *experiment, const char *name)
{
    const struct backend_spec *backends = experiment->backends.items;
    const char **names = mem_alloc(experiment->backends.count, sizeof(*names));
    for (size_t i = 0; i < experiment->backends.count; i++)
        names[i] = backends[i].name;
    const char *nearest = conf_nearest(name, names, experiment->backends.count);
    free(names);
    return nearest ? nearest : backends[0].name;
}

enum result experiment_check_reference(const struct experiment *experiment,
                                       const struct conf_doc *doc, const struct cJSON *item,
                                       const char *reference, struct error *error)
{
    char name[64];
    int64_t instance;
    if (!experiment_split_reference(reference, name, sizeof(name), &instance))
        return conf_error_at(doc, item, error,
                             "\"%s\" names no backend (expected \"@GROUP\" or \"@GROUP/NUMBER\")",
                             reference);
    const struct backend_spec *backend = experiment_backend(experiment, name);
    if (!backend)
        return conf_error_at(doc, item, error,
                             "there is no group of backends \"%s\" (nearest known one: \"@%s\")",
                             name, nearest_backend(experiment, name));
    if (instance >= backend->instances)
        return conf_error_at(doc, item, error,
                             "\"%s\" has %lld instance%s (expected \"@%s\" or \"@%s/0\" to "
                             "\"@%s/%lld\")",
                             name, (long long)backend->instances,
                             backend->instances == 1 ? "" : "s", name, name, name,
                             (long long)backend->instances - 1);
    return OK;
}
