/* SPDX-License-Identifier: MIT */
#include "proxy/rules/health.h"

#include <math.h>

/* An ejection within so many times its own length after the last is a repetition. */
enum { REPEATS_WITHIN = 5 };

/* What a restored endpoint begins with. */
static const double COLD = 0.1;

static uint64_t count_in_a_row(struct health *health, bool failed)
{
    if (failed)
        return (uint64_t)atomic_fetch_add_explicit(&health->in_a_row, 1, memory_order_relaxed) + 1;
    /* The line is written to only when there is something to change. */
    if (atomic_load_explicit(&health->in_a_row, memory_order_relaxed) != 0)
        atomic_store_explicit(&health->in_a_row, 0, memory_order_relaxed);
    return 0;
}

uint64_t health_note(struct health *health, const struct passive_config *config, bool failed,
                     mono now, uint64_t *of)
{
    uint64_t in_a_row = count_in_a_row(health, failed);
    *of = 0;
    if (config->failure_share > 0)
        window_add(&health->window, now, failed);
    if (!failed || !health_is_fit(health))
        return 0;
    if (config->consecutive > 0 && in_a_row >= (uint64_t)config->consecutive)
        return in_a_row;
    if (config->failure_share <= 0)
        return 0;
    struct window_sum sum = window_sum(&health->window, now);
    if (sum.all < (uint64_t)config->minimum ||
        (double)sum.bad < config->failure_share * (double)sum.all)
        return 0;
    *of = sum.all;
    return sum.bad;
}

/* Shares of small numbers: 70% of 10 are 7, whatever the last bit of 0.7 says. */
static const double ROUNDING = 1e-9;

static int most_ejected(const struct health_group *group, double share)
{
    int most = (int)(share * group->endpoints + ROUNDING);
    return most == 0 && share > 0 && group->endpoints > 1 ? 1 : most;
}

static bool reserve_ejection(struct health_group *group, double share)
{
    int most = most_ejected(group, share);
    int ejected = atomic_load(&group->ejected);
    do {
        if (ejected >= most)
            return false;
    } while (!atomic_compare_exchange_weak(&group->ejected, &ejected, ejected + 1));
    return true;
}

/* One judge changes its mind. False: it had said so before. */
static bool set_down(struct health *health, struct health_group *group, enum health_judge judge,
                     bool down)
{
    unsigned before = down ? atomic_fetch_or(&health->down, judge)
                           : atomic_fetch_and(&health->down, ~(unsigned)judge);
    if (((before & judge) != 0) == down)
        return false;
    if ((before & ~(unsigned)judge) == 0)
        atomic_fetch_add(&group->down, down ? 1 : -1);
    return true;
}

/* Twice as long each time, as long as one follows closely on the other. */
static duration next_length(struct health *health, const struct passive_config *config, mono now)
{
    int64_t last = atomic_load(&health->last_length);
    int64_t since = now.ns - atomic_load(&health->restored_at);
    bool soon = last > 0 && since < REPEATS_WITHIN * last;
    int64_t length = soon ? last * 2 : config->eject_for.ns;
    if (length > config->eject_longest.ns)
        length = config->eject_longest.ns;
    atomic_store(&health->last_length, length);
    return (duration){length};
}

bool health_eject(struct health *health, struct health_group *group,
                  const struct passive_config *config, mono now, duration *length)
{
    if (!reserve_ejection(group, config->max_ejected))
        return false;
    if (!set_down(health, group, HEALTH_EJECTED, true)) {
        atomic_fetch_sub(&group->ejected, 1);
        return false;
    }
    /* Nobody can end it before its end is known. */
    *length = next_length(health, config, now);
    atomic_store(&health->ejected_until, mono_add(now, *length).ns);
    return true;
}

/* It begins anew, from the first request on. */
static void forget(struct health *health, mono now)
{
    atomic_store(&health->in_a_row, 0);
    window_clear(&health->window);
    atomic_store(&health->restored_at, now.ns);
}

bool health_restore(struct health *health, struct health_group *group, mono now)
{
    int64_t until = atomic_load(&health->ejected_until);
    if (until == 0 || now.ns < until ||
        !atomic_compare_exchange_strong(&health->ejected_until, &until, 0))
        return false;
    forget(health, now);
    (void)set_down(health, group, HEALTH_EJECTED, false);
    atomic_fetch_sub(&group->ejected, 1);
    return true;
}

bool health_check_says(struct health *health, struct health_group *group, bool fit, mono now)
{
    bool was_down = atomic_load(&health->down) & HEALTH_CHECK_FAILED;
    if (fit && was_down)
        forget(health, now);
    return set_down(health, group, HEALTH_CHECK_FAILED, !fit);
}

/* ---- reload */

void health_configure(struct health *health, struct health_group *group,
                      const struct health_config *config, mono now)
{
    if (config->passive.failure_share > 0)
        window_init(&health->window, config->passive.window);
    if (config->active.interval.ns == 0)
        (void)health_check_says(health, group, true, now);
}

void health_join(struct health *health, struct health_group *group)
{
    unsigned before = atomic_fetch_and(&health->down, ~(unsigned)HEALTH_GONE);
    if ((before & HEALTH_GONE) && before != HEALTH_GONE)
        atomic_fetch_add(&group->down, 1);
}

void health_leave(struct health *health, struct health_group *group)
{
    unsigned before = atomic_fetch_or(&health->down, HEALTH_GONE);
    if (!(before & HEALTH_GONE) && before != 0)
        atomic_fetch_sub(&group->down, 1);
}

void health_forget(struct health *health, struct health_group *group)
{
    if (atomic_exchange(&health->ejected_until, 0) != 0)
        atomic_fetch_sub(&group->ejected, 1);
}

/* ---- of the upstream */

void health_group_configure(struct health_group *group, size_t endpoints, double panic_threshold)
{
    atomic_store(&group->endpoints, (int)endpoints);
    atomic_store(&group->least, (int)ceil(panic_threshold * (double)endpoints - ROUNDING));
}

bool health_group_turned(struct health_group *group, bool *panic)
{
    bool now = health_group_panics(group);
    if (atomic_exchange(&group->panic_known, now) == now)
        return false;
    *panic = now;
    /* It may have turned back meanwhile, and who turned it found nothing to write down. */
    return now == health_group_panics(group) || !health_group_turned(group, panic);
}

double health_warmth(const struct health *health, duration slow_start, mono now)
{
    int64_t restored = atomic_load_explicit(&health->restored_at, memory_order_relaxed);
    int64_t age = now.ns - restored;
    if (restored == 0 || age >= slow_start.ns)
        return 1;
    double warmth = (double)age / (double)slow_start.ns;
    return warmth > COLD ? warmth : COLD;
}
