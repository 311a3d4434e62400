/* SPDX-License-Identifier: MIT */
#include "proxy/process/generation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/net/listener.h"
#include "proxy/config/endpoints_file.h"
#include "proxy/process/limiters.h"
#include "proxy/process/proxy.h"
#include "proxy/process/throttles.h"

/* From the document, which it owns from now on. */
static enum result read_config(struct generation *generation, const struct generation *before,
                               struct error *error)
{
    enum result result =
        conf_read(generation->doc, conf_doc_root(generation->doc), &proxy_conf_table,
                  &generation->config, &generation->arena, error);
    if (result == OK)
        result =
            endpoints_files_read(generation->doc, &generation->config, &generation->arena, error);
    if (result == OK && before)
        result = secure_share(&generation->secure, &before->secure, generation->doc,
                              &generation->config, error);
    else if (result == OK)
        result = secure_build(&generation->secure, generation->doc, &generation->config, error);
    return result;
}

/* `before` is another of the same document, or NULL. */
static enum result make(struct generation **out, struct conf_doc *doc,
                        const struct generation *before, struct error *error)
{
    struct generation *generation = mem_alloc(1, sizeof(*generation));
    list_init(&generation->node);
    generation->doc = doc;
    enum result result = read_config(generation, before, error);
    if (result != OK)
        generation_release(&generation);
    *out = generation;
    return result;
}

enum result generation_read(struct generation **out, const char *path, struct error *error)
{
    struct conf_doc *doc = NULL;
    *out = NULL;
    enum result result = conf_doc_read(&doc, path, error);
    return result == OK ? make(out, doc, NULL, error) : result;
}

enum result generation_read_again(struct generation **out, const struct generation *before,
                                  struct error *error)
{
    struct conf_doc *doc = NULL;
    const char *text = conf_doc_text(before->doc);
    *out = NULL;
    enum result result =
        conf_doc_parse(&doc, conf_doc_name(before->doc), text, strlen(text), error);
    return result == OK ? make(out, doc, before, error) : result;
}

static enum result parse_address(struct address *address, const char *text, struct error *error)
{
    if (address_parse(address, text))
        return OK;
    return error_set(error, FAILED_INPUT, "\"%s\" is not an address", text);
}

/* ---- upstreams */

static struct shared_upstream *find_upstream(const struct proxy *proxy, const char *name)
{
    list_foreach (node, &proxy->generations) {
        const struct generation *generation = list_entry(node, struct generation, node);
        int index = proxy_config_upstream(&generation->config, name);
        if (index >= 0) {
            generation->upstreams[index].shared->uses++;
            return generation->upstreams[index].shared;
        }
    }
    return shared_upstream_new(proxy->worker_count);
}

static bool is_among(struct shared_endpoint *const *endpoints, size_t count,
                     const struct shared_endpoint *endpoint)
{
    for (size_t i = 0; i < count; i++)
        if (endpoints[i] == endpoint)
            return true;
    return false;
}

/* An endpoint of that address which is not among `taken`: several names may stand for one. */
static struct shared_endpoint *find_endpoint_in(const struct generation *generation,
                                                const char *upstream, const struct address *address,
                                                const struct generation_upstream *taken,
                                                size_t taken_count)
{
    int index = proxy_config_upstream(&generation->config, upstream);
    if (index < 0)
        return NULL;
    const struct upstream_config *config =
        (const struct upstream_config *)generation->config.upstreams.items + index;
    for (size_t i = 0; i < config->endpoints.count; i++) {
        struct shared_endpoint *endpoint = generation->upstreams[index].endpoints[i];
        if (address_equal(&endpoint->address, address) &&
            !is_among(taken->endpoints, taken_count, endpoint))
            return endpoint;
    }
    return NULL;
}

static struct shared_endpoint *find_endpoint(const struct proxy *proxy, const char *upstream,
                                             const struct address *address,
                                             const struct generation_upstream *taken,
                                             size_t taken_count)
{
    list_foreach (node, &proxy->generations) {
        struct shared_endpoint *endpoint = find_endpoint_in(
            list_entry(node, struct generation, node), upstream, address, taken, taken_count);
        if (endpoint) {
            endpoint->uses++;
            return endpoint;
        }
    }
    return shared_endpoint_new(address, proxy->worker_count);
}

static enum result share_upstream(struct generation *generation, size_t number, struct error *error)
{
    struct proxy *proxy = generation->proxy;
    const struct upstream_config *config =
        (const struct upstream_config *)generation->config.upstreams.items + number;
    const struct endpoint_config *endpoints = config->endpoints.items;
    struct generation_upstream *upstream = &generation->upstreams[number];
    size_t count = config->endpoints.count;
    enum result result = OK;
    upstream->shared = find_upstream(proxy, config->name);
    upstream->name = names_add(&proxy->names, config->name);
    upstream->endpoints = mem_alloc(count, sizeof(struct shared_endpoint *));
    upstream->endpoint_names = mem_alloc(count, sizeof(*upstream->endpoint_names));
    for (size_t i = 0; i < count && result == OK; i++) {
        struct address address;
        result = parse_address(&address, endpoints[i].address, error);
        if (result != OK)
            break;
        upstream->endpoints[i] = find_endpoint(proxy, config->name, &address, upstream, i);
        upstream->endpoint_names[i] = names_add(&proxy->names, endpoints[i].name);
    }
    return result;
}

