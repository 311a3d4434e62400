/* SPDX-License-Identifier: MIT */
#include "lab/run/command.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "lab/run/run_dir.h"
#include "lib/base/memory.h"
#include "lib/net/dial.h"

#define ASK_EVERY duration_ms(20)
#define ANSWER_MS 100 /* for which a connection is waited for: it is to this machine */

/* ---- whether it listens */

static bool accepts(const char *listen)
{
    struct address address;
    int fd = address_parse(&address, listen) ? dial_start(&address) : -1;
    if (fd < 0)
        return false;
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    bool connected = poll(&ready, 1, ANSWER_MS) == 1 && dial_error(fd) == 0;
    close(fd);
    return connected;
}

void command_look(struct process *process)
{
    if (!process->addresses && accepts(process->listen))
        process->addresses = mem_text(process->listen);
}

static enum result fail(const struct process *process, const char *what, struct error *error)
{
    struct buf text = {0};
    buf_append_text(&text, what);
    process_append_last_lines(process, &text);
    buf_printf(&text, " (its log: %s)", process->log_path);
    enum result result =
        error_set(error, FAILED_SYSTEM, "%.*s", (int)buf_len(&text), buf_head(&text));
    buf_free(&text);
    return result;
}

static enum result fail_by_end(const struct process *process, struct error *error)
{
    struct buf text = {0};
    process_describe_end(process, &text);
    enum result result = error_set(error, FAILED_SYSTEM,
                                   "the gateway ended before it accepted a connection (expected a "
                                   "command that stays in the foreground): %.*s",
                                   (int)buf_len(&text), buf_head(&text));
    buf_free(&text);
    return result;
}

static enum result wait_listening(struct process *process, const struct command_order *order,
                                  const char *listen, struct error *error)
{
    char text[ADDRESS_TEXT + 96];
    process->listen = mem_text(listen);
    mono deadline = mono_add(mono_now(), order->plan->spec.ready);
    while (mono_before(mono_now(), deadline)) {
        supervisor_wait(order->supervisor, mono_add(mono_now(), ASK_EVERY));
        enum result result = supervisor_check(order->supervisor, NULL, 0, NULL, error);
        if (result != OK)
            return result;
        if (process->ended)
            return fail_by_end(process, error);
        command_look(process);
        if (process->addresses)
            return OK;
    }
    snprintf(text, sizeof(text), "the gateway did not accept connections at %s within %.1f s",
             listen, (double)order->plan->spec.ready.ns / (double)NS_PER_S);
    return fail(process, text, error);
}

/* ---- its files */

/* The address that it is to listen on, with its port chosen. */
static enum result choose_address(const struct command_order *order, char *out, size_t size,
                                  struct error *error)
{
    cJSON *holder = cJSON_CreateObject();
    cJSON_AddStringToObject(holder, "address", order->plan->spec.listen);
    enum result result = reserve_ports(order->ports, holder, error);
    if (result == OK)
        snprintf(out, size, "%s", cJSON_GetObjectItemCaseSensitive(holder, "address")->valuestring);
    cJSON_Delete(holder);
    return result;
}

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
    enum result result = choose_address(order, listen, sizeof(listen), error);
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
        result = wait_listening(process, order, listen, error);
    free(config);
    free(folder);
    return result;
}
