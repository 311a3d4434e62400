/* SPDX-License-Identifier: MIT */
#include "proxy/fault/engine.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "chaos/fault/draw.h"
#include "proxy/fault/touch.h"
#include "proxy/process/proxy.h"
#include "proxy/worker/passage.h"
#include "proxy/worker/realm.h"

/* Bytes in flight in one direction of a connection that a fault touches. */
enum { IN_FLIGHT = 256 * 1024 };

#define NEVER ((mono){INT64_MAX})

/* ---- whom it is for */

static bool is_per_request(const struct culprit *culprit)
{
    return culprit_config(culprit)->per == FAULT_PER_REQUEST;
}

bool culprit_is_for_connections(const struct culprit *culprit)
{
    return !is_per_request(culprit) && culprit_row(culprit)->class == FAULT_CLASS_BYTES;
}

bool culprit_matches_pool(const struct culprit *culprit, const struct pool *pool)
{
    const struct fault_match *match = &culprit_config(culprit)->match;
    return fault_match_upstream(match, pool->upstream->config->name) &&
           fault_match_endpoint(match, pool->name);
}

static bool matches_any_pool(const struct culprit *culprit, const struct upstream *upstream)
{
    size_t i = 0;
    while (i < upstream->pool_count && !culprit_matches_pool(culprit, &upstream->pools[i]))
        i++;
    return i < upstream->pool_count;
}

static bool matches_passage(const struct culprit *culprit, const struct passage *passage)
{
    const struct route_config *route = passage->route;
    return fault_match_route(&culprit_config(culprit)->match, route->name,
                             route->exact ? route->exact : route->path) &&
           matches_any_pool(culprit, passage->upstream);
}

void engine_plan(const struct engine *engine, struct realm *realm)
{
    for (size_t i = 0; i < realm->config->upstreams.count; i++)
        realm->upstreams[i].faults = 0;
    for (size_t i = 0; i < realm->config->routing.target_count; i++)
        realm->passages[i].faults = 0;
    for (unsigned bit = 0; bit < FAULTS_MAX; bit++) {
        const struct culprit *culprit = engine->culprits[bit];
        uint64_t mask = UINT64_C(1) << bit;
        if (!culprit)
            continue;
        for (size_t i = 0; !is_per_request(culprit) && i < realm->config->upstreams.count; i++)
            if (matches_any_pool(culprit, &realm->upstreams[i]))
                realm->upstreams[i].faults |= mask;
        for (size_t i = 0; is_per_request(culprit) && i < realm->config->routing.target_count; i++)
            if (matches_passage(culprit, &realm->passages[i]))
                realm->passages[i].faults |= mask;
    }
}

static void plan_all(struct engine *engine)
{
    list_foreach (node, &engine->worker->realms)
        engine_plan(engine, list_entry(node, struct realm, node));
}

/* ---- drawing */

/* One of `most` (0 = any number) that may be touched at a time, across all workers. */
static bool take_place(struct fault_common *common, int64_t most)
{
    int_fast64_t active = atomic_load_explicit(&common->active, memory_order_relaxed);
    do {
        if (most > 0 && active >= most)
            return false;
    } while (!atomic_compare_exchange_weak(&common->active, &active, active + 1));
    return true;
}

bool culprit_counts_in(struct culprit *culprit)
{
    int64_t first = culprit_config(culprit)->first;
    return culprit->live->on &&
           (first == 0 || atomic_fetch_add(&culprit->rule->common->matched, 1) < (uint64_t)first);
}

bool culprit_claim(struct culprit *culprit, uint64_t key, mono now)
{
    struct fault_common *common = culprit->rule->common;
    const struct live_fault *live = culprit->live;
    if (!live->on || !draw_touches(live->seed, live->draws, key, live_share(live, now)) ||
        !take_place(common, culprit_config(culprit)->max_active))
        return false;
    atomic_fetch_add(&common->touched, 1);
    return true;
}

void culprit_release(struct culprit *culprit)
{
    atomic_fetch_sub(&culprit->rule->common->active, 1);
}

void culprit_draw(const struct culprit *culprit, uint64_t key, enum fault_stream stream,
                  struct rng *rng)
{
    const struct live_fault *live = culprit->live;
    int kind = culprit_config(culprit)->kind;
    /* What both directions have in common, such as how long is idle, is drawn alike. */
    bool alike = kind == FAULT_IDLE_CLOSE || kind == FAULT_HALF_OPEN;
    enum draw_purpose purpose =
        alike || stream == FAULT_STREAM_UPSTREAM ? DRAW_UPSTREAM : DRAW_DOWNSTREAM;
    draw_stream(rng, live->seed, live->draws, key, purpose);
}

/* ---- over time */

