/* SPDX-License-Identifier: MIT */
#include "lab/run/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/run/listening.h"
#include "lab/run/run_dir.h"
#include "lib/base/memory.h"

/* ---- its files */

static char *path_in(const char *folder, const char *name)
{
    struct buf path = {0};
    buf_printf(&path, "%s/%s", folder, name);
    buf_append(&path, "", 1);
    char *kept = mem_text(buf_head(&path));
    buf_free(&path);
    return kept;
}

/* Programs change their folder: what they are told has to be a whole path. */
static enum result make_folder(const struct command_order *order, char **folder,
                               struct error *error)
{
    char *path = path_in(order->folder, "gateway");
    enum result result = folder_make(path, error);
    *folder = result == OK ? realpath(path, NULL) : NULL;
    if (result == OK && !*folder)
        result = error_errno(error, "%s", path);
    free(path);
    return result;
}

static char *config_path(const struct command_order *order, const char *folder)
{
    const char *template = order->plan->template_path;
    const char *slash = template ? strrchr(template, '/') : NULL;
    return path_in(folder, slash ? slash + 1 : template ? template : "none");
}

static enum result write_config(const struct command_order *order,
                                const struct gateway_place *place, struct error *error)
{
    struct buf text = {0};
    enum result result = gateway_render(order->plan, order->variant, place, &text, error);
    if (result == OK && order->plan->template_path)
        result = file_write(place->config, buf_head(&text), buf_len(&text), error);
    buf_free(&text);
    return result;
}

static enum result start(struct process *process, const struct command_order *order,
                         const struct gateway_place *place, struct error *error)
{
    char *program = gateway_find_program(order->plan, order->experiment_path);
    char **words = NULL, text[256];
    enum result result = program
                             ? OK
                             : error_set(error, FAILED_SYSTEM, "%s",
                                         gateway_describe_missing(order->plan, text, sizeof(text)));
    if (result == OK)
        result = gateway_command(order->plan, order->variant, place, &words, error);
    const struct process_spec spec = {
        .name = "gateway", .log_path = order->log_path, .program = program, .words = words};
    if (result == OK)
        result = process_start(process, order->supervisor, &spec, error);
    gateway_command_free(words);
    free(program);
    return result;
}

enum result command_start(struct process *process, const struct command_order *order, char **log,
                          struct error *error)
{
    char listen[ADDRESS_TEXT], *folder = NULL, *config = NULL;
    *log = NULL;
    enum result result =
        reserve_address(order->ports, order->plan->spec.listen, listen, sizeof(listen), error);
    if (result == OK)
        result = make_folder(order, &folder, error);
    if (result == OK) {
        config = config_path(order, folder);
        const struct gateway_place place = {listen, folder, config, order->book};
        result = write_config(order, &place, error);
        if (result == OK)
            result = start(process, order, &place, error);
    }
    if (result == OK && order->plan->spec.log.format != GATEWAY_LOG_NONE)
        *log = order->plan->spec.log.file ? path_in(folder, order->plan->spec.log.file)
                                          : mem_text(order->log_path);
    if (result == OK)
        result = listening_wait(process, order->supervisor, "the gateway", listen,
                                order->plan->spec.ready, error);
    free(config);
    free(folder);
    return result;
}
