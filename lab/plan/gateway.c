/* SPDX-License-Identifier: MIT */
#include "lab/plan/gateway.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "lab/plan/template.h"
#include "lib/base/memory.h"

/* ---- the table */

#define LOG_NAME(id, name) name,
static const char *const log_formats[] = {GATEWAY_LOGS(LOG_NAME) NULL};
#undef LOG_NAME

const char *gateway_log_format_name(enum gateway_log_format format)
{
    return log_formats[format];
}

static const struct conf_key value_keys[] = {
    {.name = "text",
     .type = CONF_STRING,
     .offset = offsetof(struct gateway_value, text),
     .flags = CONF_REQUIRED,
     .meaning = "What the placeholder stands for."},
};

static const struct conf_table value_table = {
    .name = "value of a template",
    .meaning = "A placeholder of the experiment's own; a bare string is what it stands for.",
    .size = sizeof(struct gateway_value),
    .name_offset = offsetof(struct gateway_value, name),
    .keys = value_keys,
    .key_count = ARRAY_LEN(value_keys),
    .shorthand = "text",
    .item_offset = CONF_NO_ITEM,
};

static const struct conf_key log_keys[] = {
    {.name = "format",
     .type = CONF_ENUM,
     .offset = offsetof(struct gateway_spec, log.format) - offsetof(struct gateway_spec, log),
     .flags = CONF_REQUIRED,
     .choices = log_formats,
     .meaning = "Whose words its reasons are; none: it has no log of requests."},
    {.name = "file",
     .type = CONF_STRING,
     .offset = offsetof(struct gateway_spec, log.file) - offsetof(struct gateway_spec, log),
     .flags = CONF_NOT_EMPTY,
     .meaning = "The file in {run} that it logs to; without one, what it writes to its standard "
                "output and error is its log."},
};

static const struct conf_table log_table = {
    .name = "log of a gateway",
    .meaning = "The log in which the gateway says how requests ended. The lines that begin with "
               "\"tailgate \" are read: words like status=502 and trace=\"...\" (traceparent).",
    .size = sizeof(((struct gateway_spec *)NULL)->log),
    .keys = log_keys,
    .key_count = ARRAY_LEN(log_keys),
    .item_offset = CONF_NO_ITEM,
};

static const struct conf_key keys[] = {
    {.name = "command",
     .type = CONF_LIST,
     .offset = offsetof(struct gateway_spec, command),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .element = CONF_STRING,
     .meaning = "The program and its arguments, run without a shell and in the foreground; they "
                "may hold placeholders. A path with a folder counts from the experiment's."},
    {.name = "template",
     .type = CONF_STRING,
     .offset = offsetof(struct gateway_spec, template),
     .flags = CONF_NOT_EMPTY,
     .meaning =
         "File beside the experiment from which {config} is made: {listen}, {listen.host}, "
         "{listen.port}, {run} (a folder for logs and pids), {user}, the names of \"values\", "
         "{@GROUP/NUMBER}, and {@GROUP}, whose line is there once for each instance; each "
         "of these two also with .host, .port, .name or .number."},
    {.name = "listen",
     .type = CONF_ADDRESS,
     .offset = offsetof(struct gateway_spec, listen),
     .otherwise = "127.0.0.1:0",
     .meaning = "Where it accepts requests; with port 0 it is told a free one."},
    {.name = "values",
     .type = CONF_MAP,
     .offset = offsetof(struct gateway_spec, values),
     .sub = &value_table,
     .meaning = "Placeholders of your own, for what variants change."},
    {.name = "log",
     .type = CONF_OBJECT,
     .offset = offsetof(struct gateway_spec, log),
     .sub = &log_table,
     .meaning = "Where it says how requests ended; without it, only clients and backends tell."},
    {.name = "ready",
     .type = CONF_DURATION,
     .offset = offsetof(struct gateway_spec, ready),
     .otherwise = "20s",
     .min = 1e6,
     .max = 600e9,
     .meaning = "How long it may take until it accepts connections."},
    {.name = "optional",
     .type = CONF_BOOL,
     .offset = offsetof(struct gateway_spec, optional),
     .otherwise = "false",
     .meaning = "Where the program is not installed, its variants are left out, and that is said."},
};

