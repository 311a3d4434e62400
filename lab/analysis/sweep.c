/* SPDX-License-Identifier: MIT */
#include "lab/analysis/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

#define MOST_EACH     3.0 /* one slow request alone is never a surprise */
#define LEAST_WORTH   5.0 /* less is no stall under any count of gaps */
#define SAME_MOMENT   1000
#define BEGIN_POINTS  64
#define ORDINARY_MOVE 2.0 /* what came with less than that came when it was to be expected */
#define OVERDUE       1.0 /* and with more than that, later than most */
#define NEARLY_ALL    0.9
#define GENERATIONS   3 /* of waits, one behind the other */

/* Waits that are open, the one that ends first at the top: a binary heap whose array is the set of
 * all that are open. Beside it those that were given up since the last move. */
struct open_waits {
    const struct stall_wait *waits;
    uint32_t *heap;
    size_t count, capacity;
    uint32_t *given_up;
    size_t given_up_count, given_up_capacity;
};

void gap_list_add(struct gap_list *list, const struct gap *gap)
{
    list->items = mem_room(list->items, list->count, &list->capacity, sizeof(*list->items));
    list->items[list->count++] = *gap;
}

size_t gap_list_find(const struct gap_list *list, int64_t moment)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle].until > moment)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* ---- the set of open waits */

static int64_t end_of(const struct open_waits *open, size_t at)
{
    return open->waits[open->heap[at]].until;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t keep = *a;
    *a = *b;
    *b = keep;
}

static void open_add(struct open_waits *open, uint32_t wait)
{
    open->heap = mem_room(open->heap, open->count, &open->capacity, sizeof(*open->heap));
    size_t at = open->count++;
    open->heap[at] = wait;
    for (; at > 0 && end_of(open, (at - 1) / 2) > end_of(open, at); at = (at - 1) / 2)
        swap(&open->heap[at], &open->heap[(at - 1) / 2]);
}

static void open_remove_first(struct open_waits *open)
{
    open->heap[0] = open->heap[--open->count];
    for (size_t at = 0, next; (next = 2 * at + 1) < open->count; at = next) {
        if (next + 1 < open->count && end_of(open, next + 1) < end_of(open, next))
            next++;
        if (end_of(open, at) <= end_of(open, next))
            return;
        swap(&open->heap[at], &open->heap[next]);
    }
}

static void note_given_up(struct open_waits *open, uint32_t wait)
{
    open->given_up = mem_room(open->given_up, open->given_up_count, &open->given_up_capacity,
                              sizeof(*open->given_up));
    open->given_up[open->given_up_count++] = wait;
}

/* ---- how surprising a gap is */

/* Until when known stalls before a moment held what had come by then. */
static int64_t held_until(const struct sweep *sweep, int64_t moment)
{
    size_t at = gap_list_find(sweep->stalls, moment);
    return at > 0 ? sweep->stalls->items[at - 1].until : INT64_MIN;
}

/* What one wait adds: the moves that were to be expected of it between two moments. */
static double share_of(const struct sweep *sweep, const struct stall_wait *wait, int64_t after,
                       int64_t until)
{
    int64_t from = wait->from > after ? wait->from : after;
    int64_t to = wait->until < until ? wait->until : until;
    double expected =
        hazard_between(&sweep->hazards[wait->phase], from - wait->from, to - wait->from);
    return expected < MOST_EACH ? expected : MOST_EACH;
}

static double surprise_of(const struct sweep *sweep, const uint32_t *waits, size_t count,
                          int64_t after, int64_t until)
{
    double sum = 0;
    int64_t freed = held_until(sweep, after);
    for (size_t i = 0; i < count; i++)
        if (sweep->waits[waits[i]].from >= freed)
            sum += share_of(sweep, &sweep->waits[waits[i]], after, until);
    return sum;
}

/* ---- a gap that is surprising */

