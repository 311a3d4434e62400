/* SPDX-License-Identifier: MIT */
#include "lab/load/arrival.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/base/rng.h"

/* The moment of the n-th arrival, given the one before it. */
static duration next_arrival(const struct load_spec *load, uint64_t n, duration before,
                             struct dist *gap, struct rng *rng)
{
    if (load->arrivals == ARRIVALS_CONSTANT) /* from n, so that rounding does not add up */
        return duration_ns((int64_t)((double)n * (double)NS_PER_S / load->rate + 0.5) -
                           load->warmup.ns);
    return duration_ns(before.ns + dist_sample(gap, rng).ns);
}

static uint32_t choose_request(const struct load_spec *load, double total, struct rng *rng)
{
    const struct request_spec *requests = load->requests.items;
    double at = rng_unit(rng) * total;
    for (uint32_t i = 0; i + 1 < load->requests.count; i++) {
        at -= requests[i].weight;
        if (at < 0)
            return i;
    }
    return (uint32_t)load->requests.count - 1;
}

static double total_weight(const struct load_spec *load)
{
    const struct request_spec *requests = load->requests.items;
    double total = 0;
    for (size_t i = 0; i < load->requests.count; i++)
        total += requests[i].weight;
    return total;
}

void arrivals_draw(struct arrivals *arrivals, const struct load_spec *load, uint64_t seed,
                   uint64_t round)
{
    /* The moments and the choice of request come from streams of their own: other weights leave
     * the moments as they were. */
    struct rng moments, choices;
    rng_init_stream(&moments, seed, "arrivals", round);
    rng_init_stream(&choices, seed, "requests", round);
    struct dist gap = {.kind = DIST_EXPONENTIAL, .a = (double)NS_PER_S / load->rate};
    double total = total_weight(load);
    size_t capacity = (size_t)(experiment_arrivals(load) * 1.1) + 64;
    *arrivals = (struct arrivals){.items = mem_alloc(capacity, sizeof(*arrivals->items))};
    duration at = duration_ns(-load->warmup.ns);
    for (;;) {
        at = next_arrival(load, arrivals->count, at, &gap, &moments);
        if (at.ns >= load->duration.ns)
            return;
        if (arrivals->count == capacity) {
            capacity *= 2;
            arrivals->items = mem_grow(arrivals->items, capacity, sizeof(*arrivals->items));
        }
        arrivals->items[arrivals->count++] =
            (struct arrival){.at = at, .request = choose_request(load, total, &choices)};
    }
}

void arrivals_free(struct arrivals *arrivals)
{
    free(arrivals->items);
    *arrivals = (struct arrivals){0};
}
