/* SPDX-License-Identifier: MIT */
#include "proxy/process/reload.h"

#include <string.h>

#include "proxy/config/endpoints_file.h"
#include "proxy/process/generation.h"

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

/* From the configuration's file, or from what was read of it before. */
enum source { SOURCE_FILE, SOURCE_MEMORY };

static enum result make_next(struct proxy *proxy, enum source source, struct generation **next,
                             struct error *error)
{
    enum result result = source == SOURCE_FILE
                             ? generation_read(next, proxy->config_path, error)
                             : generation_read_again(next, proxy->generation, error);
    if (result == OK)
        result = check_fixed(proxy, *next, error);
    if (result == OK)
        result = generation_prepare(*next, proxy, proxy->generation, error);
    if (result != OK)
        generation_release(next);
    return result;
}

static void warn(void *arg, const char *message)
{
    const struct proxy *proxy = arg;
    log_warn(&proxy->log, NULL, "%s", message);
}

static void hand_out(struct proxy *proxy, struct generation *next)
{
    proxy->reloading = true;
    generation_activate(next, proxy->generation);
    proxy->config = &next->config;
    atomic_store(&proxy->taking, (int)proxy->worker_count);
    atomic_store(&proxy->generation, next);
    for (size_t i = 0; i < proxy->worker_count; i++)
        worker_wake(&proxy->workers[i]);
}

void reload_begin(struct proxy *proxy)
{
    struct error error;
    struct generation *next;
    if (atomic_load(&proxy->phase) != WORKER_SERVING) {
        log_warn(&proxy->log, NULL, "not reloaded: the gateway is about to stop");
        return;
    }
    if (proxy->reloading) {
        proxy->reload_again = true;
        return;
    }
    notify_reloading(&proxy->notify);
    if (make_next(proxy, SOURCE_FILE, &next, &error) != OK) {
        proxy->reloads_refused++;
        log_error(&proxy->log, NULL, "not reloaded, the old configuration goes on: %s", error.text);
        notify_ready(&proxy->notify, error.text);
        return;
    }
    secure_inspect(next->doc, &next->config, warn, proxy);
    hand_out(proxy, next);
}

/* ---- endpoints in files */

static void update_endpoints(struct proxy *proxy, const char *upstream)
{
    struct error error;
    struct generation *next;
    if (make_next(proxy, SOURCE_MEMORY, &next, &error) == OK) {
        log_info(&proxy->log, upstream, "its file of endpoints has changed");
        hand_out(proxy, next);
        return;
    }
    proxy->updates_refused++;
    log_error(&proxy->log, upstream, "the old endpoints stay: %s", error.text);
    endpoints_files_mark(&proxy->generation->config);
}

static void look_at_files(void *arg)
{
    struct proxy *proxy = arg;
    if (atomic_load(&proxy->phase) != WORKER_SERVING)
        return;
    const struct upstream_config *changed =
        proxy->reloading ? NULL : endpoints_files_changed(proxy->config);
    if (changed)
        update_endpoints(proxy, changed->name);
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
    log_info(&proxy->log, NULL, "reloaded: configuration %llu is in use, workers listen on %s",
             (unsigned long long)proxy->generation->number, buf_head(&addresses));
    notify_ready(&proxy->notify, buf_head(&addresses));
    buf_free(&addresses);
}

static void reload_done(struct proxy *proxy)
{
    proxy->reloading = false;
    proxy->reloads++;
    say_reloaded(proxy);
    timer_stop(&proxy->watch);
    reload_watch(proxy);
    if (proxy->reload_again) {
        proxy->reload_again = false;
        reload_begin(proxy);
    }
}

void reload_look(struct proxy *proxy)
{
    list_foreach_safe (node, &proxy->generations) {
        struct generation *generation = list_entry(node, struct generation, node);
        if (generation != proxy->generation && atomic_load(&generation->users) == 0)
            generation_release(&generation);
    }
    if (proxy->reloading && atomic_load(&proxy->taking) == 0)
        reload_done(proxy);
}
