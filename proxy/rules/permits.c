/* SPDX-License-Identifier: MIT */
#include "proxy/rules/permits.h"

#include <sched.h>

/* ---- windows; the flag is held */

static void begin_window(struct permits *permits, mono now)
{
    struct gradient_plan plan = gradient_plan(&permits->gradient, permits->config);
    atomic_store(&permits->limit, plan.limit);
    atomic_store(&permits->needed, plan.samples);
    atomic_store(&permits->begun, now.ns);
    atomic_store(&permits->longest, plan.at_most.ns);
    atomic_store(&permits->first_event, 0);
    /* Before as many have left as the probe lets through there may be a crowd at the service. */
    bool crowded = plan.probe && atomic_load(&permits->in_flight) > plan.limit;
    atomic_store(&permits->counted_from, crowded ? INT64_MAX : plan.probe ? now.ns : 0);
    atomic_store(&permits->samples, 0);
    atomic_store(&permits->latency_sum, 0);
    atomic_store(&permits->peak, atomic_load(&permits->in_flight));
}

/* Once a second at most, and none for small changes. */
static bool is_worth_telling(struct permits *permits, int limit, mono now)
{
    int before = permits->recorded;
    int change = limit > before ? limit - before : before - limit;
    if (change == 0 || change * 10 < before ||
        mono_between(permits->recorded_at, now).ns < NS_PER_S)
        return false;
    permits->recorded = limit;
    permits->recorded_at = now;
    return true;
}

static struct permits_news end_window(struct permits *permits, mono now)
{
    struct permits_news news = {0};
    int samples = atomic_load(&permits->samples);
    double sum = (double)atomic_load(&permits->latency_sum);
    bool probed = permits->gradient.probing;
    struct gradient_window window = {.latency = samples > 0 ? sum / samples : 0,
                                     .peak = atomic_load(&permits->peak),
                                     .samples = samples,
                                     .lasted = {now.ns - atomic_load(&permits->begun)},
                                     .now = now};
    if (probed || sum > 0) {
        int limit = gradient_update(&permits->gradient, permits->config, &window);
        if (probed && samples >= permits->config->probe.requests)
            news.baseline = permits->gradient.baseline;
        if (is_worth_telling(permits, limit, now))
            news.limit = limit;
    }
    begin_window(permits, now);
    return news;
}

/* ---- */

/* Where nothing has changed nothing begins anew, above all no probe: reloads may come often. */
static void go_by(struct permits *permits, const struct concurrency_config *config, mono now)
{
    const struct concurrency_config *before = permits->config;
    bool same = before && conf_equal(&concurrency_conf_table, before, config);
    permits->config = config;
    if (same)
        return;
    gradient_configure(&permits->gradient, before, config);
    if (config->adaptive) {
        begin_window(permits, now);
    } else {
        atomic_store(&permits->counted_from, 0);
        atomic_store(&permits->limit, (int)config->limit);
    }
    if (permits->recorded == 0)
        permits->recorded = (int)config->limit;
}

void permits_configure(struct permits *permits, const struct concurrency_config *config, mono now)
{
    while (atomic_flag_test_and_set(&permits->updating))
        sched_yield(); /* a worker ends a window: that is soon done */
    go_by(permits, config, now);
    atomic_flag_clear(&permits->updating);
}

bool permits_take(struct permits *permits)
{
    int limit = atomic_load_explicit(&permits->limit, memory_order_relaxed);
    int under_way = atomic_load_explicit(&permits->in_flight, memory_order_relaxed);
    do {
        if (under_way >= limit)
            return false;
    } while (!atomic_compare_exchange_weak(&permits->in_flight, &under_way, under_way + 1));
    if (under_way + 1 > atomic_load_explicit(&permits->peak, memory_order_relaxed))
        atomic_store_explicit(&permits->peak, under_way + 1, memory_order_relaxed);
    return true;
}

void permits_give(struct permits *permits, const struct concurrency_config *config, mono now)
{
    int left = atomic_fetch_sub(&permits->in_flight, 1) - 1;
    int64_t nobody = INT64_MAX;
    if (config->adaptive && left <= atomic_load_explicit(&permits->limit, memory_order_relaxed) &&
        atomic_load_explicit(&permits->counted_from, memory_order_relaxed) == nobody)
        atomic_compare_exchange_strong(&permits->counted_from, &nobody, now.ns);
}

static bool is_over(struct permits *permits, const struct concurrency_config *config, mono now)
{
    int64_t longest = atomic_load_explicit(&permits->longest, memory_order_relaxed);
    int64_t begun = atomic_load_explicit(&permits->begun, memory_order_relaxed);
    int64_t first = 0;
    /* A quiet time is no part of it: the clock starts when somebody is there. */
    if (longest > 0 && atomic_compare_exchange_strong(&permits->first_event, &first, now.ns))
        first = now.ns;
    if (longest > 0 && now.ns - first >= longest)
        return true;
    if (atomic_load(&permits->samples) <
        atomic_load_explicit(&permits->needed, memory_order_relaxed))
        return false;
    return longest > 0 || now.ns - begun >= config->window.ns;
}

struct permits_news permits_look(struct permits *permits, const struct concurrency_config *config,
                                 mono now)
{
    struct permits_news news = {0};
    if (!is_over(permits, config, now) || atomic_flag_test_and_set(&permits->updating))
        return news;
    /* Under the flag: another may have ended it just now, and a request that began under an older
     * configuration does not go by what holds now. */
    if (permits->config == config && is_over(permits, config, now))
        news = end_window(permits, now);
    atomic_flag_clear(&permits->updating);
    return news;
}

struct permits_news permits_learn(struct permits *permits, const struct concurrency_config *config,
                                  mono permitted, duration latency, mono now)
{
    if (permitted.ns >= atomic_load_explicit(&permits->counted_from, memory_order_relaxed)) {
        atomic_fetch_add(&permits->latency_sum, latency.ns);
        atomic_fetch_add(&permits->samples, 1);
    }
    return permits_look(permits, config, now);
}
