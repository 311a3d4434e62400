/* SPDX-License-Identifier: MIT */
#include "proxy/process/directory.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/buf.h"
#include "lib/base/units.h"

/* ---- names */

struct dns_name *directory_find(const struct directory *directory,
                                const struct endpoint_config *endpoint)
{
    list_foreach (node, &directory->names) {
        struct dns_name *name = list_entry(node, struct dns_name, node);
        if (strcasecmp(name->host, endpoint->from.host) == 0 &&
            name->service == endpoint_is_service(endpoint))
            return name;
    }
    return NULL;
}

static const struct resolver_config *settings_of(const struct dns_name *name)
{
    const struct directory *directory = name->directory;
    return name->fresh ? directory->next : directory->current;
}

static void drop_name(struct dns_name *name)
{
    lookup_abandon(&name->lookup);
    timer_stop(&name->again);
    list_remove(&name->node);
    targets_release(&name->targets);
    free(name->host);
    free(name);
}

/* ---- what lookups find */

static void settle_soon(struct directory *directory)
{
    directory->awaited = 0;
    timer_stop(&directory->deadline);
    soon_ask(&directory->settle);
}

static void stop_awaiting(struct dns_name *name)
{
    struct directory *directory = name->directory;
    if (!name->awaited)
        return;
    name->awaited = false;
    if (--directory->awaited == 0)
        settle_soon(directory);
}

static void say_targets(const struct dns_name *name)
{
    struct buf text = {0};
    for (size_t i = 0; i < name->targets.count; i++) {
        const struct target *target = &name->targets.items[i];
        const struct ip_peer peer = {target->ip, target->port, IP_PEER_IP};
        char one[IP_PEER_TEXT];
        ip_peer_format(&peer, one);
        buf_printf(&text, "%s%s", i ? ", " : "", one);
    }
    buf_append(&text, "", 1);
    log_info(name->directory->log, name->host, "stands for %s", buf_head(&text));
    buf_free(&text);
}

static void note_cut(struct dns_name *name, size_t cut)
{
    name->directory->cut += cut;
    if (cut > 0 && cut != name->cut)
        log_warn(name->directory->log, name->host,
                 "%zu of its addresses are left out (resolver.max_addresses is %lld)", cut,
                 (long long)settings_of(name)->max_addresses);
    name->cut = cut;
}

static void turn(struct dns_name *name, bool failing)
{
    if (name->failing == failing)
        return;
    name->failing = failing;
    if (!failing)
        log_info(name->directory->log, name->host, "is answered again");
    name->directory->calls->turned(name->directory->arg);
}

static duration lifetime(const struct resolver_config *config, uint32_t ttl)
{
    duration life = duration_s((int64_t)ttl);
    life = life.ns < config->ttl_min.ns ? config->ttl_min : life;
    return life.ns > config->ttl_max.ns ? config->ttl_max : life;
}

static void take_answer(struct dns_name *name, struct lookup_news *news)
{
    struct directory *directory = name->directory;
    bool changed = !targets_equal(&name->targets, &news->targets);
    note_cut(name, news->cut);
    if (changed) {
        targets_release(&name->targets);
        name->targets = news->targets;
        news->targets = (struct targets){0};
        say_targets(name);
    }
    timer_start(&name->again, lifetime(settings_of(name), news->ttl));
    turn(name, false);
    if (!name->fresh)
        directory->calls->answered(directory->arg, changed);
}

/* Said once, until it is answered again. */
static void take_failure(struct dns_name *name, const struct lookup_news *news)
{
    const struct resolver_config *config = settings_of(name);
    char pause[32];
    if (!name->failing)
        log_warn(name->directory->log, name->host,
                 "cannot be looked up: %s (%s); it keeps its %zu addresses, and is asked for again "
                 "every %s",
                 dns_result_text(news->result), news->of, name->targets.count,
                 units_format_duration(pause, sizeof(pause), config->retry));
    timer_start(&name->again, config->retry);
    turn(name, true);
}

static void on_lookup(void *arg, struct lookup_news *news)
{
    struct dns_name *name = arg;
    struct directory *directory = name->directory;
    if (news->result == DNS_CANCELLED)
        return; /* who cancelled it asks anew, or drops the name */
    directory->lookups++;
    directory->results[news->result]++;
    if (news->result == DNS_ANSWERED)
        take_answer(name, news);
    else
        take_failure(name, news);
    stop_awaiting(name);
}

