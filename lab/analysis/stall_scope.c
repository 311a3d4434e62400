/* SPDX-License-Identifier: MIT */
#include "lab/analysis/stall_scope.h"

#include <stdlib.h>

/* Of a gateway that goes on, this many signs of life would be missed once in a thousand times. */
#define EXPECTED_SIGNS 7.0
#define PEAK_POINTS    4096

/* The time in a stall in which nothing of before or behind it can be left. */
struct middle {
    int64_t from, to;
};

/* All endpoints of the gateway together. */
struct scene {
    const struct stall_endpoint *endpoints;
    const struct stall_view *views; /* one for each */
    size_t count;
    int64_t first_begun, last_begun; /* the first and the last wait's beginning */
    size_t peak;                     /* as many as ever were in flight at once, nearly */
};

size_t stall_count_until(const int64_t *moments, size_t count, int64_t until)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (moments[middle] > until)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

size_t stall_begun_until(const struct stall_view *view, int64_t until)
{
    size_t low = 0, high = view->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->waits[middle].from > until)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static size_t begun_within(const struct stall_view *view, int64_t from, int64_t to)
{
    return to > from ? stall_begun_until(view, to) - stall_begun_until(view, from) : 0;
}

static size_t count_within(const int64_t *moments, size_t count, int64_t from, int64_t to)
{
    return to > from
               ? stall_count_until(moments, count, to) - stall_count_until(moments, count, from)
               : 0;
}

/* ---- the gateway */

static size_t signs_of_life(const struct scene *scene, struct middle middle)
{
    size_t signs = 0;
    for (size_t i = 0; i < scene->count; i++)
        signs +=
            begun_within(&scene->views[i], middle.from, middle.to) +
            count_within(scene->views[i].ends, scene->views[i].end_count, middle.from, middle.to);
    return signs;
}

static size_t begun_on_all(const struct scene *scene, int64_t from, int64_t to)
{
    size_t begun = 0;
    for (size_t i = 0; i < scene->count; i++)
        begun += begun_within(&scene->views[i], from, to);
    return begun;
}

static size_t in_flight(const struct scene *scene, int64_t at)
{
    size_t count = 0;
    for (size_t i = 0; i < scene->count; i++)
        count += stall_begun_until(&scene->views[i], at) -
                 stall_count_until(scene->views[i].ends, scene->views[i].end_count, at);
    return count;
}

static void look_around(struct scene *scene)
{
    scene->first_begun = INT64_MAX;
    scene->last_begun = INT64_MIN;
    for (size_t i = 0; i < scene->count; i++) {
        const struct stall_view *view = &scene->views[i];
        if (view->count == 0)
            continue;
        int64_t first = view->waits[0].from, last = view->waits[view->count - 1].from;
        scene->first_begun = first < scene->first_begun ? first : scene->first_begun;
        scene->last_begun = last > scene->last_begun ? last : scene->last_begun;
    }
    int64_t step = (scene->last_begun - scene->first_begun) / PEAK_POINTS;
    for (int64_t i = 0; i < PEAK_POINTS; i++) {
        size_t now = in_flight(scene, scene->first_begun + step * i);
        scene->peak = now > scene->peak ? now : scene->peak;
    }
}

/* Requests that came in a nanosecond, in the time before a stall. */
static double rate_before(const struct scene *scene, const struct stall *stall)
{
    int64_t before = 5 * (stall->ended - stall->began);
    before = before > INT64_C(1000000000) ? before : INT64_C(1000000000);
    if (stall->began - before < scene->first_begun)
        before = stall->began - scene->first_begun;
    size_t begun = begun_on_all(scene, stall->began - before, stall->began);
    return before > 0 ? (double)begun / (double)before : 0;
}

/* What would have begun in the middle of the stall in a gateway that goes on: by the rate before
 * it, and no more than clients that wait for their answers can send. */
static double expected_signs(const struct scene *scene, const struct stall *stall,
                             struct middle middle)
{
    double by_rate = rate_before(scene, stall) * (double)(middle.to - middle.from);
    size_t now = in_flight(scene, middle.from);
    double room = scene->peak > now ? (double)(scene->peak - now) : 0;
    return by_rate < room ? by_rate : room;
}

