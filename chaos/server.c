/* SPDX-License-Identifier: MIT */
#include "chaos/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/api/api.h"
#include "chaos/config.h"
#include "chaos/descriptors.h"
#include "chaos/link/link.h"
#include "chaos/reload.h"
#include "lib/serve/control.h"

/* Connections have so long to end when the process is asked to. */
#define DRAIN_TIME     duration_s(5)
#define DRAIN_INTERVAL duration_ms(5)

/* A configuration, and what it was read from. */
struct setup {
    struct conf_doc *doc;
    struct arena arena;
    struct chaos_config config;
};

struct chaos {
    const char *path;     /* of the file; NULL: there is none */
    struct setup *setup;  /* as the process was started */
    struct setup *latest; /* as the links are; the same until something else was taken over */
    struct log log;
    struct loop loop;
    struct journal journal;
    struct links links;
    struct api *api;
    struct control control;
    struct signal_watch terminate, interrupt, reload;
    struct timer drain_check;
    mono drain_until; /* not set: not draining */
    enum exit_status end;
};

/* ---- configurations */

static void setup_free(struct setup *setup)
{
    conf_doc_free(&setup->doc);
    arena_free(&setup->arena);
    free(setup);
}

static enum result setup_read(struct setup **out, const char *path, struct error *error)
{
    struct setup *setup = mem_alloc(1, sizeof(*setup));
    enum result result = path ? conf_doc_read(&setup->doc, path, error)
                              : conf_doc_parse(&setup->doc, "(no file)", "{}", 2, error);
    if (result == OK)
        result = conf_read(setup->doc, conf_doc_root(setup->doc), &chaos_conf_table, &setup->config,
                           &setup->arena, error);
    if (result == OK)
        *out = setup;
    else
        setup_free(setup);
    return result;
}

/* Links and their faults can change while the process runs, and nothing else. */
static enum result check_fixed(const struct chaos *chaos, const struct setup *next,
                               struct error *error)
{
    for (size_t i = 0; i < chaos_conf_table.key_count; i++) {
        const struct conf_key *key = &chaos_conf_table.keys[i];
        if (key->flags & CONF_AT_START &&
            !conf_key_equal(key, &chaos->setup->config, &next->config))
            return conf_error_at(next->doc, conf_member(conf_doc_root(next->doc), key->name), error,
                                 "\"%s\" is read at the start alone: start anew to change it",
                                 key->name);
    }
    return OK;
}

static enum result take_over(struct chaos *chaos, struct error *error)
{
    struct setup *next;
    enum result result = setup_read(&next, chaos->path, error);
    if (result != OK)
        return result;
    const struct chaos_change change = {.links = &chaos->links,
                                        .from = &chaos->latest->config,
                                        .to = &next->config,
                                        .source = conf_doc_name(next->doc)};
    result = check_fixed(chaos, next, error);
    if (result == OK)
        result = chaos_change_run(&change, error);
    struct setup *over = result == OK ? chaos->latest : next;
    if (result == OK)
        chaos->latest = next;
    if (over != chaos->setup)
        setup_free(over);
    return result;
}

static void on_reload_signal(void *arg)
{
    struct chaos *chaos = arg;
    struct error error;
    if (mono_is_set(chaos->drain_until))
        return;
    if (take_over(chaos, &error) == OK)
        log_info(&chaos->log, NULL, "reloaded");
    else
        log_error(&chaos->log, NULL, "%s; nothing has changed", error.text);
}

/* ---- stopping */

static void check_drained(void *arg)
{
    struct chaos *chaos = arg;
    bool late = !mono_before(mono_now(), chaos->drain_until);
    size_t open = links_open_connections(&chaos->links);
    if (open > 0 && late)
        log_warn(&chaos->log, NULL, "ended with %zu connections open", open);
    if (open > 0 && !late)
        timer_start(&chaos->drain_check, DRAIN_INTERVAL);
    else
        loop_stop(&chaos->loop);
}

static void on_stop_signal(void *arg)
{
    struct chaos *chaos = arg;
    if (mono_is_set(chaos->drain_until)) {
        loop_stop(&chaos->loop);
        return;
    }
    log_info(
        &chaos->log, NULL,
        "stopping: no new connections, up to 5 s for those that are open; a second signal ends "
        "at once");
    chaos->drain_until = mono_add(mono_now(), DRAIN_TIME);
    list_foreach (node, &chaos->links.all)
        link_stop_accepting(list_entry(node, struct link, node));
    api_drain(chaos->api);
    check_drained(chaos);
}

static void on_epoch(void *owner, mono epoch)
{
    struct chaos *chaos = owner;
    links_start(&chaos->links, epoch);
}

static void on_control_gone(void *owner)
{
    struct chaos *chaos = owner;
    log_error(&chaos->log, NULL, "the laboratory is gone: ending at once");
    chaos->end = EXIT_SYSTEM;
    loop_stop(&chaos->loop);
}

/* ---- opening */

static enum result open_faults(struct chaos *chaos, struct link *link,
                               const struct chaos_link_config *config, struct error *error)
{
    const struct fault_config *faults = config->faults.items;
    for (size_t i = 0; i < config->faults.count; i++) {
        struct fault *fault;
        enum result result =
            fault_make(&fault, faults[i].item, conf_doc_name(chaos->setup->doc), error);
        if (result != OK)
            return result;
        link_add_fault(link, fault, true);
    }
    return OK;
}