static void look_up(void *arg)
{
    struct dns_name *name = arg;
    const struct directory *directory = name->directory;
    const struct resolver_config *config = settings_of(name);
    const struct lookup_order order = {.host = name->host,
                                       .service = name->service,
                                       .family = (enum dns_family)config->family,
                                       .limit = (size_t)config->max_addresses};
    lookup_start(&name->lookup, name->fresh ? directory->asking : directory->resolver, &order,
                 on_lookup, name);
}

/* ---- the next configuration */

static void add_name(struct directory *directory, const struct endpoint_config *endpoint)
{
    struct dns_name *name = mem_alloc(1, sizeof(*name));
    *name = (struct dns_name){.directory = directory,
                              .host = mem_text(endpoint->from.host),
                              .service = endpoint_is_service(endpoint),
                              .wanted = true,
                              .fresh = true};
    timer_init(&name->again, directory->loop, look_up, name);
    list_push_back(&directory->names, &name->node);
}

static void want_names(struct directory *directory, const struct proxy_config *config)
{
    const struct upstream_config *upstreams = config->upstreams.items;
    list_foreach (node, &directory->names)
        list_entry(node, struct dns_name, node)->wanted = false;
    for (size_t i = 0; i < config->upstreams.count; i++) {
        const struct endpoint_config *endpoints = upstreams[i].endpoints.items;
        for (size_t j = 0; j < upstreams[i].endpoints.count; j++) {
            if (!endpoints[j].dns)
                continue;
            struct dns_name *name = directory_find(directory, &endpoints[j]);
            if (name)
                name->wanted = true;
            else
                add_name(directory, &endpoints[j]);
        }
    }
}

static bool wants_any(const struct directory *directory)
{
    list_foreach (node, &directory->names)
        if (list_entry(node, struct dns_name, node)->wanted)
            return true;
    return false;
}

static enum result choose_resolver(struct directory *directory, struct error *error)
{
    const struct resolver_config *next = directory->next;
    directory->asking = directory->resolver;
    if (!wants_any(directory) ||
        (directory->resolver && conf_equal(&resolver_conf_table, directory->current, next)))
        return OK;
    const struct resolver_settings settings = {.servers = next->server_peers,
                                               .server_count = next->servers.count,
                                               .timeout = next->timeout,
                                               .attempts = (int)next->attempts};
    return resolver_new(&directory->asking, directory->loop, &settings, error);
}

static void look_up_fresh(struct directory *directory)
{
    list_foreach (node, &directory->names) {
        struct dns_name *name = list_entry(node, struct dns_name, node);
        name->awaited = name->fresh;
        directory->awaited += name->fresh;
    }
    directory->waiting = directory->awaited > 0;
    if (!directory->waiting)
        return;
    timer_start(&directory->deadline, directory->next->wait);
    list_foreach (node, &directory->names) {
        struct dns_name *name = list_entry(node, struct dns_name, node);
        if (name->fresh)
            look_up(name);
    }
}

enum result directory_prepare(struct directory *directory, const struct proxy_config *next,
                              struct error *error)
{
    directory->next = &next->resolver;
    want_names(directory, next);
    enum result result = choose_resolver(directory, error);
    if (result == OK)
        look_up_fresh(directory);
    else
        directory_abort(directory);
    return result;
}

static void stop_waiting(struct directory *directory)
{
    directory->waiting = false;
    directory->awaited = 0;
    timer_stop(&directory->deadline);
    soon_cancel(&directory->settle);
}

/* Whoever asked by the old one, or is still to ask, asks anew. */
static void change_resolver(struct directory *directory)
{
    resolver_free(&directory->resolver);
    directory->resolver = directory->asking;
    list_foreach (node, &directory->names) {
        struct dns_name *name = list_entry(node, struct dns_name, node);
        if (!name->fresh)
            timer_start(&name->again, (duration){0});
    }
}

