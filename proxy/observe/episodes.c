/* SPDX-License-Identifier: MIT */
#include "proxy/observe/episodes.h"

#include <stdlib.h>

#include "proxy/process/limiters.h"
#include "proxy/process/throttles.h"

/* An episode whose end is waited for, by the worker in which it began. */
struct watch {
    struct list node; /* in realm->episodes */
    struct realm *realm;
    struct episode *episode;
    atomic_int *waiting; /* NULL: nobody does */
    enum state_kind begun;
    uint16_t subject;
    struct timer timer;
};

static const enum state_kind ends[STATE_KIND_COUNT] = {
    [STATE_POOL_EXHAUSTED] = STATE_POOL_AVAILABLE,
    [STATE_QUEUE_SHED] = STATE_QUEUE_SHED_ENDED,
    [STATE_DESCRIPTORS_EXHAUSTED] = STATE_DESCRIPTORS_AVAILABLE,
    [STATE_RETRIES_EXHAUSTED] = STATE_RETRIES_AVAILABLE,
    [STATE_HEDGES_EXHAUSTED] = STATE_HEDGES_AVAILABLE,
    [STATE_RATE_LIMITING_BEGUN] = STATE_RATE_LIMITING_ENDED,
    [STATE_SHEDDING_BEGUN] = STATE_SHEDDING_ENDED,
};

/* False: it goes on. */
static bool end(struct watch *watch, mono now)
{
    mono last;
    uint64_t events;
    if (!episode_over(watch->episode, now, &last, &events))
        return false;
    journal_state_at(watch->realm->worker, last, ends[watch->begun], watch->subject, events);
    return true;
}

static void forget(struct watch *watch)
{
    timer_stop(&watch->timer);
    list_remove(&watch->node);
    free(watch);
}

static void look(void *arg)
{
    struct watch *watch = arg;
    struct worker *worker = watch->realm->worker;
    worker_enter(worker);
    bool waiting = watch->waiting && atomic_load(watch->waiting) > 0;
    if (!waiting && end(watch, worker->now))
        forget(watch);
    else
        timer_start(&watch->timer, EPISODE_QUIET);
}

void episodes_note_waiting(struct realm *realm, struct episode *episode, enum state_kind begun,
                           uint16_t subject, uint64_t value, atomic_int *waiting)
{
    struct worker *worker = realm->worker;
    if (!episode_event(episode, worker->now))
        return;
    journal_state(worker, begun, subject, value);
    struct watch *watch = mem_alloc(1, sizeof(*watch));
    *watch = (struct watch){
        .realm = realm, .episode = episode, .waiting = waiting, .begun = begun, .subject = subject};
    list_push_back(&realm->episodes, &watch->node);
    timer_init(&watch->timer, &worker->loop, look, watch);
    timer_start(&watch->timer, EPISODE_QUIET);
}

void episodes_note(struct realm *realm, struct episode *episode, enum state_kind begun,
                   uint16_t subject, uint64_t value)
{
    episodes_note_waiting(realm, episode, begun, subject, value, NULL);
}

/* ---- the end of a realm */

static bool is_within(const void *object, size_t size, const struct episode *episode)
{
    uintptr_t start = (uintptr_t)object, at = (uintptr_t)episode;
    return object && at >= start && at < start + size;
}

/* Whether the episode is of something that the realm's generation has, too. */
static bool has(const struct realm *realm, const struct episode *episode)
{
    const struct proxy_config *config = realm->config;
    const struct generation *generation = realm->generation;
    for (size_t i = 0; i < config->upstreams.count; i++)
        if (is_within(realm->upstreams[i].shared, sizeof(struct shared_upstream), episode))
            return true;
    for (size_t i = 0; i < config->routes.count; i++)
        if (is_within(generation->throttles[i].state, sizeof(struct throttle_state), episode))
            return true;
    for (size_t i = 0; i < limiters_count(config); i++)
        if (is_within(generation->limiters[i], sizeof(struct limiter), episode))
            return true;
    return false;
}

void episodes_hand_over(struct realm *realm)
{
    struct realm *current = realm->worker->realm;
    list_foreach_safe (node, &realm->episodes) {
        struct watch *watch = list_entry(node, struct watch, node);
        if (current != realm && has(current, watch->episode)) {
            list_remove(node);
            list_push_back(&current->episodes, node);
            watch->realm = current;
        } else {
            (void)end(watch, (mono){INT64_MAX});
            forget(watch);
        }
    }
}
