/* SPDX-License-Identifier: MIT */
#include "proxy/process/reload.h"

#include <string.h>

#include "proxy/config/endpoints_file.h"
#include "proxy/process/generation.h"
#include "proxy/process/premises.h"
#include "proxy/process/resolution.h"

/* ---- what cannot change while the gateway runs */

static enum result check_fixed(const struct proxy *proxy, const struct generation *next,
                               struct error *error)
{
    struct buf names = {0};
    for (size_t i = 0; i < proxy_conf_table.key_count; i++) {
        const struct conf_key *key = &proxy_conf_table.keys[i];
        if ((key->flags & CONF_AT_START) && !conf_key_equal(key, proxy->config, &next->config))
            buf_printf(&names, "%s\"%s\"", buf_len(&names) ? ", " : "", key->name);
    }
    if (buf_len(&names) == 0)
        return OK;
    buf_append(&names, "", 1);
    enum result result = error_set(
        error, FAILED_INPUT,
        "%s: %s cannot change while the gateway runs (restart it, or put back what it was "
        "started with)",
        proxy->config_path, buf_head(&names));
    buf_free(&names);
    return result;
}

/* ---- the steps */

static void warn(void *arg, const char *message)
{
    const struct proxy *proxy = arg;
    log_warn(&proxy->log, NULL, "%s", message);
}

/* What files of endpoints and DNS say changes nothing about faults. */
static void take_faults(struct proxy *proxy, struct generation *next)
{
    struct error error;
    if (proxy->change.source == CHANGE_CONFIG &&
        proxy_faults_install(proxy, &next->faults, &error) != OK)
        log_warn(&proxy->log, NULL, "faults are recorded without names: %s", error.text);
}

static void hand_out(struct proxy *proxy, struct generation *next)
{
    generation_activate(next, proxy->generation);
    proxy->config = &next->config;
    atomic_store(&proxy->taking, (int)proxy->worker_count);
    atomic_store(&proxy->generation, next);
    take_faults(proxy, next);
    for (size_t i = 0; i < proxy->worker_count; i++)
        worker_wake(&proxy->workers[i]);
    directory_commit(&proxy->directory);
    record_writer_renew(proxy->records);
    resolution_note(proxy);
}

static void say_refused(struct proxy *proxy, const struct change *change, const struct error *why)
{
    switch (change->source) {
    case CHANGE_CONFIG:
        proxy->reloads_refused++;
        log_error(&proxy->log, NULL, "not reloaded, the old configuration goes on: %s", why->text);
        notify_ready(&proxy->notify, why->text);
        break;
    case CHANGE_ENDPOINTS_FILE:
        proxy->updates_refused++;
        log_error(&proxy->log, change->upstream, "the old endpoints stay: %s", why->text);
        endpoints_files_mark(&proxy->generation->config);
        break;
    case CHANGE_ANSWERS:
        proxy->answers_refused++;
        log_error(&proxy->log, NULL,
                  "the old addresses of the endpoints' names stay until the next answer: %s",
                  why->text);
        break;
    }
}

static void go_on(struct proxy *proxy)
{
    proxy->reloading = false;
    reload_watch(proxy);
    if (proxy->reload_again) {
        proxy->reload_again = false;
        reload_begin(proxy);
    }
}

static void refuse(struct proxy *proxy, const struct error *why)
{
    generation_release(&proxy->change.next);
    say_refused(proxy, &proxy->change, why);
    go_on(proxy);
}

/* It was read, and its names were looked up. */
static enum result finish(struct proxy *proxy, struct error *error)
{
    struct generation *next = proxy->change.next;
    enum result result = generation_listen(next, proxy, proxy->generation, error);
    if (result == OK)
        result = generation_share(next, error);
    if (result != OK) {
        directory_abort(&proxy->directory);
        return result;
    }
    proxy->change.next = NULL;
    proxy->answers_wait = false;
    if (proxy->change.source == CHANGE_CONFIG)
        secure_inspect(next->doc, &next->config, warn, proxy);
    if (proxy->change.source == CHANGE_ENDPOINTS_FILE)
        log_info(&proxy->log, proxy->change.upstream, "its file of endpoints has changed");
    hand_out(proxy, next);
    return OK;
}

