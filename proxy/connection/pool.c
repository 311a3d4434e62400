/* SPDX-License-Identifier: MIT */
#include "proxy/connection/pool.h"

#include "proxy/process/proxy.h"
#include "proxy/request/exchange.h"
#include "proxy/request/guard.h"
#include "proxy/worker/realm.h"

/* ---- the limit, exact across workers */

static bool reserve_slot(struct shared_endpoint *endpoint, int max)
{
    int open = atomic_load_explicit(&endpoint->connections, memory_order_relaxed);
    do {
        if (max > 0 && open >= max)
            return false;
    } while (!atomic_compare_exchange_weak(&endpoint->connections, &open, open + 1));
    return true;
}

/* Requests of other workers that wait for a connection. */
static bool others_wait(const struct upstream *upstream)
{
    int waiting = atomic_load_explicit(&upstream->shared->waiting, memory_order_relaxed);
    return waiting > upstream->queue_length;
}

/* Whether requests of this worker may still go by an older configuration. */
static bool has_elders(const struct upstream *upstream)
{
    return list_first(&upstream->worker->realms) != &upstream->worker->realm->node;
}

void pool_free_slot(struct uplink *uplink)
{
    struct upstream *upstream = uplink->upstream;
    uplink->pool->open--;
    atomic_fetch_sub(&uplink->pool->shared->connections, 1);
    if (!others_wait(upstream))
        return;
    proxy_wake_others(upstream->worker->proxy, upstream->worker);
    if (has_elders(upstream))
        worker_serve_soon(upstream->worker);
}

static void count_idle(struct pool *pool, int change)
{
    struct upstream *upstream = pool->upstream;
    atomic_int *shared = &upstream->shared->idle[upstream->worker->number].count;
    pool->idle_count += change;
    /* One writer: no read-modify-write is needed. The store is sequentially consistent, as is the
     * look at who waits that follows it: see keep_idle. */
    atomic_store(shared, atomic_load_explicit(shared, memory_order_relaxed) + change);
}

void pool_take_out(struct uplink *uplink)
{
    list_remove(&uplink->node);
    count_idle(uplink->pool, -1);
}

/* ---- requests that began under an older configuration */

static bool elders_wait(const struct upstream *upstream)
{
    list_foreach (node, &upstream->worker->realms) {
        const struct realm *realm = list_entry(node, struct realm, node);
        if (realm == upstream->realm)
            return false;
        for (size_t i = 0; i < realm->config->upstreams.count; i++)
            if (realm->upstreams[i].shared == upstream->shared &&
                upstream_has_queue(&realm->upstreams[i]))
                return true;
    }
    return false;
}

/* To the pool of the current configuration. False: it has no such endpoint. */
static bool follow(struct uplink *uplink)
{
    struct realm *realm = uplink->upstream->realm;
    struct pool *to = uplink->pool->successor;
    if (realm == realm->worker->realm)
        return true;
    if (!to)
        return false;
    uplink->pool->open--;
    uplink->pool = to;
    uplink->upstream = to->upstream;
    tls_remember_in(&uplink->conn, &to->tls_memory);
    to->open++;
    realm_join(to->upstream->realm);
    realm_leave(realm);
    return true;
}

void pool_close_idle(struct pool *pool, const char *reason)
{
    list_foreach_safe (node, &pool->idle)
        uplink_close(list_entry(node, struct uplink, node), reason);
}

/* The successors of its pools are those of one upstream. */
static struct upstream *successor(const struct upstream *upstream)
{
    for (size_t i = 0; i < upstream->pool_count; i++)
        if (upstream->pools[i].successor)
            return upstream->pools[i].successor->upstream;
    return NULL;
}

static void move_pool(struct pool *pool)
{
    list_foreach_safe (node, &pool->idle) {
        struct uplink *uplink = list_entry(node, struct uplink, node);
        pool_take_out(uplink);
        (void)follow(uplink);
        list_push_back(&uplink->pool->idle, node);
        count_idle(uplink->pool, 1);
    }
    struct pool *to = pool->successor;
    while (to && to->idle_count > to->upstream->idle_limit)
        uplink_close(list_entry(to->idle.prev, struct uplink, node), "too many idle");
}

void upstream_move_idle(struct upstream *upstream)
{
    struct upstream *to = successor(upstream);
    for (size_t i = 0; i < upstream->pool_count; i++)
        if (!upstream->pools[i].successor)
            pool_close_idle(&upstream->pools[i], "its configuration is no longer in use");
    if (to)
        timeout_queue_move(&to->idle, &upstream->idle);
    for (size_t i = 0; i < upstream->pool_count; i++)
        move_pool(&upstream->pools[i]);
}

/* Too old, or about to be closed by the endpoint. */
static bool is_stale(const struct uplink *uplink)
{
    return mono_is_set(uplink->use_before) &&
           !mono_before(uplink->upstream->worker->now, uplink->use_before);
}