static enum result check_values(struct conf_read *read, void *object, const struct cJSON *item)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const struct gateway_spec *spec = object;
    const struct gateway_value *values = spec->values.items;
    for (size_t i = 0; i < spec->values.count; i++) {
        const char *name = values[i].name;
        size_t length = strlen(name);
        bool taken = strcmp(name, "listen") == 0 || strcmp(name, "run") == 0 ||
                     strcmp(name, "config") == 0 || strcmp(name, "user") == 0;
        if (taken || length == 0 || length > 40 || strspn(name, allowed) != length ||
            strchr("0123456789-", name[0]))
            return conf_fail(read, conf_member(conf_member(item, "values"), name),
                             "\"%.64s\" cannot name a placeholder (expected a name of letters, "
                             "digits, _ and - other than listen, run, config and user)",
                             name);
    }
    return OK;
}

const struct conf_table gateway_conf_table = {
    .name = "gateway that is a command",
    .meaning = "Another gateway, run as a program with a configuration made from a template.",
    .size = sizeof(struct gateway_spec),
    .keys = keys,
    .key_count = ARRAY_LEN(keys),
    .check = check_values,
    .item_offset = offsetof(struct gateway_spec, item),
};

/* ---- what a gateway is */

bool gateway_is_command(const cJSON *gateway)
{
    return conf_member(gateway, "command") != NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *gateway_name(const cJSON *gateway, char *out, size_t size)
{
    const cJSON *command = conf_member(gateway, "command");
    const cJSON *first = cJSON_IsArray(command) ? command->child : NULL;
    snprintf(out, size, "%s",
             !command                ? "tailgate"
             : cJSON_IsString(first) ? base_name(first->valuestring)
                                     : "command");
    return out;
}

/* ---- reading it */

/* A path that stands in the experiment, from where the experiment is. */
static char *path_beside(const char *experiment_path, const char *path)
{
    const char *slash = strrchr(experiment_path, '/');
    if (path[0] == '/' || !slash)
        return mem_text(path);
    struct buf whole = {0};
    buf_printf(&whole, "%.*s/%s", (int)(slash - experiment_path), experiment_path, path);
    buf_append(&whole, "", 1);
    char *kept = mem_text(buf_head(&whole));
    buf_free(&whole);
    return kept;
}

static enum result read_template(struct gateway_plan *plan, const struct variant *variant,
                                 const char *experiment_path, struct error *error)
{
    const cJSON *item = conf_member(plan->spec.item, "template");
    struct error why;
    if (!plan->spec.template)
        return OK;
    plan->template_path = path_beside(experiment_path, plan->spec.template);
    if (buf_read_file(&plan->template_text, plan->template_path, &why) != OK)
        return conf_error_at(variant->doc, item, error,
                             "%s (expected a template beside the experiment)", why.text);
    if (memchr(buf_head(&plan->template_text), '\0', buf_len(&plan->template_text)))
        return conf_error_at(variant->doc, item, error, "%s is no text (it holds a NUL byte)",
                             plan->template_path);
    return OK;
}

/* Addresses that are well formed and differ, to look at the placeholders with. */
static enum result try_to_render(const struct gateway_plan *plan, const struct variant *variant,
                                 struct error *error)
{
    struct endpoint_book book = endpoint_book_of_stand_ins(&variant->experiment);
    const struct gateway_place place = {"127.0.0.1:1", "/", "/config", &book};
    struct buf text = {0};
    char **words = NULL;
    enum result result = gateway_render(plan, variant, &place, &text, error);
    if (result == OK)
        result = gateway_command(plan, variant, &place, &words, error);
    gateway_command_free(words);
    buf_free(&text);
    endpoint_book_free(&book);
    return result;
}

enum result gateway_plan_read(struct gateway_plan **out, const struct variant *variant,
                              const char *experiment_path, struct error *error)
{
    struct gateway_plan *plan = *out = mem_alloc(1, sizeof(*plan));
    struct arena *arena = (struct arena *)(uintptr_t)&variant->arena;
    enum result result = conf_read(variant->doc, variant->experiment.gateway, &gateway_conf_table,
                                   &plan->spec, arena, error);
    if (result == OK)
        result = read_template(plan, variant, experiment_path, error);
    return result == OK ? try_to_render(plan, variant, error) : result;
}

void gateway_plan_free(struct gateway_plan **out)
{
    struct gateway_plan *plan = *out;
    *out = NULL;
    if (!plan)
        return;
    free(plan->template_path);
    buf_free(&plan->template_text);
    free(plan);
}

/* ---- writing it */

/* The words and groups that placeholders stand for; the lists are the caller's to free. */
struct vocabulary {
    struct template_word *words;
    struct template_group *groups;
    struct template_words all;
    char host[ADDRESS_TEXT];
    char user[64];
};

static void name_user(char *out, size_t size)
{
    const struct passwd *entry = getpwuid(geteuid());
    if (entry)
        snprintf(out, size, "%s", entry->pw_name);
    else
        snprintf(out, size, "%lld", (long long)geteuid());
}

/* The instances of a group stand one behind the other in the book. */
static struct template_group group_of(const struct backend_spec *backend,
                                      const struct endpoint_book *book)
{
    char first[ENDPOINT_PROCESS];
    endpoint_process_name(first, sizeof(first), backend->name, 0);
    for (size_t i = 0; i < book->count; i++)
        if (strcmp(book->items[i].process, first) == 0)
            return (struct template_group){backend->name, &book->items[i],
                                           (size_t)backend->instances};
    return (struct template_group){backend->name, NULL, 0};
}

static void vocabulary_make(struct vocabulary *vocabulary, const struct gateway_plan *plan,
                            const struct variant *variant, const struct gateway_place *place)
{
    const struct gateway_value *values = plan->spec.values.items;
    const struct backend_spec *backends = variant->experiment.backends.items;
    size_t value_count = plan->spec.values.count, group_count = variant->experiment.backends.count;
    const char *colon = strrchr(place->listen, ':');
    snprintf(vocabulary->host, sizeof(vocabulary->host), "%.*s", (int)(colon - place->listen),
             place->listen);
    name_user(vocabulary->user, sizeof(vocabulary->user));
    const struct template_word own[] = {
        {"listen", place->listen}, {"listen.host", vocabulary->host}, {"listen.port", colon + 1},
        {"run", place->folder},    {"config", place->config},         {"user", vocabulary->user},
    };
    vocabulary->words = mem_alloc(ARRAY_LEN(own) + value_count, sizeof(*vocabulary->words));
    memcpy(vocabulary->words, own, sizeof(own));
    for (size_t i = 0; i < value_count; i++)
        vocabulary->words[ARRAY_LEN(own) + i] =
            (struct template_word){values[i].name, values[i].text};
    vocabulary->groups = mem_alloc(group_count, sizeof(*vocabulary->groups));
    for (size_t i = 0; i < group_count; i++)
        vocabulary->groups[i] = group_of(&backends[i], place->book);
    vocabulary->all = (struct template_words){vocabulary->words, ARRAY_LEN(own) + value_count,
                                              vocabulary->groups, group_count};
}

static void vocabulary_free(struct vocabulary *vocabulary)
{
    free(vocabulary->words);
    free(vocabulary->groups);
}

enum result gateway_render(const struct gateway_plan *plan, const struct variant *variant,
                           const struct gateway_place *place, struct buf *out, struct error *error)
{
    if (!plan->template_path)
        return OK;
    struct vocabulary vocabulary;
    vocabulary_make(&vocabulary, plan, variant, place);
    const struct template_source source = {.name = plan->template_path,
                                           .text = buf_head(&plan->template_text),
                                           .length = buf_len(&plan->template_text)};
    enum result result = template_render(out, &source, &vocabulary.all, error);
    vocabulary_free(&vocabulary);
    return result;
}

/* One word; what is wrong with it stands where the word stands in the experiment. */
static enum result render_word(const struct template_words *words, const char *text,
                               const struct variant *variant, const cJSON *item, struct buf *out,
                               struct error *error)
{
    static const char name[] = "command";
    struct error why;
    const struct template_source source = {
        .name = name, .text = text, .length = strlen(text), .one_line = true};
    if (template_render(out, &source, words, &why) == OK)
        return OK;
    const char *what = strstr(why.text, ": ");
    return conf_error_at(variant->doc, item, error, "%s", what ? what + 2 : why.text);
}

enum result gateway_command(const struct gateway_plan *plan, const struct variant *variant,
                            const struct gateway_place *place, char ***out, struct error *error)
{
    const char *const *command = plan->spec.command.items;
    const cJSON *list = conf_member(plan->spec.item, "command");
    struct vocabulary vocabulary;
    vocabulary_make(&vocabulary, plan, variant, place);
    char **words = *out = mem_alloc(plan->spec.command.count + 1, sizeof(*words));
    enum result result = OK;
    for (size_t i = 0; i < plan->spec.command.count && result == OK; i++) {
        struct buf word = {0};
        result = render_word(&vocabulary.all, command[i], variant, cJSON_GetArrayItem(list, (int)i),
                             &word, error);
        buf_append(&word, "", 1);
        words[i] = mem_text(buf_head(&word));
        buf_free(&word);
    }
    vocabulary_free(&vocabulary);
    return result;
}

void gateway_command_free(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}

bool gateway_leads_to(const struct gateway_plan *plan, const char *group, int64_t instance)
{
    const char *const *command = plan->spec.command.items;
    const struct template_source template = {.text = buf_head(&plan->template_text),
                                             .length = buf_len(&plan->template_text)};
    bool leads = plan->template_path && template_leads_to(&template, group, instance);
    for (size_t i = 0; i < plan->spec.command.count && !leads; i++) {
        const struct template_source word = {.text = command[i], .length = strlen(command[i])};
        leads = template_leads_to(&word, group, instance);
    }
    return leads;
}

/* ---- whether it is installed */

static const char *program_of(const struct gateway_plan *plan)
{
    return ((const char *const *)plan->spec.command.items)[0];
}

static char *find_in_path(const char *path, const char *program)
{
    size_t length;
    for (const char *at = path; *at; at += length + (at[length] == ':')) {
        length = strcspn(at, ":");
        struct buf whole = {0};
        buf_printf(&whole, "%.*s/%s", (int)length, at, program);
        buf_append(&whole, "", 1);
        char *found =
            length > 0 && access(buf_head(&whole), X_OK) == 0 ? mem_text(buf_head(&whole)) : NULL;
        buf_free(&whole);
        if (found)
            return found;
    }
    return NULL;
}

/* Where services are is not in everybody's PATH. */
static char *find_anywhere(const char *program)
{
    const char *path = getenv("PATH");
    char *found = path ? find_in_path(path, program) : NULL;
    return found ? found : find_in_path("/usr/local/sbin:/usr/sbin:/sbin", program);
}

char *gateway_find_program(const struct gateway_plan *plan, const char *experiment_path)
{
    const char *program = program_of(plan);
    if (!strchr(program, '/'))
        return find_anywhere(program);
    char *path = path_beside(experiment_path, program);
    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

/* Where programs come from whose names say it. */
static const struct {
    const char *program, *source;
} sources[] = {
    {"nginx", "Debian's package nginx"},
    {"haproxy", "Debian's package haproxy"},
    {"envoy", "not packaged by Debian: see its own site"},
    {"apache2", "Debian's package apache2"},
    {"varnishd", "Debian's package varnish"},
    {"h2o", "Debian's package h2o"},
    {"caddy", "Debian's package caddy"},
    {"traefik", "not packaged by Debian: see its own site"},
};

const char *gateway_describe_missing(const struct gateway_plan *plan, char *out, size_t size)
{
    const char *program = program_of(plan), *source = "looked for in PATH";
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (strcmp(base_name(program), sources[i].program) == 0)
            source = sources[i].source;
    snprintf(out, size, "the gateway \"%.80s\" is not installed (%s)", program,
             strchr(program, '/') ? "there is no such program" : source);
    return out;
}
