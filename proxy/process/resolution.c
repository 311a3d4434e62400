/* SPDX-License-Identifier: MIT */
#include "proxy/process/resolution.h"

#include "proxy/process/reload.h"

/* ---- what is written down */

/* The main thread has nothing else to record: a gateway without names has no segment for it. */
static void open_writer(struct proxy *proxy)
{
    struct error error;
    if (proxy->records || !proxy->store)
        return;
    if (record_writer_open(&proxy->records, proxy->store, (uint16_t)proxy->worker_count, &error) !=
        OK)
        log_warn(&proxy->log, NULL, "what becomes of names is not recorded: %s", error.text);
}

static void write_state(struct proxy *proxy, const struct dns_name *name, uint16_t upstream)
{
    open_writer(proxy);
    const struct state_record row = {
        .at = mono_now().ns,
        .kind = name->failing ? STATE_DNS_FAILED : STATE_DNS_ANSWERED,
        .subject = upstream,
        .value = name->targets.count,
    };
    RECORD_APPEND(proxy->records, STATE, state, &row);
}

static bool has_name(const struct upstream_config *upstream, const struct directory *directory,
                     const struct dns_name *name)
{
    const struct endpoint_config *endpoints = upstream->configured.items;
    for (size_t i = 0; i < upstream->configured.count; i++)
        if (endpoints[i].dns && directory_find(directory, &endpoints[i]) == name)
            return true;
    return false;
}

static void note(struct proxy *proxy, struct dns_name *name)
{
    const struct generation *generation = proxy->generation;
    const struct upstream_config *upstreams = generation->config.upstreams.items;
    name->noted = name->failing;
    for (size_t i = 0; i < generation->config.upstreams.count; i++)
        if (has_name(&upstreams[i], &proxy->directory, name))
            write_state(proxy, name, generation->upstreams[i].name);
}

/* A name that no configuration in use has is written down once one has it. */
void resolution_note(struct proxy *proxy)
{
    if (!proxy->generation)
        return;
    list_foreach (node, &proxy->directory.names) {
        struct dns_name *name = list_entry(node, struct dns_name, node);
        if (!name->fresh && name->failing != name->noted)
            note(proxy, name);
    }
}

/* ---- what the directory says */

static void on_settled(void *arg)
{
    struct proxy *proxy = arg;
    if (proxy->generation)
        reload_settled(proxy);
    else
        loop_stop(&proxy->loop);
}

static void on_answered(void *arg, bool changed)
{
    reload_answered(arg, changed);
}

static void on_turned(void *arg)
{
    resolution_note(arg);
}

const struct directory_calls resolution_calls = {
    .settled = on_settled, .answered = on_answered, .turned = on_turned};

/* ---- the start */

enum result resolution_await(struct proxy *proxy, struct generation *first, struct error *error)
{
    enum result result = directory_prepare(&proxy->directory, &first->config, error);
    if (result != OK || !directory_waits(&proxy->directory))
        return result;
    log_info(&proxy->log, NULL, "looking up the names of endpoints");
    loop_run(&proxy->loop);
    return OK;
}