/* The idle connection that was used last and may carry the order's request, or NULL. */
static struct uplink *find_idle(const struct upstream *upstream, const struct uplink_order *order)
{
    if (order->fresh)
        return NULL;
    list_foreach (node, &order->pool->idle) {
        struct uplink *uplink = list_entry(node, struct uplink, node);
        bool may = !upstream->config->proxy_protocol || uplink->client == order->exchange->client;
        /* What has come unasked, be it the end, is no answer to this request. */
        if (may && !is_stale(uplink) && !conn_has_news(&uplink->conn))
            return uplink;
    }
    return NULL;
}

static enum uplink_result take_idle(struct uplink_order *order, struct uplink *uplink)
{
    pool_take_out(uplink);
    timeout_cancel(&uplink->idle_timeout);
    uplink_set_state(uplink, UPLINK_BUSY);
    uplink->exchange = order->exchange;
    order->uplink = uplink;
    return UPLINK_READY;
}

/* ---- the choice of an endpoint */

/* Idle connections that are too old, or that the endpoint may be about to close. */
static void close_stale(struct upstream *upstream, struct pool *pool)
{
    struct list *front;
    while ((front = list_first(&pool->idle))) {
        struct uplink *uplink = list_entry(front, struct uplink, node);
        if (!is_stale(uplink))
            return;
        uplink_close_spent(uplink);
    }
}

/* A connection to the endpoint that was chosen. */
static enum uplink_result acquire_from(struct upstream *upstream, struct uplink_order *order)
{
    int max = (int)upstream->config->connections.max;
    struct pool *pool = order->pool;
    close_stale(upstream, pool);
    struct uplink *idle = find_idle(upstream, order);
    if (idle)
        return take_idle(order, idle);
    if (reserve_slot(pool->shared, max))
        return uplink_dial(upstream, order);
    if (!list_empty(&pool->idle)) {
        /* The limit is full of connections that this request may not use: one makes room. */
        uplink_close(list_entry(pool->idle.prev, struct uplink, node), "makes room");
        if (reserve_slot(pool->shared, max))
            return uplink_dial(upstream, order);
    }
    return UPLINK_EXHAUSTED;
}

/* Endpoints that are left out while there are others; and those that are not, though they are not
 * fit. */
enum { PASS_OVER_AVOIDED = 1, PASS_OVER_COLD = 2, PASS_OVER_REFUSED = 4, TAKE_EJECTED = 8 };

static bool is_left_out(struct upstream *upstream, const struct uplink_order *order,
                        unsigned pass_over, unsigned *left_out)
{
    uint64_t bit = uplink_bit(upstream, order->pool);
    unsigned reason = 0;
    if (!guard_is_usable(upstream, order->pool) &&
        !(pass_over & TAKE_EJECTED && guard_is_last_resort(order->pool)))
        return true;
    if (order->refused & bit)
        reason = pass_over & PASS_OVER_REFUSED;
    if (order->avoid & bit)
        reason |= pass_over & PASS_OVER_AVOIDED;
    else if ((pass_over & PASS_OVER_COLD) && !guard_is_warm(upstream, order->pool))
        reason = PASS_OVER_COLD;
    *left_out |= reason;
    return reason != 0;
}

/* One endpoint after the other, in the order of the balance. Sets in `*left_out` which of those to
 * be passed over there were. */
static enum uplink_result acquire_next(struct upstream *upstream, struct uplink_order *order,
                                       unsigned pass_over, unsigned *left_out)
{
    struct balance *balance = &upstream->balance;
    enum uplink_result result = UPLINK_NO_ENDPOINT;
    int chosen;
    *left_out = 0;
    balance_begin(balance);
    while ((chosen = balance_choose(balance, order->affinity, upstream->worker->now)) >= 0) {
        order->pool = &upstream->pools[chosen];
        if (!is_left_out(upstream, order, pass_over, left_out)) {
            result = acquire_from(upstream, order);
            if (result != UPLINK_EXHAUSTED)
                return result;
        }
        balance_exclude(balance, (size_t)chosen);
    }
    return result;
}

/* For a request that endpoints have refused: one that has not, and as the last resort one that is
 * ejected. With several endpoints restarted one after the other, the next may well be down while
 * the one before is still ejected, but back. */
static enum uplink_result acquire_after_refusal(struct upstream *upstream,
                                                struct uplink_order *order)
{
    unsigned left_out;
    enum uplink_result result = acquire_next(upstream, order, PASS_OVER_REFUSED, &left_out);
    if (result != UPLINK_NO_ENDPOINT)
        return result;
    result = acquire_next(upstream, order, PASS_OVER_REFUSED | TAKE_EJECTED, &left_out);
    if (result != UPLINK_NO_ENDPOINT && result != UPLINK_EXHAUSTED)
        counter_add(&upstream->worker->counters.of[COUNTER_LAST_RESORTS]);
    return result;
}