/* Whether as many came at once when it ended as only wait for a gateway that stood still: more than
 * half of all that the time would have brought. */
static bool came_at_once(const struct scene *scene, const struct stall *stall)
{
    double missing = rate_before(scene, stall) * (double)(stall->ended - stall->began);
    size_t came = begun_on_all(scene, stall->ended - 50000, stall->ended + 2000000);
    return missing >= EXPECTED_SIGNS && (double)came >= missing / 2;
}

/* ---- the endpoints */

/* Whether others had requests in flight, and none of theirs moved either. */
static bool is_common(const struct scene *scene, const struct stall *stall, struct middle middle)
{
    bool any = false;
    for (uint32_t i = 0; i < scene->count; i++) {
        const struct stall_view *view = &scene->views[i];
        if (i == stall->endpoint)
            continue;
        size_t waiting = stall_begun_until(view, middle.to) -
                         stall_count_until(view->ends, view->end_count, middle.from);
        if (count_within(view->moves, view->move_count, middle.from, middle.to) > 0)
            return false;
        any = any || (scene->endpoints[i].judged && waiting >= STALL_LEAST_HELD);
    }
    return any;
}

/* Behind the last request of all there is nothing to be expected. */
static struct middle middle_of(const struct scene *scene, const struct stall *stall)
{
    int64_t length = stall->ended - stall->began;
    int64_t end = stall->ended - (length / 20 > 2000000 ? length / 20 : 2000000);
    return (struct middle){stall->began + length / 4,
                           end < scene->last_begun ? end : scene->last_begun};
}

static enum stall_scope scope_of(const struct scene *scene, const struct stall *stall)
{
    struct middle middle = middle_of(scene, stall);
    bool common = is_common(scene, stall, middle);
    if (middle.to > middle.from && signs_of_life(scene, middle) > 0)
        return common ? STALL_COMMON : STALL_ENDPOINT;
    if (middle.to > middle.from &&
        (expected_signs(scene, stall, middle) >= EXPECTED_SIGNS || came_at_once(scene, stall)))
        return STALL_GATEWAY;
    return STALL_UNCLEAR;
}

static int compare_begins(const void *a, const void *b)
{
    const struct stall *x = a, *y = b;
    return (x->began > y->began) - (x->began < y->began);
}

/* Adds up what belongs to one stall of the gateway. The narrowest of the endpoints' views is the
 * best. */
static void merge(struct stall *into, const struct stall *stall)
{
    into->began = stall->began > into->began ? stall->began : into->began;
    into->began_after =
        stall->began_after > into->began_after ? stall->began_after : into->began_after;
    into->ended = stall->ended < into->ended ? stall->ended : into->ended;
    into->held += stall->held;
    into->given_up += stall->given_up;
    into->together += stall->together;
    into->surprise += stall->surprise;
    into->confidence = stall->confidence > into->confidence ? stall->confidence : into->confidence;
}

static void merge_gateways(struct stalls *stalls)
{
    size_t kept = 0;
    struct stall *last = NULL; /* of the gateway */
    for (size_t i = 0; i < stalls->count; i++) {
        struct stall stall = stalls->items[i];
        if (stall.scope == STALL_GATEWAY && last && stall.began < last->ended) {
            merge(last, &stall);
            continue;
        }
        if (stall.scope == STALL_GATEWAY) {
            stall.endpoint = STALL_NO_ENDPOINT;
            last = &stalls->items[kept];
        }
        stalls->items[kept++] = stall;
    }
    stalls->count = kept;
}

void stall_scopes_judge(struct stalls *stalls)
{
    if (stalls->count == 0)
        return;
    struct scene scene = {
        .endpoints = stalls->endpoints, .views = stalls->views, .count = stalls->endpoint_count};
    look_around(&scene);
    for (size_t i = 0; i < stalls->count; i++)
        stalls->items[i].scope = scope_of(&scene, &stalls->items[i]);
    qsort(stalls->items, stalls->count, sizeof(*stalls->items), compare_begins);
    merge_gateways(stalls);
}