static void release_upstream(struct generation *generation, size_t number)
{
    const struct upstream_config *config =
        (const struct upstream_config *)generation->config.upstreams.items + number;
    struct generation_upstream *upstream = &generation->upstreams[number];
    for (size_t i = 0; upstream->endpoints && i < config->endpoints.count; i++)
        shared_endpoint_drop(upstream->endpoints[i], upstream->shared);
    shared_upstream_drop(upstream->shared);
    free(upstream->endpoints);
    free(upstream->endpoint_names);
}

static void name_routes(struct generation *generation)
{
    const struct route_config *routes = generation->config.routes.items;
    size_t count = generation->config.routes.count;
    generation->route_names = mem_alloc(count, sizeof(*generation->route_names));
    for (size_t i = 0; i < count; i++)
        generation->route_names[i] = names_add(&generation->proxy->names, routes[i].name);
}

/* Names have been added, and are told to the records. */
static enum result publish_names(struct generation *generation, size_t known, struct error *error)
{
    struct proxy *proxy = generation->proxy;
    const struct names *names = &proxy->names;
    size_t size = names->count * sizeof(*names->items);
    generation->name_count = names->count;
    generation->names = mem_alloc(names->count, sizeof(*names->items));
    memcpy(generation->names, names->items, size);
    return proxy->store ? record_store_add_names(proxy->store, names->items + known,
                                                 names->count - known, error)
                        : OK;
}

static enum result share(struct generation *generation, struct error *error)
{
    size_t count = generation->config.upstreams.count;
    size_t known = generation->proxy->names.count;
    enum result result = OK;
    generation->upstreams = mem_alloc(count, sizeof(*generation->upstreams));
    name_routes(generation);
    for (size_t i = 0; i < count && result == OK; i++)
        result = share_upstream(generation, i, error);
    generation->throttles = throttles_new(generation);
    generation->limiters = limiters_new(generation);
    if (result == OK)
        result = proxy_faults_prepare(&generation->faults, generation, error);
    enum result published = publish_names(generation, known, error);
    return result == OK ? published : result;
}

/* ---- listeners */

int generation_find_listener(const struct generation *generation, const struct generation *of,
                             size_t number)
{
    const struct address *address = &of->listeners[number].configured;
    size_t ordinal = 0;
    for (size_t i = 0; i < number; i++)
        ordinal += address_equal(&of->listeners[i].configured, address);
    for (size_t i = 0; i < generation->config.listeners.count; i++)
        if (address_equal(&generation->listeners[i].configured, address) && ordinal-- == 0)
            return (int)i;
    return -1;
}

static in_port_t port_of(const struct address *address)
{
    return address->u.any.sa_family == AF_INET    ? address->u.in.sin_port
           : address->u.any.sa_family == AF_INET6 ? address->u.in6.sin6_port
                                                  : 0;
}

/* An address and a wildcard of the same port are one to the kernel's check; it is our own socket
 * that would be in the way. */
static bool has_port(const struct generation *generation, in_port_t port)
{
    for (size_t i = 0; generation && i < generation->config.listeners.count; i++)
        if (port != 0 && port_of(&generation->listeners[i].bound) == port)
            return true;
    return false;
}

static const struct listener_config *config_of(const struct generation *generation, size_t number)
{
    return (const struct listener_config *)generation->config.listeners.items + number;
}

static enum result open_sockets(struct generation_listener *listener,
                                const struct listener_config *config, size_t workers,
                                struct error *error)
{
    const struct listener_options options = {.share = true, .mode = config->permissions};
    bool is_path = listener->configured.u.any.sa_family == AF_UNIX;
    for (size_t i = 0; i < workers; i++) {
        if (i > 0 && is_path) {
            listener->sockets[i] = fcntl(listener->sockets[0], F_DUPFD_CLOEXEC, 0);
            if (listener->sockets[i] < 0)
                return error_errno(error, "cannot share a listening socket");
            continue;
        }
        enum result result =
            listener_socket(&listener->sockets[i], &listener->bound, &options, error);
        if (result != OK)
            return result;
        address_of_socket(&listener->bound, listener->sockets[i]);
    }
    return OK;
}

