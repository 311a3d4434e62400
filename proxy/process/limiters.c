/* SPDX-License-Identifier: MIT */
#include "proxy/process/limiters.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/process/proxy.h"

size_t limiters_count(const struct proxy_config *config)
{
    return config->upstreams.count + config->routes.count;
}

static bool is_of_route(const struct proxy_config *config, size_t number)
{
    return number >= config->upstreams.count;
}

static const struct route_config *route_at(const struct proxy_config *config, size_t number)
{
    return (const struct route_config *)config->routes.items + (number - config->upstreams.count);
}

static const struct upstream_config *upstream_at(const struct proxy_config *config, size_t number)
{
    return (const struct upstream_config *)config->upstreams.items + number;
}

const char *limiter_name(const struct proxy_config *config, size_t number)
{
    return is_of_route(config, number) ? route_at(config, number)->name
                                       : upstream_at(config, number)->name;
}

const struct concurrency_config *limiter_config(const struct proxy_config *config, size_t number)
{
    return is_of_route(config, number) ? &route_at(config, number)->concurrency
                                       : &upstream_at(config, number)->concurrency;
}

/* ---- who goes on */

static struct limiter *find_in(const struct generation *generation,
                               const struct proxy_config *config, size_t number)
{
    const struct proxy_config *other = &generation->config;
    bool route = is_of_route(config, number);
    int found = route ? proxy_config_route(other, config, number - config->upstreams.count)
                      : proxy_config_upstream(other, limiter_name(config, number));
    if (found < 0)
        return NULL;
    return generation->limiters[(size_t)found + (route ? other->upstreams.count : 0)];
}

static struct limiter *find(const struct generation *generation, size_t number)
{
    list_foreach (node, &generation->proxy->generations) {
        struct limiter *limiter =
            find_in(list_entry(node, struct generation, node), &generation->config, number);
        if (limiter)
            return limiter;
    }
    return mem_alloc(1, sizeof(struct limiter));
}

struct limiter **limiters_new(const struct generation *generation)
{
    const struct proxy_config *config = &generation->config;
    size_t count = limiters_count(config);
    struct limiter **limiters = mem_alloc(count, sizeof(struct limiter *));
    for (size_t i = 0; i < count; i++) {
        if (limiter_config(config, i)->limit == 0)
            continue;
        limiters[i] = find(generation, i);
        if (limiters[i]->uses++ == 0)
            limiters[i]->name_id = is_of_route(config, i)
                                       ? generation->route_names[i - config->upstreams.count]
                                       : generation->upstreams[i].name;
    }
    return limiters;
}

void limiters_configure(const struct generation *generation)
{
    for (size_t i = 0; i < limiters_count(&generation->config); i++)
        if (generation->limiters[i])
            permits_configure(&generation->limiters[i]->permits,
                              limiter_config(&generation->config, i), mono_now());
}

void limiters_drop(struct generation *generation)
{
    for (size_t i = 0; generation->limiters && i < limiters_count(&generation->config); i++)
        if (generation->limiters[i] && --generation->limiters[i]->uses == 0)
            free(generation->limiters[i]);
    free(generation->limiters);
    generation->limiters = NULL;
}