static void turn(struct culprit *culprit, mono now)
{
    struct live_fault *live = culprit->live;
    bool before = live->on;
    live_turn(live, now);
    if (fault_rule_is_over(culprit->rule, now))
        live->on = false;
    if (before && !live->on)
        touch_end_all(culprit);
    if (live->on && culprit_is_for_connections(culprit))
        touch_connections(culprit, now);
    if (culprit->engine->worker->number == 0)
        atomic_store(&culprit->rule->common->on, live->on);
}

static mono next_of(const struct culprit *culprit, mono now)
{
    const struct fault_rule *rule = culprit->rule;
    duration ttl = culprit_config(culprit)->ttl;
    if (fault_rule_is_over(rule, now))
        return NEVER;
    mono next = live_next(culprit->live, now);
    mono over = ttl.ns > 0 ? mono_add(rule->since, ttl) : NEVER;
    return mono_before(over, next) ? over : next;
}

static void turn_all(struct engine *engine)
{
    mono now = mono_now(), next = NEVER;
    for (unsigned bit = 0; bit < FAULTS_MAX; bit++) {
        struct culprit *culprit = engine->culprits[bit];
        if (!culprit)
            continue;
        turn(culprit, now);
        mono change = next_of(culprit, now);
        if (mono_before(change, next))
            next = change;
    }
    if (next.ns == NEVER.ns)
        alarm_stop(&engine->alarms, &engine->next);
    else
        alarm_set(&engine->alarms, &engine->next, next);
}

static void on_alarm(void *arg)
{
    struct engine *engine = arg;
    worker_enter(engine->worker);
    turn_all(engine);
}

/* ---- taking over a set */

static void set_epoch(struct culprit *culprit)
{
    mono epoch = {atomic_load(&culprit->rule->common->epoch)};
    struct live_fault *live = culprit->live;
    if (!mono_is_set(live->epoch) && mono_is_set(epoch))
        live_start(live, epoch);
    live->expires = (mono){0}; /* the rule says so */
}

/* Who has no faults has no descriptor for their sake. */
static bool is_ready(struct engine *engine)
{
    struct error error;
    if (engine->ready)
        return true;
    engine->ready = alarms_init(&engine->alarms, &engine->worker->loop, &error) == OK;
    if (!engine->ready)
        log_error(&engine->worker->log, NULL, "no faults are injected by this worker: %s",
                  error.text);
    return engine->ready;
}

static struct fault_rule *hold(struct fault_rule *rule)
{
    atomic_fetch_add(&rule->uses, 1);
    return rule;
}

static void let_go_rule(struct fault_rule *rule)
{
    struct fault_set one = {.rules = {rule}, .count = 1};
    proxy_faults_drop(&one);
}

static void note_path(struct culprit *culprit)
{
    const struct fault_match *match = &culprit_config(culprit)->match;
    culprit->path = match->path ? match->path : match->exact;
    culprit->path_length = culprit->path ? strlen(culprit->path) : 0;
}

/* The use of the rule is the culprit's. */
static struct culprit *culprit_new(struct engine *engine, struct fault_rule *rule, unsigned bit)
{
    struct culprit *culprit = mem_alloc(1, sizeof(*culprit));
    *culprit =
        (struct culprit){.engine = engine, .rule = rule, .bit = bit, .since = engine->worker->now};
    culprit->live = live_new(rule->fault, "gateway", engine->worker->proxy->seed);
    culprit->live->id = bit;
    list_init(&culprit->touches);
    list_init(&culprit->of_asked);
    note_path(culprit);
    return culprit;
}

void culprit_look(struct culprit *culprit)
{
    if (!culprit->orphaned || !list_empty(&culprit->touches))
        return;
    list_remove(&culprit->of_asked);
    alarm_stop(&culprit->engine->alarms, &culprit->over);
    culprit->live->fault = NULL; /* it belongs to the rule */
    live_free(culprit->live);
    let_go_rule(culprit->rule);
    free(culprit);
}

void culprit_leave(struct culprit **culprit)
{
    (*culprit)->orphaned = true;
    culprit_look(*culprit);
    *culprit = NULL;
}

/* Lets go of all that it touches, and touches nothing any more. */
static void silence(struct culprit *culprit)
{
    bool orphaned = culprit->orphaned;
    culprit->orphaned = false; /* it would go with the last touch, in the middle of this */
    culprit->live->on = false;
    touch_end_all(culprit);
    culprit->orphaned = orphaned;
    culprit_look(culprit);
}

static void on_over(void *arg)
{
    struct culprit *culprit = arg;
    worker_enter(culprit->engine->worker);
    silence(culprit);
}

/* All faults were removed: what requests have asked for is not in any set. */
static void silence_asked(struct engine *engine)
{
    uint64_t clearings = atomic_load(&engine->worker->proxy->faults.clearings);
    if (engine->clearings == clearings)
        return;
    engine->clearings = clearings;
    list_foreach_safe (node, &engine->asked)
        silence(list_entry(node, struct culprit, of_asked));
}

