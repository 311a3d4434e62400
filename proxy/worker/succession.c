/* SPDX-License-Identifier: MIT */
#include "proxy/worker/succession.h"

#include <string.h>

#include "proxy/connection/client.h"
#include "proxy/connection/pool.h"
#include "proxy/connection/probe.h"
#include "proxy/connection/uplink.h"
#include "proxy/observe/journal.h"
#include "proxy/process/proxy.h"
#include "proxy/worker/passage.h"

/* ---- who follows whom */

static struct pool *find_pool(const struct upstream *upstream, const struct pool *pool)
{
    for (size_t i = 0; i < upstream->pool_count; i++)
        if (upstream->pools[i].shared == pool->shared)
            return &upstream->pools[i];
    return NULL;
}

static bool names_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Whoever was found to be good under another name need not be under this. */
static struct pool *find_successor(const struct upstream *upstream, const struct pool *pool)
{
    struct pool *found = find_pool(upstream, pool);
    return found && names_equal(found->tls_name, pool->tls_name) ? found : NULL;
}

/* What was announced by another PROXY header, or by none, is not handed on. Nor is what is
 * connected by TLS under another context: the new configuration may trust others. */
static void point_upstream(struct upstream *upstream, const struct realm *to)
{
    int index = proxy_config_upstream(to->config, upstream->config->name);
    bool same = index >= 0 && upstream->tls == to->upstreams[index].tls &&
                upstream->config->proxy_protocol == to->upstreams[index].config->proxy_protocol;
    for (size_t i = 0; i < upstream->pool_count; i++)
        upstream->pools[i].successor =
            same ? find_successor(&to->upstreams[index], &upstream->pools[i]) : NULL;
}

/* Successors are in the current realm always, so that nobody has to walk through those between. */
static void point_realm(struct realm *realm, const struct realm *to)
{
    for (size_t i = 0; i < realm->config->listeners.count; i++) {
        int index = generation_find_listener(to->generation, realm->generation, i);
        realm->entrances[i].successor = index < 0 ? NULL : &to->entrances[index];
    }
    for (size_t i = 0; i < realm->config->upstreams.count; i++)
        point_upstream(&realm->upstreams[i], to);
}

static bool endpoints_differ(const struct upstream *from, const struct upstream *to)
{
    for (size_t i = 0; i < from->pool_count; i++)
        if (!find_pool(to, &from->pools[i]))
            return true;
    return from->pool_count != to->pool_count;
}

/* By one worker for all. */
static void write_down(const struct realm *from, const struct realm *to)
{
    struct worker *worker = to->worker;
    if (worker->number != 0)
        return;
    journal_state(worker, STATE_RELOADED, NAME_NONE, to->generation->number);
    for (size_t i = 0; i < from->config->upstreams.count; i++) {
        const struct upstream *upstream = &from->upstreams[i];
        int index = proxy_config_upstream(to->config, upstream->config->name);
        if (index >= 0 && endpoints_differ(upstream, &to->upstreams[index]))
            journal_state(worker, STATE_ENDPOINTS_CHANGED, upstream->name_id,
                          to->upstreams[index].pool_count);
    }
}

/* ---- what moves */

/* Clients that are between requests; the others follow when their request has ended. Those of an
 * address that is not listened on any more stay until their next response or their timeout. */
static void move_clients(struct worker *worker)
{
    list_foreach (node, &worker->realms) {
        struct realm *realm = list_entry(node, struct realm, node);
        for (size_t i = 0; i < realm->config->listeners.count; i++) {
            struct entrance *from = &realm->entrances[i], *to = from->successor;
            if (!to)
                continue;
            timeout_queue_move(&to->head, &from->head);
            timeout_queue_move(&to->idle, &from->idle);
            timeout_queue_move(&to->linger, &from->linger);
        }
    }
    list_foreach (node, &worker->clients)
        client_follow(list_entry(node, struct client, node));
}

static void close_entrances(struct realm *realm)
{
    for (size_t i = 0; i < realm->config->listeners.count; i++)
        listener_finish(&realm->entrances[i].listener);
}

/* What has been learnt of an upstream and its endpoints. */
static void inherit(struct upstream *from)
{
    for (size_t i = 0; i < from->pool_count; i++) {
        struct pool *to = from->pools[i].successor;
        if (!to)
            continue;
        tls_memory_move(&to->tls_memory, &from->pools[i].tls_memory);
        struct upstream *upstream = to->upstream;
        upstream->hedge_budget = from->hedge_budget;
        upstream->retry_budget = from->retry_budget;
        balance_inherit(&upstream->balance.peers[to - upstream->pools], &from->balance.peers[i]);
    }
}

/* ---- the steps */

void succession_begin(struct worker *worker, struct generation *generation)
{
    struct realm *old = worker->realm;
    struct realm *new = realm_new(worker, generation);
    realm_join(old); /* until everything has moved */
    prober_stop(&worker->prober);
    if (worker->number == 0)
        worker->prober = prober_start(new);
    worker->realm = new;
    worker->config = new->config;
    worker_learn_generation(worker, generation);
    list_foreach (node, &worker->realms)
        if (list_entry(node, struct realm, node) != new)
            point_realm(list_entry(node, struct realm, node), new);
    move_clients(worker);
    close_entrances(old);
    for (size_t i = 0; i < old->config->upstreams.count; i++) {
        inherit(&old->upstreams[i]);
        upstream_move_idle(&old->upstreams[i]);
    }
    passages_inherit(new, old);
    write_down(old, new);
    realm_leave(old);
}

void succession_end(void *arg)
{
    struct worker *worker = arg;
    list_foreach_safe (node, &worker->realms) {
        struct realm *realm = list_entry(node, struct realm, node);
        if (realm != worker->realm && realm->users == 0)
            realm_release(realm);
    }
}
