/* SPDX-License-Identifier: MIT */
/* What is worked out from the routes once the whole configuration was read: the order in which they
 * are tried, where they lead, and whether one of them can never match. */
#include <string.h>
#include <strings.h>

#include "lib/base/buf.h"
#include "lib/conf/type.h"
#include "proxy/config/config_route.h"
#include "proxy/config/route.h"

static enum result unknown_upstream(struct conf_read *read, const struct proxy_config *config,
                                    const char *name, const struct cJSON *item)
{
    const struct upstream_config *upstreams = config->upstreams.items;
    size_t count = config->upstreams.count;
    const char **names = arena_alloc(conf_read_arena(read), count * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = upstreams[i].name;
    const char *nearest = conf_nearest(name, names, count);
    return conf_fail(read, item,
                     "no upstream is called \"%s\" (expected a key of \"upstreams\"%s%s%s)", name,
                     nearest ? ", nearest \"" : "", nearest ? nearest : "", nearest ? "\"" : "");
}

bool config_take_given(const struct conf_table *table, const struct cJSON *item, const void *from,
                       void *into)
{
    bool any = false;
    for (size_t i = 0; i < table->key_count; i++) {
        const struct conf_key *key = &table->keys[i];
        size_t size = conf_type_facts(key->type)->size;
        if (!conf_given(table, key, item))
            continue;
        memcpy((char *)into + key->offset, (const char *)from + key->offset,
               size ? size : key->sub->size);
        any = true;
    }
    return any;
}

static enum result add_target(struct conf_read *read, const struct proxy_config *config,
                              struct route_config *route, size_t upstream, uint64_t weight)
{
    const struct upstream_config *config_of = config->upstreams.items;
    struct arena *arena = conf_read_arena(read);
    struct upstream_timeouts *timeout = arena_alloc(arena, sizeof(*timeout));
    struct retry_config *retry = arena_alloc(arena, sizeof(*retry));
    struct hedge_config *hedge = arena_alloc(arena, sizeof(*hedge));
    struct route_target *target = &route->targets[route->target_count++];
    *timeout = config_of[upstream].timeout;
    *retry = config_of[upstream].retry;
    *hedge = config_of[upstream].hedge;
    *target = (struct route_target){
        .upstream = upstream, .weight = weight, .timeout = timeout, .retry = retry, .hedge = hedge};
    target->own_timeouts = config_take_given(
        &upstream_timeout_table, conf_member(route->item, "timeout"), &route->timeout, timeout);
    config_take_given(&upstream_retry_table, conf_member(route->item, "retry"), &route->retry,
                      retry);
    route->total_weight += weight;
    return hedge_complete(read, conf_member(route->item, "hedge"), &route->hedge, hedge,
                          &target->own_hedge);
}

static enum result find_targets(struct conf_read *read, const struct proxy_config *config,
                                struct route_config *route)
{
    struct arena *arena = conf_read_arena(read);
    const struct split_config *split = route->split.items;
    const struct split_config single = {
        .upstream = route->upstream, .weight = 1, .item = conf_member(route->item, "upstream")};
    size_t count = route->upstream ? 1 : route->split.count;
    if (route->upstream)
        split = &single;
    route->targets = count ? arena_alloc(arena, count * sizeof(*route->targets)) : NULL;
    for (size_t i = 0; i < count; i++) {
        int upstream = proxy_config_upstream(config, split[i].upstream);
        if (upstream < 0)
            return unknown_upstream(read, config, split[i].upstream, split[i].item);
        enum result result =
            add_target(read, config, route, (size_t)upstream, (uint64_t)split[i].weight);
        if (result != OK)
            return result;
    }
    if (count && route->total_weight == 0)
        return conf_fail(read, conf_member(route->item, "split"),
                         "every weight of \"split\" is 0 (expected one that is not)");
    return OK;
}

/* What it matches, as short as it can be said. */
static const char *describe(struct arena *arena, const struct route_config *route)
{
    const char *const *methods = route->methods.items;
    const struct header_match *headers = route->headers.items;
    struct buf text = {0};
    for (size_t i = 0; i < route->methods.count; i++)
        buf_printf(&text, "%s%s", methods[i], i + 1 < route->methods.count ? "," : " ");
    buf_printf(&text, "%s%s%s", route->host ? route->host : "", route->exact ? "=" : "",
               route->exact ? route->exact : route->path);
    for (size_t i = 0; i < route->headers.count; i++)
        buf_printf(&text, " {%s}", headers[i].name);
    const char *made = arena_text(arena, buf_head(&text), buf_len(&text));
    buf_free(&text);
    return made;
}

/* Insertion keeps equals in the order of the file. */
static void rank(struct arena *arena, struct proxy_config *config)
{
    const struct route_config *routes = config->routes.items;
    size_t *ranked = arena_alloc(arena, config->routes.count * sizeof(*ranked));
    for (size_t i = 0; i < config->routes.count; i++) {
        size_t at = i;
        for (; at > 0 && route_compare(&routes[i], &routes[ranked[at - 1]]) < 0; at--)
            ranked[at] = ranked[at - 1];
        ranked[at] = i;
    }
    config->routing.ranked = ranked;
}

static enum result check_reachable(struct conf_read *read, const struct proxy_config *config)
{
    const struct route_config *routes = config->routes.items;
    const size_t *ranked = config->routing.ranked;
    for (size_t i = 0; i < config->routes.count; i++) {
        const struct route_config *route = &routes[ranked[i]];
        for (size_t j = 0; j < i; j++)
            if (route_covers(&routes[ranked[j]], route))
                return conf_fail(read, route->item,
                                 "this route can never match: routes[%zu] (\"%s\") takes all its "
                                 "requests (remove one, or make this one more specific)",
                                 ranked[j], routes[ranked[j]].name);
    }
    return OK;
}

enum result routing_build(struct conf_read *read, struct proxy_config *config)
{
    struct arena *arena = conf_read_arena(read);
    struct route_config *routes = config->routes.items;
    struct routing *routing = &config->routing;
    for (size_t i = 0; i < config->routes.count; i++) {
        struct route_config *route = &routes[i];
        enum result result = find_targets(read, config, route);
        if (result != OK)
            return result;
        route->host_length = route->host ? strlen(route->host) : 0;
        route->path_length = strlen(route->exact ? route->exact : route->path);
        route->first_target = routing->target_count;
        routing->target_count += route->target_count;
        routing->by_host |= route->host != NULL;
        if (!route->name)
            route->name = describe(arena, route);
    }
    rank(arena, config);
    return check_reachable(read, config);
}