void reload_settled(struct proxy *proxy)
{
    struct error error;
    if (atomic_load(&proxy->phase) != WORKER_SERVING) {
        directory_abort(&proxy->directory);
        generation_release(&proxy->change.next);
    } else if (finish(proxy, &error) != OK) {
        refuse(proxy, &error);
    }
}

static void keep_first(void *arg, const char *message)
{
    struct error *error = arg;
    if (!error->text[0])
        (void)error_set(error, FAILED_INPUT, "%s", message);
}

/* Users and folders are for the start alone. */
static enum result check_premises(const struct generation *next, struct error *error)
{
    error->text[0] = '\0';
    return premises_check(next->doc, &next->config, PREMISES_FILE, keep_first, error);
}

static enum result read_next(struct proxy *proxy, struct error *error)
{
    struct generation **next = &proxy->change.next;
    enum result result = proxy->change.source == CHANGE_CONFIG
                             ? generation_read(next, proxy->config_path, error)
                             : generation_read_again(next, proxy->generation, error);
    if (result == OK)
        result = check_fixed(proxy, *next, error);
    if (result == OK)
        result = check_premises(*next, error);
    if (result == OK)
        result = directory_prepare(&proxy->directory, &(*next)->config, error);
    return result;
}

static void begin(struct proxy *proxy, enum change_source source, const char *upstream)
{
    struct error error;
    proxy->reloading = true;
    proxy->change = (struct change){.source = source, .upstream = upstream};
    timer_stop(&proxy->watch);
    enum result result = read_next(proxy, &error);
    if (result == OK && directory_waits(&proxy->directory))
        return; /* reload_settled comes */
    if (result == OK)
        result = finish(proxy, &error);
    if (result != OK)
        refuse(proxy, &error);
}

void reload_begin(struct proxy *proxy)
{
    if (atomic_load(&proxy->phase) != WORKER_SERVING) {
        log_warn(&proxy->log, NULL, "not reloaded: the gateway is about to stop");
        return;
    }
    if (proxy->reloading) {
        proxy->reload_again = true;
        return;
    }
    notify_reloading(&proxy->notify);
    begin(proxy, CHANGE_CONFIG, NULL);
}

/* ---- endpoints in files, and by name */

void reload_answered(struct proxy *proxy, bool changed)
{
    proxy->answers_wait |= changed;
    if (proxy->answers_wait && !proxy->reloading && atomic_load(&proxy->phase) == WORKER_SERVING)
        begin(proxy, CHANGE_ANSWERS, NULL);
}

static void look_at_files(void *arg)
{
    struct proxy *proxy = arg;
    if (atomic_load(&proxy->phase) != WORKER_SERVING)
        return;
    const struct upstream_config *changed =
        proxy->reloading ? NULL : endpoints_files_changed(proxy->config);
    if (changed)
        begin(proxy, CHANGE_ENDPOINTS_FILE, changed->name);
    else
        reload_watch(proxy);
}

void reload_watch(struct proxy *proxy)
{
    timer_init(&proxy->watch, &proxy->loop, look_at_files, proxy);
    if (endpoints_files_used(proxy->config))
        timer_start(&proxy->watch, proxy->config->watch);
}

/* ---- the end */

static void say_reloaded(struct proxy *proxy)
{
    struct buf addresses = {0};
    proxy_addresses(proxy, &addresses);
    log_info(&proxy->log, NULL, "reloaded: configuration %llu is in use, %zu worker%s on %s",
             (unsigned long long)proxy->generation->number, proxy->worker_count,
             proxy->worker_count == 1 ? " listens" : "s listen", buf_head(&addresses));
    notify_ready(&proxy->notify, buf_head(&addresses));
    buf_free(&addresses);
}

static void reload_done(struct proxy *proxy)
{
    proxy->reloads++;
    say_reloaded(proxy);
    go_on(proxy);
    reload_answered(proxy, false);
}

void reload_look(struct proxy *proxy)
{
    list_foreach_safe (node, &proxy->generations) {
        struct generation *generation = list_entry(node, struct generation, node);
        if (generation != proxy->generation && atomic_load(&generation->users) == 0)
            generation_release(&generation);
    }
    if (proxy->reloading && !proxy->change.next && atomic_load(&proxy->taking) == 0)
        reload_done(proxy);
}
