/* SPDX-License-Identifier: MIT */
#include "proxy/worker/passage.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"
#include "proxy/process/proxy.h"
#include "proxy/request/gate.h"
#include "proxy/request/hedge.h"

static void own_timeouts(struct passage *passage, struct loop *loop,
                         const struct upstream_timeouts *timeout)
{
    struct passage_timeouts *own = mem_alloc(1, sizeof(*own));
    timeout_queue_init(&own->connect, loop, timeout->connect);
    timeout_queue_init(&own->response, loop, timeout->response);
    timeout_queue_init(&own->body, loop, timeout->idle);
    timeout_queue_init(&own->total, loop, timeout->total);
    timeout_queue_init(&own->wait, loop, timeout->queue);
    timeout_queue_init(&own->tunnel, loop, timeout->tunnel);
    passage->own = own;
    passage->connect = &own->connect;
    passage->response = &own->response;
    passage->body = &own->body;
    passage->total = &own->total;
    passage->wait = &own->wait;
    passage->tunnel = &own->tunnel;
}

static void init_passage(struct realm *realm, struct passage *passage,
                         const struct route_config *route, const struct route_target *target)
{
    struct upstream *upstream = &realm->upstreams[target->upstream];
    *passage = (struct passage){.route = route,
                                .upstream = upstream,
                                .retry = target->retry,
                                .gate = gate_find(realm, target->upstream, route),
                                .hedging = upstream->hedging,
                                .connect = &upstream->connect,
                                .response = &upstream->response,
                                .body = &upstream->body,
                                .total = &upstream->total,
                                .wait = &upstream->wait,
                                .tunnel = &upstream->tunnel};
    timeout_queue_init(&passage->per_try, &realm->worker->loop, target->retry->per_try);
    if (target->own_timeouts)
        own_timeouts(passage, &realm->worker->loop, target->timeout);
    if (target->own_hedge)
        passage->hedging = passage->own_hedging = hedging_new(target->hedge, &realm->worker->loop);
}

void passages_init(struct realm *realm)
{
    const struct proxy_config *config = realm->config;
    const struct route_config *routes = config->routes.items;
    if (config->routing.target_count == 0)
        return;
    realm->passages = mem_alloc(config->routing.target_count, sizeof(*realm->passages));
    for (size_t i = 0; i < config->routes.count; i++)
        for (size_t j = 0; j < routes[i].target_count; j++)
            init_passage(realm, &realm->passages[routes[i].first_target + j], &routes[i],
                         &routes[i].targets[j]);
}

/* The way through the same route to the same upstream; NULL: there was none. */
static const struct passage *find_before(const struct realm *realm, const struct realm *before,
                                         size_t route, const struct passage *passage)
{
    int found = proxy_config_route(before->config, realm->config, route);
    if (found < 0)
        return NULL;
    const struct route_config *old =
        (const struct route_config *)before->config->routes.items + found;
    for (size_t i = 0; i < old->target_count; i++) {
        const struct passage *other = &before->passages[old->first_target + i];
        if (strcmp(other->upstream->config->name, passage->upstream->config->name) == 0)
            return other;
    }
    return NULL;
}

void passages_inherit(struct realm *realm, const struct realm *before)
{
    const struct route_config *routes = realm->config->routes.items;
    for (size_t i = 0; i < realm->config->upstreams.count; i++) {
        struct upstream *upstream = &realm->upstreams[i];
        int found = proxy_config_upstream(before->config, upstream->config->name);
        if (found >= 0)
            hedging_inherit(upstream->hedging, before->upstreams[found].hedging);
    }
    for (size_t i = 0; i < realm->config->routes.count; i++)
        for (size_t j = 0; j < routes[i].target_count; j++) {
            struct passage *passage = &realm->passages[routes[i].first_target + j];
            const struct passage *other =
                passage->own_hedging ? find_before(realm, before, i, passage) : NULL;
            if (other)
                hedging_inherit(passage->own_hedging, other->hedging);
        }
}

void passages_release(struct realm *realm)
{
    for (size_t i = 0; realm->passages && i < realm->config->routing.target_count; i++) {
        struct passage_timeouts *own = realm->passages[i].own;
        timeout_queue_release(&realm->passages[i].per_try);
        hedging_free(&realm->passages[i].own_hedging);
        if (!own)
            continue;
        timeout_queue_release(&own->connect);
        timeout_queue_release(&own->response);
        timeout_queue_release(&own->body);
        timeout_queue_release(&own->total);
        timeout_queue_release(&own->wait);
        timeout_queue_release(&own->tunnel);
        free(own);
    }
    free(realm->passages);
    realm->passages = NULL;
}

static uint64_t draw(uint64_t seed, size_t route, const struct record_trace *trace_id)
{
    uint64_t half[2];
    memcpy(half, trace_id->bytes, sizeof(half));
    return hash_mix(hash_mix(hash_mix(seed + route) ^ half[0]) ^ half[1]);
}

struct passage *passage_choose(struct realm *realm, size_t route,
                               const struct record_trace *trace_id)
{
    const struct route_config *config =
        (const struct route_config *)realm->config->routes.items + route;
    struct passage *first = &realm->passages[config->first_target];
    if (config->target_count == 1)
        return first;
    /* The weights' sum is far below 2^64, so that the remainder prefers none of them. */
    uint64_t at = draw(realm->worker->proxy->seed, route, trace_id) % config->total_weight;
    size_t chosen = 0;
    while (at >= config->targets[chosen].weight)
        at -= config->targets[chosen++].weight;
    return first + chosen;
}
