/* SPDX-License-Identifier: MIT */
#include "lab/analysis/stalls.h"

#include <math.h>
#include <stdlib.h>

#include "lab/analysis/order.h"
#include "lab/analysis/stall_scope.h"
#include "lab/analysis/sweep.h"
#include "lab/analysis/usual.h"
#include "lib/base/memory.h"

#define ROUNDS  3    /* of taking out what was found and looking again */
#define SAMPLES 4000 /* gaps that tell what is usual */

static const struct {
    const char *name;
} scopes[] = {
#define SCOPE_ROW(id, name, meaning) [STALL_##id] = {name},
    STALL_SCOPES(SCOPE_ROW)
#undef SCOPE_ROW
};

const char *stall_scope_name(enum stall_scope scope)
{
    return scopes[scope].name;
}

/* The most surprising first. */
static int compare_gaps(const void *a, const void *b)
{
    const struct gap *x = *(const struct gap *const *)a, *y = *(const struct gap *const *)b;
    return (x->surprise < y->surprise) - (x->surprise > y->surprise);
}

/* ---- one endpoint */

struct search {
    const struct stall_wait *waits;
    size_t count;
    struct hazard hazards[STALL_PHASES];
    struct gap_list found; /* by time */
    double *false_share;   /* of each */
    struct sweep sweep;    /* the last one */
    struct usual usual;
    struct stall_endpoint *facts;
};

/* A wait that a stall held tells nothing about how long it would have taken. */
static void fit_hazards(struct search *search)
{
    for (size_t i = 0; i < STALL_PHASES; i++)
        search->hazards[i] = (struct hazard){0};
    for (size_t i = 0; i < search->count; i++) {
        const struct stall_wait *wait = &search->waits[i];
        size_t at = gap_list_find(&search->found, wait->from);
        bool held = at < search->found.count && search->found.items[at].after < wait->until;
        int64_t until = held ? search->found.items[at].after : wait->until;
        hazard_add(&search->hazards[wait->phase], until - wait->from, wait->moved && !held);
    }
    for (size_t i = 0; i < STALL_PHASES; i++)
        hazard_fit(&search->hazards[i]);
    search->facts->median = hazard_median(&search->hazards[STALL_HEAD]);
}

static void run_sweep(struct search *search)
{
    sweep_free(&search->sweep);
    int64_t least = search->facts->median / 2;
    search->sweep = (struct sweep){
        .waits = search->waits,
        .count = search->count,
        .hazards = search->hazards,
        .stalls = &search->found,
        .least = least > STALL_LEAST_NS ? least : STALL_LEAST_NS,
        .sample_every = 1 + search->count / SAMPLES,
    };
    sweep_run(&search->sweep);
    usual_free(&search->usual);
    usual_fit(&search->usual, search->sweep.sample, search->sweep.sample_count);
    search->facts->usual = search->usual.scale;
    search->facts->tail = search->usual.tail;
    for (size_t i = 0; i < search->sweep.gaps.count; i++) {
        struct gap *gap = &search->sweep.gaps.items[i];
        gap->surprise = usual_rarity(&search->usual, gap->after, gap->surprise);
    }
}

/* Those that a false discovery rate of STALL_FALSE_SHARE leaves, as a mark beside each gap, and the
 * rate at which each would still be among them. */
static void discover(const struct search *search, double *false_share)
{
    const struct gap_list *gaps = &search->sweep.gaps;
    const struct gap **order = mem_alloc(gaps->count, sizeof(*order));
    for (size_t i = 0; i < gaps->count; i++)
        order[i] = &gaps->items[i];
    qsort(order, gaps->count, sizeof(*order), compare_gaps);
    double least = 1;
    for (size_t i = gaps->count; i-- > 0;) {
        double chance = exp(-order[i]->surprise);
        least = fmin(least, chance * (double)search->sweep.gap_count / (double)(i + 1));
        false_share[order[i] - gaps->items] = least;
    }
    free(order);
}

/* Returns whether other gaps were found than before. */
static bool keep_discoveries(struct search *search)
{
    const struct gap_list *gaps = &search->sweep.gaps;
    double *false_share = mem_alloc(gaps->count + 1, sizeof(*false_share));
    discover(search, false_share);
    size_t before = search->found.count, same = 0, kept = 0;
    struct gap_list found = {0};
    for (size_t i = 0; i < gaps->count; i++) {
        const struct gap *gap = &gaps->items[i];
        if (false_share[i] > STALL_FALSE_SHARE)
            continue;
        size_t at = gap_list_find(&search->found, gap->after);
        same += at < before && search->found.items[at].after == gap->after;
        false_share[kept++] = false_share[i];
        gap_list_add(&found, gap);
    }
    free(search->found.items);
    free(search->false_share);
    search->found = found;
    search->false_share = false_share;
    return same != before || kept != before;
}