static enum result open_link(struct chaos *chaos, const struct chaos_link_config *config,
                             struct error *error)
{
    struct error why;
    struct link_ends ends = {.listen = config->listen, .upstream = config->upstream};
    struct link *link = link_add(&chaos->links, config->name);
    enum result result = link_find_ends(&ends, &why);
    if (result == OK)
        result = link_set_ends(link, &ends, &why);
    if (result == OK && config->enabled)
        result = link_enable(link, &why);
    if (result != OK)
        return error_set(error, result, "link \"%.64s\": %s", config->name, why.text);
    return open_faults(chaos, link, config, error);
}

static enum result open_parts(struct chaos *chaos, int control_fd, struct error *error)
{
    const struct chaos_config *config = &chaos->setup->config;
    const struct chaos_link_config *links = config->links.items;
    enum result result =
        journal_open(&chaos->journal, config->record, config->name, &chaos->log, error);
    for (size_t i = 0; i < config->links.count && result == OK; i++)
        result = open_link(chaos, &links[i], error);
    if (result == OK)
        result = api_open(&chaos->api, &config->api, &chaos->links, error);
    if (result == OK && control_fd >= 0)
        result = control_start(&chaos->control, &chaos->loop, control_fd, on_epoch, on_control_gone,
                               chaos, error);
    return result;
}

static enum result open_all(struct chaos *chaos, int control_fd, struct error *error)
{
    log_init(&chaos->log, chaos->setup->config.name, LOG_INFO);
    enum result result = loop_init(&chaos->loop, false, error);
    if (result != OK)
        return result;
    chaos_descriptors_keep(&chaos->log);
    signal(SIGPIPE, SIG_IGN);
    signal_watch_start(&chaos->terminate, &chaos->loop, SIGTERM, on_stop_signal, chaos);
    signal_watch_start(&chaos->interrupt, &chaos->loop, SIGINT, on_stop_signal, chaos);
    signal_watch_start(&chaos->reload, &chaos->loop, SIGHUP, on_reload_signal, chaos);
    timer_init(&chaos->drain_check, &chaos->loop, check_drained, chaos);
    chaos->links.seed = (uint64_t)chaos->setup->config.seed;
    flow_shared_init(&chaos->links.flows, chaos->setup->config.buffer);
    chaos->links.awake.patience = chaos->setup->config.stay_awake;
    const struct chaos_resolver_config *resolver = &chaos->setup->config.resolver;
    chaos->links.resolver_settings =
        (struct resolver_settings){.servers = resolver->server_peers,
                                   .server_count = resolver->servers.count,
                                   .timeout = resolver->timeout,
                                   .attempts = (int)resolver->attempts};
    result = links_init(&chaos->links, &chaos->loop, &chaos->log, &chaos->journal, error);
    return result == OK ? open_parts(chaos, control_fd, error) : result;
}

/* ---- running and closing */

/* Every address, the API's first. */
static void list_addresses(const struct chaos *chaos, struct buf *out)
{
    char text[ADDRESS_TEXT];
    buf_append_text(out, address_format(api_address(chaos->api), text, sizeof(text)));
    list_foreach (node, &chaos->links.all) {
        const struct link *link = list_entry(node, struct link, node);
        if (link_is_enabled(link))
            buf_printf(out, " %s", link->listen);
    }
    buf_append(out, "", 1);
}

static void run(struct chaos *chaos)
{
    struct buf addresses = {0};
    list_addresses(chaos, &addresses);
    if (chaos->control.fd >= 0)
        control_ready(&chaos->control, buf_head(&addresses));
    else
        links_start(&chaos->links, mono_now());
    log_info(&chaos->log, NULL, "ready %s", buf_head(&addresses));
    buf_free(&addresses);
    loop_run(&chaos->loop);
    list_foreach (node, &chaos->links.all) {
        const struct link *link = list_entry(node, struct link, node);
        log_info(&chaos->log, link->name,
                 "%llu connections, %llu bytes upstream, %llu bytes downstream, %llu found no "
                 "upstream",
                 (unsigned long long)link->accepted,
                 (unsigned long long)link_sent(link, FAULT_STREAM_UPSTREAM),
                 (unsigned long long)link_sent(link, FAULT_STREAM_DOWNSTREAM),
                 (unsigned long long)link->unreached);
    }
}

static void close_all(struct chaos *chaos)
{
    control_stop(&chaos->control);
    api_close(&chaos->api);
    links_release(&chaos->links);
    flow_shared_release(&chaos->links.flows);
    journal_close(&chaos->journal);
    signal_watch_stop(&chaos->terminate);
    signal_watch_stop(&chaos->interrupt);
    signal_watch_stop(&chaos->reload);
    timer_stop(&chaos->drain_check);
    loop_release(&chaos->loop);
}

enum exit_status chaos_run(const char *config_path, int control_fd)
{
    struct error error;
    struct chaos *chaos = mem_alloc(1, sizeof(*chaos));
    chaos->control.fd = -1;
    chaos->path = config_path;
    enum result result = setup_read(&chaos->setup, config_path, &error);
    chaos->latest = chaos->setup;
    if (result == OK)
        result = open_all(chaos, control_fd, &error);
    if (result == OK)
        run(chaos);
    else
        fprintf(stderr, "%s\n", error.text);
    if (chaos->loop.base)
        close_all(chaos);
    enum exit_status status = result == OK ? chaos->end : result_exit_status(result);
    if (chaos->latest != chaos->setup)
        setup_free(chaos->latest);
    if (chaos->setup)
        setup_free(chaos->setup);
    free(chaos);
    return status;
}
