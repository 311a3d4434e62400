/* SPDX-License-Identifier: MIT */
/* A made-up service with known pauses, and what the finder of stalls makes of its records: the
 * synthetic mode of stalls.py. Arguments are KEY=VALUE; one line of JSON is printed.
 *
 * Requests come at random moments and are given to the endpoints in turn. Each takes a time of its
 * own ("service"), on as many at once as there are (slots=0), or one after the other in so many
 * slots; what does not answer within "timeout" is given up. In a pause nothing is taken on and
 * nothing is answered; what was due in it comes as soon as it is over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/analysis/stalls.h"
#include "lib/base/dist.h"
#include "lib/base/memory.h"

#define SECOND INT64_C(1000000000)

struct model {
    uint64_t seed;
    double rate; /* per second, of all endpoints */
    double seconds;
    size_t endpoints, slots;
    struct dist service, batch, every, length, timeout;
    double frozen_every; /* the gateway stands still so often, for `frozen` seconds; 0: never */
    double frozen;
    double slow_from, slow_to, slow_by; /* times of the service within a share of the run */
    size_t clients; /* above 0: so many that wait for their answer before they ask again */
};

struct pause {
    int64_t from, to;
};

struct pauses {
    struct pause *items;
    size_t count;
};

struct world {
    struct model model;
    struct pauses *pauses; /* of each endpoint */
    struct pauses freezes; /* of the gateway */
    int64_t **free_at;     /* of each slot of each endpoint */
    struct stall_wait *waits;
    int64_t *latencies;
    size_t count, capacity;
    struct rng rng;
};

static void fail(const char *what)
{
    fprintf(stderr, "stalls_model: %s\n", what);
    exit(2);
}

/* ---- arguments */

static void read_dist(struct dist *dist, const char *text)
{
    struct error error;
    if (dist_parse(dist, text, &error) != OK)
        fail(error.text);
}

static const char *value_of(int argc, char **argv, const char *key, const char *otherwise)
{
    size_t length = strlen(key);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], key, length) == 0 && argv[i][length] == '=')
            return argv[i] + length + 1;
    return otherwise;
}

static double number_of(int argc, char **argv, const char *key, const char *otherwise)
{
    return strtod(value_of(argc, argv, key, otherwise), NULL);
}

static void read_model(struct model *model, int argc, char **argv)
{
    *model = (struct model){
        .seed = (uint64_t)number_of(argc, argv, "seed", "1"),
        .rate = number_of(argc, argv, "rate", "1000"),
        .seconds = number_of(argc, argv, "seconds", "30"),
        .endpoints = (size_t)number_of(argc, argv, "endpoints", "1"),
        .slots = (size_t)number_of(argc, argv, "slots", "0"),
        .frozen_every = number_of(argc, argv, "frozen_every", "0"),
        .frozen = number_of(argc, argv, "frozen", "0"),
        .slow_from = number_of(argc, argv, "slow_from", "2"),
        .slow_to = number_of(argc, argv, "slow_to", "2"),
        .slow_by = number_of(argc, argv, "slow_by", "1"),
        .clients = (size_t)number_of(argc, argv, "clients", "0"),
    };
    read_dist(&model->service, value_of(argc, argv, "service", "exponential(20ms)"));
    read_dist(&model->batch, value_of(argc, argv, "batch", "0"));
    read_dist(&model->every, value_of(argc, argv, "every", "0"));
    read_dist(&model->length, value_of(argc, argv, "length", "0"));
    read_dist(&model->timeout, value_of(argc, argv, "timeout", "1h"));
}

/* ---- what happens */

static void add_pause(struct pauses *pauses, int64_t from, int64_t to)
{
    pauses->items = mem_grow(pauses->items, pauses->count + 1, sizeof(*pauses->items));
    pauses->items[pauses->count++] = (struct pause){from, to};
}

static void draw_pauses(struct world *world, struct pauses *pauses)
{
    struct model *model = &world->model;
    if (dist_is_zero(&model->every))
        return;
    int64_t end = (int64_t)(model->seconds * SECOND), at = 0;
    while ((at += dist_sample(&model->every, &world->rng).ns) < end) {
        int64_t to = at + dist_sample(&model->length, &world->rng).ns;
        add_pause(pauses, at, to);
        at = to;
    }
}

/* The moment, or the end of the pause that it falls into. */
static int64_t leave(const struct pauses *pauses, int64_t at)
{
    size_t low = 0, high = pauses->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pauses->items[middle].to > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low < pauses->count && pauses->items[low].from <= at ? pauses->items[low].to : at;
}

