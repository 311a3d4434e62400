/* SPDX-License-Identifier: MIT */
#include "lab/plan/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/plan/paths.h"
#include "lab/plan/program.h"
#include "lab/plan/template.h"
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

/* Without a template no file is made that {config} could stand for. */
static enum result check_config_word(const struct gateway_plan *plan, const struct variant *variant,
                                     struct error *error)
{
    const char *const *command = plan->spec.command.items;
    const cJSON *list = conf_member(plan->spec.item, "command");
    for (size_t i = 0; i < plan->spec.command.count && !plan->template_path; i++) {
        const struct template_source word = {.text = command[i], .length = strlen(command[i])};
        if (template_has_word(&word, "config"))
            return conf_error_at(variant->doc, cJSON_GetArrayItem(list, (int)i), error,
                                 "{config} stands for the file that is made from \"template\", "
                                 "and this gateway has none (expected a \"template\" beside the "
                                 "command, or the path of a file in the place of {config})");
    }
    return OK;
}

enum result gateway_plan_read(struct gateway_plan **out, struct variant *variant,
                              const char *experiment_path, struct error *error)
{
    struct gateway_plan *plan = *out = mem_alloc(1, sizeof(*plan));
    enum result result = conf_read(variant->doc, variant->experiment.gateway, &gateway_conf_table,
                                   &plan->spec, &variant->arena, error);
    if (result == OK)
        result = read_template(plan, variant, experiment_path, error);
    if (result == OK)
        result = check_config_word(plan, variant, error);
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

char *gateway_find_program(const struct gateway_plan *plan, const char *experiment_path)
{
    return program_find(program_of(plan), experiment_path);
}

const char *gateway_describe_missing(const struct gateway_plan *plan, char *out, size_t size)
{
    return program_describe_missing("the gateway", program_of(plan), out, size);
}