static void find_gaps(struct search *search)
{
    for (size_t i = 0; i < search->count; i++)
        search->facts->moves += search->waits[i].moved;
    search->facts->waits = search->count;
    search->facts->judged = search->facts->moves >= STALL_LEAST_MOVES;
    fit_hazards(search);
    run_sweep(search);
    if (!search->facts->judged)
        return;
    for (int i = 1; i < ROUNDS && keep_discoveries(search); i++) {
        fit_hazards(search);
        run_sweep(search);
    }
    keep_discoveries(search);
}

static void add_stalls(struct stalls *stalls, const struct search *search, uint32_t endpoint)
{
    for (size_t i = 0; i < search->found.count; i++) {
        const struct gap *gap = &search->found.items[i];
        stalls->items = mem_grow(stalls->items, stalls->count + 1, sizeof(*stalls->items));
        stalls->items[stalls->count++] = (struct stall){
            .endpoint = endpoint,
            .began = gap->began,
            .began_after = gap->after,
            .ended = gap->until,
            .open = gap->open,
            .held = gap->held,
            .given_up = gap->given_up,
            .together = gap->together,
            .surprise = gap->surprise,
            .confidence = 1 - search->false_share[i],
        };
    }
}

/* ---- all */

static int compare_stalls(const void *a, const void *b)
{
    const struct stall *x = a, *y = b;
    if (x->began != y->began)
        return x->began < y->began ? -1 : 1;
    return (x->endpoint > y->endpoint) - (x->endpoint < y->endpoint);
}

static size_t count_of_endpoint(const struct stall_wait *waits, size_t count, uint32_t endpoint)
{
    size_t n = 0;
    while (n < count && waits[n].endpoint == endpoint)
        n++;
    return n;
}

static void hand_over(struct stall_view *view, struct search *search)
{
    struct sweep *sweep = &search->sweep;
    *view = (struct stall_view){search->waits,    search->count, sweep->ends,
                                sweep->end_count, sweep->moves,  sweep->move_count};
    sweep->ends = sweep->moves = NULL;
}

/* By endpoint, then by moment. */
static void sort_waits(struct stall_wait *waits, size_t count)
{
    struct order_item *order = mem_alloc(count + 1, sizeof(*order));
    for (size_t i = 0; i < count; i++)
        order[i] = (struct order_item){waits[i].from, (uint32_t)i};
    order_sort(order, count);
    for (size_t i = 0; i < count; i++)
        order[i].key = waits[order[i].index].endpoint;
    order_sort(order, count);
    order_apply(waits, sizeof(*waits), order, count);
    free(order);
}

void stalls_find(struct stalls *stalls, struct stall_wait *waits, size_t count, size_t endpoints)
{
    *stalls = (struct stalls){.endpoint_count = endpoints};
    stalls->endpoints = mem_alloc(endpoints, sizeof(*stalls->endpoints));
    struct search *searches = mem_alloc(endpoints, sizeof(*searches));
    stalls->views = mem_alloc(endpoints, sizeof(*stalls->views));
    sort_waits(waits, count);
    size_t at = 0;
    for (uint32_t i = 0; i < endpoints; i++) {
        struct search *search = &searches[i];
        search->waits = waits + at;
        search->count = count_of_endpoint(waits + at, count - at, i);
        search->facts = &stalls->endpoints[i];
        at += search->count;
        find_gaps(search);
        add_stalls(stalls, search, i);
        hand_over(&stalls->views[i], search);
    }
    stall_scopes_judge(stalls);
    if (stalls->count > 0)
        qsort(stalls->items, stalls->count, sizeof(*stalls->items), compare_stalls);
    for (size_t i = 0; i < endpoints; i++) {
        sweep_free(&searches[i].sweep);
        usual_free(&searches[i].usual);
        free(searches[i].found.items);
        free(searches[i].false_share);
    }
    free(searches);
}

void stalls_free(struct stalls *stalls)
{
    for (size_t i = 0; i < stalls->endpoint_count && stalls->views; i++) {
        free(stalls->views[i].ends);
        free(stalls->views[i].moves);
    }
    free(stalls->views);
    free(stalls->items);
    free(stalls->endpoints);
    *stalls = (struct stalls){0};
}
