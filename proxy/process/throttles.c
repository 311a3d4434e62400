/* SPDX-License-Identifier: MIT */
#include "proxy/process/throttles.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/process/proxy.h"

/* ---- the rule */

/* Without a configured burst: what the rate lets through in a tenth of a second. */
static double burst_of(const struct rate_limit_config *config)
{
    double burst = config->mode == RATE_QUEUE ? 1 : config->rate / 10;
    if (config->burst > 0)
        burst = (double)config->burst;
    return burst < 1 ? 1 : burst;
}

static void init_rule(struct rate_rule *rule, const struct rate_limit_config *config)
{
    bool queues = config->mode == RATE_QUEUE, warms = config->mode == RATE_WARM_UP;
    const struct rate_terms terms = {
        .rate = config->rate,
        .cold = warms ? config->cold : 1,
        .warm_up = warms ? config->warm_up : (duration){0},
        .burst = burst_of(config),
        .queue = queues ? (double)config->queue : 0,
        .max_wait = queues ? config->max_wait : (duration){0},
    };
    rate_rule_init(rule, &terms);
}

/* ---- what goes on */

static const struct route_config *route_at(const struct generation *generation, size_t number)
{
    return (const struct route_config *)generation->config.routes.items + number;
}

/* Whether their buckets are those of the same clients or values. */
static bool count_the_same(const struct rate_limit_config *a, const struct rate_limit_config *b)
{
    return a->per == b->per && (a->per != RATE_PER_HEADER || strcmp(a->name, b->name) == 0);
}

/* The number of the same route in another generation; -1: it has none, or no such limit. */
static int find_in(const struct generation *other, const struct generation *generation,
                   size_t number)
{
    int found = proxy_config_route(&other->config, &generation->config, number);
    return found >= 0 && other->throttles[found].state &&
                   count_the_same(&route_at(other, (size_t)found)->rate_limit,
                                  &route_at(generation, number)->rate_limit)
               ? found
               : -1;
}

static void carry(const struct throttle *from, struct throttle *to)
{
    mono now = mono_now();
    struct throttle_state *state = to->state;
    if (state->keys.slots)
        rate_table_carry(&from->rule, &from->state->keys, &to->rule, &state->keys, now);
    else
        rate_carry(&from->rule, &from->state->all, &to->rule, &state->all, now);
    atomic_store(&state->refusing.last, atomic_load(&from->state->refusing.last));
    atomic_store(&state->refusing.events, atomic_load(&from->state->refusing.events));
}

static struct throttle_state *state_new(const struct rate_limit_config *config)
{
    struct throttle_state *state = mem_alloc(1, sizeof(*state));
    if (config->per != RATE_PER_ROUTE)
        rate_table_init(&state->keys, (size_t)config->keys);
    return state;
}

/* Under another rule, or with room for another number of keys, the same is said in other figures.
 */
static void init_throttle(struct throttle *throttle, const struct generation *generation,
                          size_t number)
{
    const struct rate_limit_config *config = &route_at(generation, number)->rate_limit;
    init_rule(&throttle->rule, config);
    list_foreach (node, &generation->proxy->generations) {
        const struct generation *other = list_entry(node, struct generation, node);
        int found = find_in(other, generation, number);
        if (found < 0)
            continue;
        const struct throttle *before = &other->throttles[found];
        if (rate_rules_agree(&before->rule, &throttle->rule) &&
            config->keys == route_at(other, (size_t)found)->rate_limit.keys) {
            throttle->state = before->state;
        } else {
            throttle->state = state_new(config);
            carry(before, throttle);
        }
        return;
    }
    throttle->state = state_new(config);
}

/* ---- */

struct throttle *throttles_new(const struct generation *generation)
{
    size_t count = generation->config.routes.count;
    struct throttle *throttles = mem_alloc(count, sizeof(*throttles));
    for (size_t i = 0; i < count; i++) {
        if (route_at(generation, i)->rate_limit.rate <= 0)
            continue;
        init_throttle(&throttles[i], generation, i);
        throttles[i].state->uses++;
    }
    return throttles;
}

void throttles_drop(struct generation *generation)
{
    for (size_t i = 0; generation->throttles && i < generation->config.routes.count; i++) {
        struct throttle_state *state = generation->throttles[i].state;
        if (!state || --state->uses > 0)
            continue;
        rate_table_release(&state->keys);
        free(state);
    }
    free(generation->throttles);
    generation->throttles = NULL;
}