/* Everything that waited in a gap. Numbers of waits rise with their beginnings. */
struct held {
    uint32_t *waits;
    size_t count;
};

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static struct held gather(const struct open_waits *open)
{
    struct held held = {.count = open->count + open->given_up_count};
    held.waits = mem_alloc(held.count, sizeof(*held.waits));
    if (open->count > 0)
        memcpy(held.waits, open->heap, open->count * sizeof(*held.waits));
    if (open->given_up_count > 0)
        memcpy(held.waits + open->count, open->given_up,
               open->given_up_count * sizeof(*held.waits));
    qsort(held.waits, held.count, sizeof(*held.waits), compare_numbers);
    return held;
}

/* Where the last stretch in which something waited begins, as an index, and when everything before
 * it had been given up; false when there is but one stretch. */
static bool last_stretch(const struct sweep *sweep, const struct held *held, size_t *first,
                         int64_t *idle_from)
{
    bool any = false;
    int64_t reach = sweep->waits[held->waits[0]].until;
    for (size_t i = 1; i < held->count; i++) {
        const struct stall_wait *wait = &sweep->waits[held->waits[i]];
        if (wait->from > reach) {
            any = true;
            *first = i;
            *idle_from = reach;
        }
        reach = wait->until > reach ? wait->until : reach;
    }
    return any;
}

/* When all who waited had given up, and the next one to come was answered as usual, the stall was
 * over at some moment in between. */
static void cut_end(const struct sweep *sweep, struct gap *gap, struct held *held)
{
    size_t first;
    int64_t idle_from;
    while (last_stretch(sweep, held, &first, &idle_from) &&
           surprise_of(sweep, held->waits + first, held->count - first, gap->after, gap->until) <
               ORDINARY_MOVE) {
        held->count = first;
        gap->until = idle_from;
        gap->open = true;
    }
}

/* The mean of the moment at which it began, when every moment is as likely beforehand and nothing
 * moved from the last move to it: its density falls as exp(-surprise until then). Where nothing
 * waited at first, no more than a usual wait is taken for part of it. */
static int64_t expected_begin(const struct sweep *sweep, const struct gap *gap,
                              const struct held *held)
{
    int64_t from = sweep->waits[held->waits[0]].from - sweep->least * 2;
    from = from > gap->after ? from : gap->after;
    double length = (double)(gap->until - from), mass = 0, moment = 0, before = 0, last = 1;
    for (int i = 1; i <= BEGIN_POINTS; i++) {
        double share = (double)i / BEGIN_POINTS, at = length * share * share;
        double density =
            exp(-surprise_of(sweep, held->waits, held->count, gap->after, from + (int64_t)at));
        double area = (at - before) * (density + last) / 2;
        mass += area;
        moment += area * (at + before) / 2;
        before = at;
        last = density;
    }
    return mass > 0 ? from + (int64_t)(moment / mass) : from;
}

/* How those that waited in a gap came out of it. */
struct outcome {
    uint32_t given_up;
    int64_t longest;   /* that any of these waited */
    uint32_t together; /* that moved at the end of the gap */
    uint32_t overdue;  /* of these: that were late by then */
};

static void count_together(const struct sweep *sweep, const struct gap *gap,
                           const struct stall_wait *wait, struct outcome *outcome)
{
    int64_t tenth = (gap->until - gap->began) / 10;
    int64_t burst = gap->until + (tenth > 2000000 ? tenth : 2000000);
    if (gap->open || !wait->moved || wait->until > burst)
        return;
    outcome->together++;
    outcome->overdue += share_of(sweep, wait, gap->after, gap->until) >= OVERDUE;
}

static struct outcome outcome_of(const struct sweep *sweep, const struct held *held,
                                 const struct gap *gap)
{
    struct outcome outcome = {.given_up = 0};
    for (size_t i = 0; i < held->count; i++) {
        const struct stall_wait *wait = &sweep->waits[held->waits[i]];
        count_together(sweep, gap, wait, &outcome);
        if (wait->moved || wait->until > gap->until)
            continue;
        int64_t age = wait->until - wait->from;
        outcome.given_up++;
        outcome.longest = age > outcome.longest ? age : outcome.longest;
    }
    return outcome;
}

/* Whether nearly all gave up, one after the other, and hardly any that was late was set free by its
 * end. An endpoint that has become slower than anybody waits for looks the same. */