void directory_commit(struct directory *directory)
{
    stop_waiting(directory);
    list_foreach_safe (node, &directory->names) {
        struct dns_name *name = list_entry(node, struct dns_name, node);
        if (!name->wanted)
            drop_name(name);
    }
    if (directory->asking != directory->resolver)
        change_resolver(directory);
    directory->current = directory->next;
    directory->next = NULL;
    list_foreach (node, &directory->names)
        list_entry(node, struct dns_name, node)->fresh = false;
}

void directory_abort(struct directory *directory)
{
    stop_waiting(directory);
    if (directory->asking != directory->resolver)
        resolver_free(&directory->asking);
    directory->asking = directory->resolver;
    directory->next = NULL;
    list_foreach_safe (node, &directory->names) {
        struct dns_name *name = list_entry(node, struct dns_name, node);
        if (name->fresh)
            drop_name(name);
    }
}

/* ---- endpoints */

static size_t count_endpoints(const struct directory *directory, const struct conf_list *configured)
{
    const struct endpoint_config *endpoints = configured->items;
    size_t count = 0;
    for (size_t i = 0; i < configured->count; i++)
        count += endpoints[i].dns ? directory_find(directory, &endpoints[i])->targets.count : 1;
    return count;
}

/* "orders.internal/127.0.0.1:9001" is the name, what follows the slash the address. */
static struct endpoint_config of_target(const struct endpoint_config *from,
                                        const struct target *target, struct arena *arena)
{
    const struct ip_peer peer = {target->ip, target->port ? target->port : from->from.port,
                                 IP_PEER_IP};
    struct endpoint_config endpoint = *from;
    size_t host = strlen(from->from.host);
    char *name = arena_alloc(arena, host + 1 + IP_PEER_TEXT);
    memcpy(name, from->from.host, host);
    name[host] = '/';
    ip_peer_format(&peer, name + host + 1);
    endpoint.name = name;
    endpoint.address = name + host + 1;
    if (target->weight)
        endpoint.weight = target->weight;
    return endpoint;
}

static void expand(const struct directory *directory, struct upstream_config *upstream,
                   struct arena *arena)
{
    const struct endpoint_config *from = upstream->configured.items;
    size_t count = count_endpoints(directory, &upstream->configured), next = 0;
    struct endpoint_config *endpoints = arena_alloc(arena, (count + 1) * sizeof(*endpoints));
    for (size_t i = 0; i < upstream->configured.count; i++) {
        if (!from[i].dns) {
            endpoints[next++] = from[i];
            continue;
        }
        const struct targets *targets = &directory_find(directory, &from[i])->targets;
        for (size_t j = 0; j < targets->count; j++)
            endpoints[next++] = of_target(&from[i], &targets->items[j], arena);
    }
    upstream->endpoints = (struct conf_list){endpoints, count};
}

void directory_expand(const struct directory *directory, struct proxy_config *config,
                      struct arena *arena)
{
    struct upstream_config *upstreams = config->upstreams.items;
    for (size_t i = 0; i < config->upstreams.count; i++) {
        upstreams[i].configured = upstreams[i].endpoints;
        expand(directory, &upstreams[i], arena);
    }
}

/* ---- the whole */

static void on_settled(void *arg)
{
    struct directory *directory = arg;
    directory->waiting = false;
    directory->calls->settled(directory->arg);
}

static void on_deadline(void *arg)
{
    struct directory *directory = arg;
    list_foreach (node, &directory->names) {
        struct dns_name *name = list_entry(node, struct dns_name, node);
        if (name->awaited)
            log_warn(directory->log, name->host,
                     "is not answered in time (resolver.wait): it has no address for now");
        name->awaited = false;
    }
    settle_soon(directory);
}

void directory_init(struct directory *directory, struct loop *loop, const struct log *log,
                    const struct directory_calls *calls, void *arg)
{
    *directory = (struct directory){.loop = loop, .log = log, .calls = calls, .arg = arg};
    list_init(&directory->names);
    timer_init(&directory->deadline, loop, on_deadline, directory);
    soon_init(&directory->settle, loop, on_settled, directory);
}

void directory_release(struct directory *directory)
{
    if (!directory->loop)
        return;
    stop_waiting(directory);
    list_foreach_safe (node, &directory->names)
        drop_name(list_entry(node, struct dns_name, node));
    if (directory->asking != directory->resolver)
        resolver_free(&directory->asking);
    resolver_free(&directory->resolver);
}