static enum result open_listener(struct generation *generation, size_t number,
                                 const struct generation *before, struct error *error)
{
    struct generation_listener *listener = &generation->listeners[number];
    size_t workers = generation->proxy->worker_count;
    listener->kept = before ? generation_find_listener(before, generation, number) : -1;
    if (listener->kept >= 0) {
        listener->bound = before->listeners[listener->kept].bound;
        return OK;
    }
    listener->sockets = mem_alloc(workers, sizeof(*listener->sockets));
    for (size_t i = 0; i < workers; i++)
        listener->sockets[i] = -1;
    listener->bound = listener->configured;
    enum result result = has_port(before, port_of(&listener->configured))
                             ? OK
                             : listener_check_free(&listener->configured, error);
    return result == OK ? open_sockets(listener, config_of(generation, number), workers, error)
                        : result;
}

static enum result open_listeners(struct generation *generation, const struct generation *before,
                                  struct error *error)
{
    const struct listener_config *configs = generation->config.listeners.items;
    size_t count = generation->config.listeners.count;
    enum result result = OK;
    generation->listeners = mem_alloc(count, sizeof(*generation->listeners));
    for (size_t i = 0; i < count && result == OK; i++)
        result = parse_address(&generation->listeners[i].configured, configs[i].address, error);
    for (size_t i = 0; i < count && result == OK; i++)
        result = open_listener(generation, i, before, error);
    return result;
}

/* Also what no worker has taken over. */
static void release_listener(struct generation *generation, size_t number)
{
    struct generation_listener *listener = &generation->listeners[number];
    if (!listener->sockets)
        return;
    bool is_path = listener->configured.u.any.sa_family == AF_UNIX;
    if (is_path && listener->sockets[0] >= 0)
        unlink(listener->configured.u.un.sun_path);
    for (size_t i = 0; i < generation->proxy->worker_count; i++)
        if (listener->sockets[i] >= 0)
            close(listener->sockets[i]);
    free(listener->sockets);
}

/* ---- the whole */

enum result generation_listen(struct generation *generation, struct proxy *proxy,
                              const struct generation *before, struct error *error)
{
    generation->proxy = proxy;
    generation->number = before ? before->number + 1 : 1;
    atomic_store(&generation->users, (int)proxy->worker_count);
    return open_listeners(generation, before, error);
}

enum result generation_share(struct generation *generation, struct error *error)
{
    struct proxy *proxy = generation->proxy;
    directory_expand(&proxy->directory, &generation->config, &generation->arena);
    enum result result = share(generation, error);
    if (result == OK)
        list_push_front(&proxy->generations, &generation->node);
    return result;
}

/* ---- health */

static void leave(const struct generation *before)
{
    const struct upstream_config *upstreams = before->config.upstreams.items;
    for (size_t i = 0; i < before->config.upstreams.count; i++) {
        struct generation_upstream *upstream = &before->upstreams[i];
        for (size_t j = 0; j < upstreams[i].endpoints.count; j++)
            health_leave(&upstream->endpoints[j]->health, &upstream->shared->group);
    }
}

static void join(struct generation_upstream *upstream, const struct upstream_config *config)
{
    struct health_group *group = &upstream->shared->group;
    mono now = mono_now();
    breaker_configure(&upstream->shared->breaker, &config->breaker);
    health_group_configure(group, config->endpoints.count, config->health.panic_threshold);
    for (size_t i = 0; i < config->endpoints.count; i++) {
        struct health *health = &upstream->endpoints[i]->health;
        health_configure(health, group, &config->health, now);
        health_join(health, group);
    }
}

/* Of a path that goes on being listened on under other permissions. A path that is gone is left to
 * whoever took it. */
static void keep_mode(const struct generation *generation, size_t number)
{
    const struct generation_listener *listener = &generation->listeners[number];
    unsigned mode = config_of(generation, number)->permissions;
    if (listener->kept >= 0 && mode != 0 && chmod(listener->configured.u.un.sun_path, mode) != 0)
        log_warn(&generation->proxy->log, NULL, "cannot set the permissions of %s: %s",
                 listener->configured.u.un.sun_path, strerror(errno));
}

void generation_activate(struct generation *generation, const struct generation *before)
{
    const struct upstream_config *upstreams = generation->config.upstreams.items;
    if (before)
        leave(before);
    for (size_t i = 0; i < generation->config.listeners.count; i++)
        keep_mode(generation, i);
    for (size_t i = 0; i < generation->config.upstreams.count; i++)
        join(&generation->upstreams[i], &upstreams[i]);
    limiters_configure(generation);
}

void generation_release(struct generation **out)
{
    struct generation *generation = *out;
    *out = NULL;
    if (!generation)
        return;
    list_remove(&generation->node);
    for (size_t i = 0; generation->listeners && i < generation->config.listeners.count; i++)
        release_listener(generation, i);
    for (size_t i = 0; generation->upstreams && i < generation->config.upstreams.count; i++)
        release_upstream(generation, i);
    throttles_drop(generation);
    limiters_drop(generation);
    proxy_faults_drop(&generation->faults);
    free(generation->listeners);
    free(generation->upstreams);
    free(generation->route_names);
    free(generation->names);
    secure_release(&generation->secure);
    conf_doc_free(&generation->doc);
    arena_free(&generation->arena);
    free(generation);
}