/* The endpoint to avoid is better than none, but worse than a connection that comes free. */
static enum uplink_result acquire(struct upstream *upstream, struct uplink_order *order)
{
    unsigned left_out;
    enum uplink_result result =
        acquire_next(upstream, order, PASS_OVER_AVOIDED | PASS_OVER_COLD, &left_out);
    if ((result == UPLINK_EXHAUSTED || result == UPLINK_NO_ENDPOINT) && left_out & PASS_OVER_COLD)
        result = acquire_next(upstream, order, PASS_OVER_AVOIDED, &left_out);
    if (result == UPLINK_NO_ENDPOINT && order->refused)
        result = acquire_after_refusal(upstream, order);
    if (result == UPLINK_NO_ENDPOINT && left_out)
        result = acquire_next(upstream, order, 0, &left_out);
    return result;
}

enum uplink_result pool_acquire(struct upstream *upstream, struct uplink_order *order)
{
    size_t turn = upstream->balance.next;
    enum uplink_result result = acquire(upstream, order);
    /* A retry goes out of turn: with two endpoints, every request would else begin at the one that
     * is down. */
    if (order->avoid)
        upstream->balance.next = turn;
    return result;
}

/* ---- giving back */

/* With others waiting, a worker keeps no more than its even part of the connections. */
static bool must_share(const struct uplink *uplink)
{
    const struct upstream *upstream = uplink->upstream;
    int64_t max = upstream->config->connections.max;
    if (max == 0 || !others_wait(upstream))
        return false;
    if (elders_wait(upstream))
        return true;
    return upstream->queue_length == 0 ||
           uplink->pool->open * (int64_t)proxy_worker_count(upstream->worker->proxy) > max;
}

/* Until when an idle connection may be used; 0 = any time. The endpoint's own timeout is kept away
 * from, or it closes the connection as it is used. */
static mono last_use(const struct uplink *uplink)
{
    const struct connections_config *config = &uplink->upstream->config->connections;
    mono until = {0};
    if (uplink->keepalive.timeout.ns >= 0)
        until = mono_add(uplink->answered,
                         duration_ns(uplink->keepalive.timeout.ns - config->keepalive_margin.ns));
    if (config->max_age.ns > 0) {
        mono old = mono_add(uplink->opened, config->max_age);
        if (!mono_is_set(until) || mono_before(old, until))
            until = old;
    }
    return until;
}

/* Whether no further request may go over it. */
static bool is_spent(struct uplink *uplink)
{
    int64_t most = uplink->upstream->config->connections.max_requests;
    uplink->use_before = last_use(uplink);
    return (most > 0 && uplink->requests >= most) || uplink->keepalive.requests == 0 ||
           is_stale(uplink);
}

static void keep_idle(struct uplink *uplink, struct upstream *upstream)
{
    uplink_set_state(uplink, UPLINK_IDLE);
    list_push_front(&uplink->pool->idle, &uplink->node);
    count_idle(uplink->pool, 1);
    timeout_arm(&upstream->idle, &uplink->idle_timeout, upstream->worker->now);
    if (uplink->pool->idle_count > upstream->idle_limit && !upstream_has_queue(upstream))
        uplink_close(list_entry(uplink->pool->idle.prev, struct uplink, node), "too many idle");
    /* Another worker may have begun to wait and looked for idle connections just before this one
     * was counted: either it sees the count, or this worker sees it wait. */
    upstream_share_idle(upstream);
}

void pool_put_back(struct uplink *uplink, bool reusable)
{
    struct upstream *upstream = uplink->upstream;
    uplink->exchange = NULL;
    uplink->requests++;
    bool orphaned = upstream->config->proxy_protocol && !uplink->client;
    reusable = reusable && !orphaned && !uplink_has_more(uplink);
    if (!reusable || upstream->worker->phase == WORKER_STOPPING)
        uplink_close(uplink, "not reusable");
    else if (is_spent(uplink))
        uplink_close_spent(uplink);
    else if (must_share(uplink))
        uplink_close(uplink, "another worker waits for it");
    else if (upstream_has_queue(upstream) || follow(uplink))
        keep_idle(uplink, uplink->upstream);
    else
        uplink_close(uplink, "its configuration is no longer in use");
    if (upstream_has_queue(upstream))
        worker_serve_soon(upstream->worker);
}

void upstream_share_idle(struct upstream *upstream)
{
    int wanted = atomic_load(&upstream->shared->waiting);
    if (upstream->queue_length > 0)
        return;
    for (size_t i = 0; i < upstream->pool_count && wanted > 0; i++) {
        struct list *idle = &upstream->pools[i].idle;
        for (; wanted > 0 && !list_empty(idle); wanted--)
            uplink_close(list_entry(idle->prev, struct uplink, node),
                         "another worker waits for it");
    }
}

void upstream_serve_queue(struct upstream *upstream)
{
    /* Each request that gets a connection leaves the queue; the first that gets none ends it. */
    while (upstream_has_queue(upstream)) {
        struct exchange *first = list_entry(list_first(&upstream->queue), struct exchange, node);
        if (!exchange_dequeue(first))
            return;
    }
}