static bool is_only_given_up(const struct gap *gap, const struct outcome *outcome)
{
    return (double)outcome->given_up >= NEARLY_ALL * (double)gap->held &&
           gap->until - gap->began > GENERATIONS * outcome->longest &&
           outcome->overdue < STALL_LEAST_HELD;
}

static void look_closer(struct sweep *sweep, const struct open_waits *open, struct gap *gap)
{
    struct held held = gather(open);
    cut_end(sweep, gap, &held);
    gap->held = (uint32_t)held.count;
    gap->surprise = surprise_of(sweep, held.waits, held.count, gap->after, gap->until);
    gap->began = expected_begin(sweep, gap, &held);
    struct outcome outcome = outcome_of(sweep, &held, gap);
    gap->given_up = outcome.given_up;
    gap->together = outcome.together;
    if (gap->held >= STALL_LEAST_HELD && gap->until - gap->began >= sweep->least &&
        gap->surprise >= LEAST_WORTH && !is_only_given_up(gap, &outcome))
        gap_list_add(&sweep->gaps, gap);
    free(held.waits);
}

/* ---- one gap after the other */

static void add_sample(struct sweep *sweep, int64_t at, double surprise)
{
    sweep->sample = mem_room(sweep->sample, sweep->sample_count, &sweep->sample_capacity,
                             sizeof(*sweep->sample));
    sweep->sample[sweep->sample_count++] = (struct gap_sample){at, surprise};
}

static void take_gap(struct sweep *sweep, const struct open_waits *open, int64_t after,
                     int64_t until, bool to_be_seen)
{
    bool sampled = sweep->gap_count++ % sweep->sample_every == 0;
    bool long_enough = until - after >= sweep->least;
    size_t held = open->count + open->given_up_count;
    if (!sampled && (!long_enough || held < STALL_LEAST_HELD))
        return;
    double surprise = surprise_of(sweep, open->heap, open->count, after, until) +
                      surprise_of(sweep, open->given_up, open->given_up_count, after, until);
    if (sampled)
        add_sample(sweep, after, surprise);
    struct gap gap = {.after = after, .until = until, .open = !to_be_seen};
    if (long_enough && held >= STALL_LEAST_HELD && surprise >= LEAST_WORTH)
        look_closer(sweep, open, &gap);
}

/* The wait that ends first has ended. */
static int64_t take_end(struct sweep *sweep, struct open_waits *open, int64_t last_move)
{
    uint32_t number = open->heap[0];
    const struct stall_wait *wait = &sweep->waits[number];
    sweep->ends[sweep->end_count++] = wait->until;
    if (wait->moved) {
        if (wait->until - last_move > SAME_MOMENT)
            take_gap(sweep, open, last_move, wait->until, true);
        sweep->moves[sweep->move_count++] = wait->until;
        open->given_up_count = 0;
        last_move = wait->until;
    } else {
        note_given_up(open, number);
    }
    open_remove_first(open);
    return last_move;
}

void sweep_run(struct sweep *sweep)
{
    struct open_waits open = {.waits = sweep->waits};
    sweep->ends = mem_alloc(sweep->count, sizeof(*sweep->ends));
    sweep->moves = mem_alloc(sweep->count, sizeof(*sweep->moves));
    int64_t last_move = sweep->count > 0 ? sweep->waits[0].from : 0;
    for (size_t next = 0; next < sweep->count || open.count > 0;) {
        if (open.count > 0 && (next == sweep->count || end_of(&open, 0) <= sweep->waits[next].from))
            last_move = take_end(sweep, &open, last_move);
        else
            open_add(&open, (uint32_t)next++);
    }
    if (open.given_up_count > 0)
        take_gap(sweep, &open, last_move, sweep->ends[sweep->end_count - 1], false);
    free(open.heap);
    free(open.given_up);
}

void sweep_free(struct sweep *sweep)
{
    free(sweep->gaps.items);
    free(sweep->sample);
    free(sweep->ends);
    free(sweep->moves);
    *sweep = (struct sweep){0};
}
