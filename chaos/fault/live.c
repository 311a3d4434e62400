/* SPDX-License-Identifier: MIT */
#include "chaos/fault/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/fault/draw.h"
#include "lib/base/memory.h"

/* A fault that comes again within nanoseconds must not keep everything else from running. */
#define CATCH_UP 10000

/* While its share grows, a fault is looked at so often. */
#define RAMP_STEPS 50
#define RAMP_STEP  duration_ms(5)

#define NEVER ((mono){INT64_MAX})

static void plan(struct live_fault *live)
{
    const struct fault_config *config = live_config(live);
    live->schedule = (struct schedule){
        .seed = live->seed,
        .name = live->draws,
        .from = config->from,
        .until = config->until,
        .every = config->every,
        .lasting = config->lasting,
        .count = (uint64_t)config->count,
    };
    schedule_rewind(&live->schedule);
    live->has_occurrence = schedule_next(&live->schedule, &live->occurrence);
}

struct live_fault *live_new(struct fault *fault, const char *link, uint64_t seed)
{
    struct live_fault *live = mem_alloc(1, sizeof(*live));
    size_t size = strlen(link) + strlen(fault->config.name) + 2;
    live->fault = fault;
    live->seed = seed;
    live->draws = mem_alloc(1, size);
    snprintf(live->draws, size, "%s/%s", link, fault->config.name);
    plan(live);
    return live;
}

void live_free(struct live_fault *live)
{
    fault_free(live->fault);
    free(live->draws);
    free(live);
}

static void set_expiry(struct live_fault *live, mono now)
{
    duration ttl = live_config(live)->ttl;
    live->expires = ttl.ns > 0 ? mono_add(now, ttl) : (mono){0};
}

void live_start(struct live_fault *live, mono epoch)
{
    live->epoch = epoch;
    set_expiry(live, epoch);
    plan(live);
}

void live_change(struct live_fault *live, struct fault *fault, mono now)
{
    fault_free(live->fault);
    live->fault = fault;
    plan(live);
    set_expiry(live, now);
    live_turn(live, now);
}

/* The end of the occurrence, from the epoch. */
static int64_t occurrence_end(const struct live_fault *live)
{
    int64_t until = live_config(live)->until.ns;
    int64_t end = until > 0 ? until : INT64_MAX;
    if (live->occurrence.lasting.ns == 0 && dist_is_zero(&live_config(live)->lasting))
        return end;
    int64_t own = live->occurrence.at.ns + live->occurrence.lasting.ns;
    return own < end ? own : end;
}

void live_turn(struct live_fault *live, mono now)
{
    live->on = false;
    if (!mono_is_set(live->epoch))
        return;
    int64_t at = mono_between(live->epoch, now).ns;
    for (int i = 0; i < CATCH_UP && live->has_occurrence && at >= occurrence_end(live); i++)
        live->has_occurrence = schedule_next(&live->schedule, &live->occurrence);
    live->on = live->has_occurrence && at >= live->occurrence.at.ns && at < occurrence_end(live);
}

static bool is_ramping(const struct live_fault *live, mono now)
{
    int64_t since = mono_between(live->epoch, now).ns - live->occurrence.at.ns;
    return live->on && since < live_config(live)->ramp.ns;
}

static mono next_change(const struct live_fault *live, mono now)
{
    if (!mono_is_set(live->epoch) || !live->has_occurrence)
        return NEVER;
    if (is_ramping(live, now)) {
        duration step = duration_ns(live_config(live)->ramp.ns / RAMP_STEPS);
        return mono_add(now, step.ns > RAMP_STEP.ns ? step : RAMP_STEP);
    }
    int64_t at = live->on ? occurrence_end(live) : live->occurrence.at.ns;
    return at == INT64_MAX ? NEVER : mono_add(live->epoch, duration_ns(at));
}

mono live_next(const struct live_fault *live, mono now)
{
    mono next = next_change(live, now);
    bool expires = mono_is_set(live->expires) && mono_before(live->expires, next);
    return expires ? live->expires : next;
}

double live_share(const struct live_fault *live, mono now)
{
    const struct fault_config *config = live_config(live);
    if (!live->on)
        return 0;
    if (!is_ramping(live, now))
        return config->share;
    int64_t since = mono_between(live->epoch, now).ns - live->occurrence.at.ns;
    return config->share * (double)since / (double)config->ramp.ns;
}

/* `name` and `key` are what is drawn by, `number` what is counted by. */
static bool touches(const struct live_fault *live, const char *name, uint64_t key, uint64_t number,
                    bool already, mono now)
{
    const struct fault_config *config = live_config(live);
    if (!live->on || (config->first > 0 && number >= (uint64_t)config->first))
        return false;
    if (!already && config->max_active > 0 && live->active >= (uint64_t)config->max_active)
        return false;
    return draw_touches(live->seed, name, key, live_share(live, now));
}

bool live_touches(const struct live_fault *live, uint64_t ordinal, bool already, mono now)
{
    return touches(live, live->draws, ordinal, ordinal, already, now);
}

bool live_touches_request(const struct live_fault *live, const struct live_draw *draw,
                          uint64_t number, mono now)
{
    return touches(live, live_draws(live, draw), draw->key, number, false, now);
}

const char *live_draws(const struct live_fault *live, const struct live_draw *draw)
{
    return draw->traced ? live_config(live)->name : live->draws;
}

bool live_touches_all(const struct live_fault *live, mono now)
{
    const struct fault_config *config = live_config(live);
    return live->on && config->first == 0 && config->max_active == 0 && live_share(live, now) >= 1;
}