struct culprit *culprit_for_one(struct engine *engine, struct fault *fault, unsigned id,
                                duration most)
{
    struct worker *worker = engine->worker;
    if (!is_ready(engine)) {
        fault_free(fault);
        return NULL;
    }
    struct fault_rule *rule = proxy_faults_rule_for_one(&worker->proxy->faults, fault);
    struct culprit *culprit = culprit_new(engine, rule, id);
    live_start(culprit->live, worker->now);
    live_turn(culprit->live, worker->now);
    list_push_back(&engine->asked, &culprit->of_asked);
    alarm_init(&culprit->over, on_over, culprit);
    alarm_set(&engine->alarms, &culprit->over, mono_add(worker->now, most));
    return culprit;
}

static void add(struct engine *engine, struct fault_rule *rule)
{
    unsigned bit = 0;
    while (engine->culprits[bit])
        bit++;
    engine->culprits[bit] = culprit_new(engine, hold(rule), bit);
}

static void drop(struct culprit *culprit)
{
    touch_end_all(culprit);
    touch_forget(culprit);
    culprit->engine->culprits[culprit->bit] = NULL;
    culprit_leave(&culprit);
}

static bool can_become(const struct culprit *culprit, const struct fault_rule *rule)
{
    const struct fault_config *is = culprit_config(culprit), *to = &rule->fault->config;
    return is->kind == to->kind && is->per == to->per && is->stream == to->stream &&
           cJSON_Compare(conf_member(is->item, "match"), conf_member(to->item, "match"), true);
}

/* The fault has changed and goes on with what it touches. */
static void become(struct culprit *culprit, struct fault_rule *rule, mono now)
{
    struct fault_rule *before = culprit->rule;
    touch_change_all(culprit, &rule->fault->config, now);
    culprit->rule = hold(rule);
    culprit->live->fault = NULL;
    live_change(culprit->live, rule->fault, now);
    note_path(culprit);
    let_go_rule(before);
    touch_forget(culprit);
}

static struct fault_rule *rule_for(const struct fault_set *set, const struct culprit *culprit)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->rules[i]->common == culprit->rule->common)
            return set->rules[i];
    return NULL;
}

static bool is_run(const struct engine *engine, const struct fault_rule *rule)
{
    unsigned bit = 0;
    while (bit < FAULTS_MAX &&
           !(engine->culprits[bit] && engine->culprits[bit]->rule->common == rule->common))
        bit++;
    return bit < FAULTS_MAX;
}

static void settle(struct engine *engine, struct culprit *culprit, const struct fault_set *set)
{
    struct fault_rule *rule = rule_for(set, culprit);
    if (rule == culprit->rule)
        return;
    if (rule && can_become(culprit, rule))
        become(culprit, rule, engine->worker->now);
    else
        drop(culprit);
}

void engine_look(struct engine *engine)
{
    struct worker *worker = engine->worker;
    struct faults *faults = &worker->proxy->faults;
    struct fault_set set;
    if (engine->number == atomic_load(&faults->number))
        return;
    proxy_faults_take(faults, &set, &engine->names, &engine->name_count, &engine->number);
    worker_learn_names(worker, engine->names, engine->name_count);
    if (set.count > 0 && !is_ready(engine))
        proxy_faults_drop(&set);
    for (unsigned bit = 0; bit < FAULTS_MAX; bit++)
        if (engine->culprits[bit])
            settle(engine, engine->culprits[bit], &set);
    for (size_t i = 0; i < set.count; i++)
        if (!is_run(engine, set.rules[i]))
            add(engine, set.rules[i]);
    proxy_faults_drop(&set);
    for (unsigned bit = 0; bit < FAULTS_MAX; bit++)
        if (engine->culprits[bit])
            set_epoch(engine->culprits[bit]);
    plan_all(engine);
    turn_all(engine);
    silence_asked(engine);
}

/* ---- */

struct engine *engine_new(struct worker *worker)
{
    struct engine *engine = mem_alloc(1, sizeof(*engine));
    engine->worker = worker;
    list_init(&engine->uplinks);
    list_init(&engine->asked);
    alarm_init(&engine->next, on_alarm, engine);
    faulty_shared_init(&engine->shared, &engine->alarms, IN_FLIGHT);
    return engine;
}

void engine_free(struct engine **out)
{
    struct engine *engine = *out;
    *out = NULL;
    if (!engine)
        return;
    for (unsigned bit = 0; bit < FAULTS_MAX; bit++)
        if (engine->culprits[bit])
            drop(engine->culprits[bit]);
    if (engine->ready) {
        alarm_stop(&engine->alarms, &engine->next);
        alarms_release(&engine->alarms);
    }
    faulty_shared_release(&engine->shared);
    free(engine->names);
    free(engine);
}
