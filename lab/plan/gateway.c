/* SPDX-License-Identifier: MIT */
#include "lab/plan/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "lib/base/memory.h"

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

enum result gateway_plan_read(struct gateway_plan **out, struct variant *variant,
                              const char *experiment_path, struct error *error)
{
    struct gateway_plan *plan = *out = mem_alloc(1, sizeof(*plan));
    enum result result = conf_read(variant->doc, variant->experiment.gateway, &gateway_conf_table,
                                   &plan->spec, &variant->arena, error);
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