static int64_t *first_free(struct world *world, size_t endpoint)
{
    int64_t *slots = world->free_at[endpoint], *best = &slots[0];
    for (size_t i = 1; i < world->model.slots; i++)
        best = slots[i] < *best ? &slots[i] : best;
    return best;
}

/* When a request that comes at a moment is answered. */
static int64_t serve(struct world *world, size_t endpoint, int64_t at)
{
    struct model *model = &world->model;
    const struct pauses *pauses = &world->pauses[endpoint];
    int64_t begun = leave(pauses, at), took = dist_sample(&model->service, &world->rng).ns;
    double share = (double)at / (model->seconds * (double)SECOND);
    if (share >= model->slow_from && share < model->slow_to)
        took = (int64_t)((double)took * model->slow_by);
    int64_t *slot = model->slots > 0 ? first_free(world, endpoint) : NULL;
    if (slot && *slot > begun)
        begun = leave(pauses, *slot);
    int64_t done = leave(pauses, begun + took);
    if (slot)
        *slot = done;
    if (!dist_is_zero(&model->batch)) { /* answered together with others */
        int64_t grid = (int64_t)model->batch.a;
        done = (done / grid + 1) * grid;
    }
    return done + (int64_t)(rng_unit(&world->rng) * 100000); /* what the machine adds */
}

/* Returns when the client knows. */
static int64_t ask(struct world *world, int64_t at)
{
    size_t endpoint = world->count % world->model.endpoints;
    int64_t sent = leave(&world->freezes, at);
    int64_t answered = leave(&world->freezes, serve(world, endpoint, sent));
    int64_t timeout = dist_sample(&world->model.timeout, &world->rng).ns;
    int64_t limit = leave(&world->freezes, sent + timeout);
    bool moved = answered <= limit;
    if (world->count == world->capacity) {
        world->capacity = world->capacity ? 2 * world->capacity : 1024;
        world->waits = mem_grow(world->waits, world->capacity, sizeof(*world->waits));
        world->latencies = mem_grow(world->latencies, world->capacity, sizeof(int64_t));
    }
    int64_t until = moved ? answered : limit;
    world->latencies[world->count] = until - sent;
    world->waits[world->count++] =
        (struct stall_wait){sent, until, (uint32_t)endpoint, STALL_HEAD, moved};
    return until;
}

static void run_open(struct world *world)
{
    struct dist gap = {.kind = DIST_EXPONENTIAL, .a = (double)SECOND / world->model.rate};
    int64_t end = (int64_t)(world->model.seconds * SECOND), at = SECOND / 1000;
    while ((at += dist_sample(&gap, &world->rng).ns) < end)
        ask(world, at);
}

static void run_closed(struct world *world)
{
    int64_t *next = mem_alloc(world->model.clients, sizeof(*next));
    int64_t end = (int64_t)(world->model.seconds * SECOND);
    for (;;) {
        size_t first = 0;
        for (size_t i = 1; i < world->model.clients; i++)
            first = next[i] < next[first] ? i : first;
        if (next[first] >= end)
            break;
        next[first] = ask(world, next[first]) + 100000;
    }
    free(next);
}

/* ---- the verdict */

static int compare_moments(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static size_t held_in(const struct world *world, size_t endpoint, const struct pause *pause)
{
    size_t held = 0;
    for (size_t i = 0; i < world->count; i++) {
        const struct stall_wait *wait = &world->waits[i];
        held += wait->endpoint == endpoint && wait->from < pause->to && wait->until > pause->from;
    }
    return held;
}

/* The larger part of one of them lies in the other. */
static bool same(const struct pause *pause, const struct stall *stall)
{
    int64_t from = pause->from > stall->began ? pause->from : stall->began;
    int64_t to = pause->to < stall->ended ? pause->to : stall->ended;
    int64_t a = pause->to - pause->from, b = stall->ended - stall->began;
    return 2 * (to - from) > (a < b ? a : b);
}

static const struct stall *find_stall(const struct stalls *stalls, size_t endpoint,
                                      const struct pause *pause)
{
    for (size_t i = 0; i < stalls->count; i++)
        if (stalls->items[i].endpoint == endpoint && same(pause, &stalls->items[i]))
            return &stalls->items[i];
    return NULL;
}

static bool is_true(const struct world *world, const struct stall *stall)
{
    const struct pauses *pauses =
        stall->scope == STALL_GATEWAY ? &world->freezes : &world->pauses[stall->endpoint];
    for (size_t i = 0; i < pauses->count; i++)
        if (same(&pauses->items[i], stall))
            return true;
    return false;
}

static void print_list(const char *name, const int64_t *values, size_t count)
{
    printf(", \"%s\": [", name);
    for (size_t i = 0; i < count; i++)
        printf("%s%.3f", i ? ", " : "", (double)values[i] / 1e6);
    printf("]");
}

static void print_recall(const struct world *world, const struct stalls *stalls, int64_t median)
{
    size_t due = 0, found = 0, all = 0;
    int64_t *begins = NULL, *lengths = NULL;
    for (size_t endpoint = 0; endpoint < world->model.endpoints; endpoint++)
        for (size_t i = 0; i < world->pauses[endpoint].count; i++) {
            const struct pause *pause = &world->pauses[endpoint].items[i];
            all++;
            if (pause->to - pause->from < 3 * median || held_in(world, endpoint, pause) < 10)
                continue;
            due++;
            const struct stall *stall = find_stall(stalls, endpoint, pause);
            if (!stall)
                continue;
            begins = mem_grow(begins, found + 1, sizeof(*begins));
            lengths = mem_grow(lengths, found + 1, sizeof(*lengths));
            begins[found] = stall->began - pause->from;
            lengths[found++] = stall->ended - stall->began - (pause->to - pause->from);
        }
    printf("\"pauses\": %zu, \"due\": %zu, \"due_found\": %zu", all, due, found);
    print_list("begin_ms", begins, found);
    print_list("length_ms", lengths, found);
    free(begins);
    free(lengths);
}

static void print_precision(const struct world *world, const struct stalls *stalls, int64_t median)
{
    size_t large = 0, large_true = 0, all_true = 0, scopes[STALL_SCOPE_COUNT] = {0};
    for (size_t i = 0; i < stalls->count; i++) {
        const struct stall *stall = &stalls->items[i];
        bool right = is_true(world, stall);
        bool counts = stall->ended - stall->began >= 3 * median && stall->held >= 10;
        all_true += right;
        large += counts;
        large_true += counts && right;
        scopes[stall->scope]++;
    }
    printf(", \"found\": %zu, \"found_true\": %zu, \"large\": %zu, \"large_true\": %zu",
           stalls->count, all_true, large, large_true);
    for (int i = 0; i < STALL_SCOPE_COUNT; i++)
        printf(", \"%s\": %zu", stall_scope_name((enum stall_scope)i), scopes[i]);
}

static void judge(struct world *world)
{
    struct stalls stalls;
    stalls_find(&stalls, world->waits, world->count, world->model.endpoints);
    qsort(world->latencies, world->count, sizeof(int64_t), compare_moments);
    int64_t median = world->count > 0 ? world->latencies[world->count / 2] : 0;
    printf("{");
    print_recall(world, &stalls, median);
    print_precision(world, &stalls, median);
    printf(", \"requests\": %zu, \"median_ms\": %.3f, \"usual\": %.3f, \"tail\": %.3f, "
           "\"freezes\": %zu}\n",
           world->count, (double)median / 1e6, stalls.endpoints[0].usual, stalls.endpoints[0].tail,
           world->freezes.count);
    stalls_free(&stalls);
}

static void draw_freezes(struct world *world)
{
    const struct model *model = &world->model;
    for (double at = model->frozen_every; model->frozen_every > 0 && at < model->seconds;
         at += model->frozen_every)
        add_pause(&world->freezes, (int64_t)(at * SECOND),
                  (int64_t)((at + model->frozen) * SECOND));
}

int main(int argc, char **argv)
{
    struct world world = {0};
    read_model(&world.model, argc, argv);
    rng_init(&world.rng, world.model.seed);
    size_t endpoints = world.model.endpoints;
    world.pauses = mem_alloc(endpoints, sizeof(*world.pauses));
    world.free_at = mem_alloc(endpoints, sizeof(*world.free_at));
    for (size_t i = 0; i < endpoints; i++) {
        draw_pauses(&world, &world.pauses[i]);
        world.free_at[i] = mem_alloc(world.model.slots + 1, sizeof(int64_t));
    }
    draw_freezes(&world);
    if (world.model.clients > 0)
        run_closed(&world);
    else
        run_open(&world);
    judge(&world);
    for (size_t i = 0; i < endpoints; i++) {
        free(world.pauses[i].items);
        free(world.free_at[i]);
    }
    free(world.freezes.items);
    free(world.pauses);
    free(world.free_at);
    free(world.waits);
    free(world.latencies);
    return 0;
}
