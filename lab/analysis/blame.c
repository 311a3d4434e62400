/* SPDX-License-Identifier: MIT */
#include "lab/analysis/blame.h"

#include <stdlib.h>
#include <string.h>

#include "lab/analysis/blame_parts.h"
#include "lab/analysis/effects.h"
#include "lib/base/memory.h"
#include "lib/base/result.h"

static const struct {
    const char *name, *meaning;
} classes[] = {
#define CLASS_ROW(id, name, meaning) [BLAME_##id] = {name, meaning},
    BLAME_CLASSES(CLASS_ROW)
#undef CLASS_ROW
};

const char *blame_part_name(enum blame_part part)
{
    static const char *const names[] = {
#define PART_NAME(id, name) [BLAME_##id] = name,
        BLAME_PARTS(PART_NAME)
#undef PART_NAME
    };
    return names[part];
}

const char *blame_class_name(enum blame_class class)
{
    return classes[class].name;
}

const char *blame_class_meaning(enum blame_class class)
{
    return classes[class].meaning;
}

/* ---- the order of tries: those of a case together, in their order */

static int compare_tries(const void *a, const void *b)
{
    const struct blame_try *x = a, *y = b;
    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

static struct blame_tries tries_of(const struct blame_book *book, uint32_t owner)
{
    size_t low = 0, high = book->try_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (book->tries[middle].owner < owner)
            low = middle + 1;
        else
            high = middle;
    }
    for (high = low; high < book->try_count && book->tries[high].owner == owner; high++)
        ;
    return (struct blame_tries){book->tries + low, high - low};
}

struct ended {
    int64_t at;
    size_t number;
};

static int compare_ended(const void *a, const void *b)
{
    const struct ended *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static void order_failures(struct blame_judge *judge)
{
    const struct blame_book *book = judge->book;
    struct ended *ended = mem_alloc(book->try_count + 1, sizeof(*ended));
    for (size_t i = 0; i < book->try_count; i++)
        if (book->tries[i].outcome != CAUSE_NONE && book->tries[i].outcome != CAUSE_HEDGE_LOST)
            ended[judge->order_count++] = (struct ended){book->tries[i].until, i};
    qsort(ended, judge->order_count, sizeof(*ended), compare_ended);
    judge->order = mem_alloc(judge->order_count + 1, sizeof(*judge->order));
    for (size_t i = 0; i < judge->order_count; i++)
        judge->order[i] = ended[i].number;
    free(ended);
}

/* Of each endpoint, as far as the tries tell. */
static void find_upstreams(struct blame_book *book)
{
    book->upstream_of = mem_alloc(book->endpoint_count + 1, sizeof(*book->upstream_of));
    for (size_t i = 0; i < book->endpoint_count; i++)
        book->upstream_of[i] = BLAME_NONE;
    for (size_t i = 0; i < book->try_count; i++) {
        const struct blame_try *try = &book->tries[i];
        if (try->endpoint >= book->endpoint_count)
            continue;
        uint32_t *upstream = &book->upstream_of[try->endpoint];
        bool first = *upstream == BLAME_NONE || *upstream == try->upstream;
        *upstream = first ? try->upstream : BLAME_NOWHERE;
    }
}

/* ---- requests whose tries failed */

static enum blame_class class_without_span(const struct blame_case *item,
                                           const struct blame_tries *tries)
{
    if (item->cause == CAUSE_REUSED_CLOSED)
        return BLAME_IDLE_RACE;
    if (item->gave_up) /* for what it did until then */
        return BLAME_UNATTRIBUTED;
    if (item->cause == CAUSE_UPSTREAM_STATUS)
        return BLAME_BACKEND;
    unsigned effects = effects_behind(item->cause);
    if (tries->count > 0 && effects != 0 && !(effects & EFFECT_DELAYS))
        return BLAME_BACKEND;
    return BLAME_UNATTRIBUTED;
}

#define MOST_TRIES 32

static void judge_tries(const struct blame_book *book, struct blame_case *item,
                        const struct blame_tries *tries)
{
    struct blame_window windows[MOST_TRIES];
    size_t count = tries->count < MOST_TRIES ? tries->count : MOST_TRIES;
    for (size_t i = 0; i < count; i++)
        windows[i] = blame_window_of(book, &tries->items[tries->count - count + i], item);
    if (count == 0)
        windows[count++] = blame_window_whole(item);
    item->failures = (uint32_t)tries->count;
    item->failure = item->cause;
    item->span = blame_last_span(book, windows, count, item->cause);
    item->other = count > 1 ? blame_other_span(book, windows, count, item->span) : BLAME_NONE;
    item->class = class_without_span(item, tries);
}

/* ---- whether it would have been answered in time */

/* The last try was given up. What would have come without the span is what came, if it was listened
 * for, less the time for which the span held it. */
static void judge_counterfactual(const struct blame_book *book, struct blame_case *item,
                                 const struct blame_tries *tries)
{
    const struct blame_try *last = tries->count > 0 ? &tries->items[tries->count - 1] : NULL;
    if (!last || last->outcome != CAUSE_RESPONSE_TIMEOUT)
        return;
    item->timeout = last->until - last->from;
    if (last->late < 0)
        return;
    item->true_wait = item->timeout + last->late;
    const struct blame_span *span = item->span == BLAME_NONE ? NULL : &book->spans[item->span];
    if (!span || item->aftermath || (span->on_the_way && blame_account_of(last) < 0))
        return;
    int64_t held = blame_held_until(span, last, last->from + item->true_wait);
    item->would_succeed = item->true_wait - held < item->timeout;
}

/* ---- one case */

static void set_aftermath(const struct blame_book *book, struct blame_case *item)
{
    const struct blame_span *span = &book->spans[item->span];
    int64_t own = blame_overlap(span, item->from, item->until);
    int64_t from = item->from > span->to ? item->from : span->to;
    int64_t until = item->until < span->settled ? item->until : span->settled;
    item->aftermath = until > from && until - from > own;
}

/* By the backend's own account, when that is a third of its time; how long it had a request that
 * ended nobody knows how, says nothing of why. */
static enum blame_class class_by_account(const struct blame_case *item)
{
    if (item->cause == CAUSE_UNKNOWN)
        return BLAME_UNATTRIBUTED;
    const int64_t *overlaps = item->overlaps;
    enum blame_class most = overlaps[BLAME_LOCK] > overlaps[BLAME_WORK] ? BLAME_LOCK : BLAME_WORK;
    return overlaps[most] * 3 >= item->until - item->from ? most : BLAME_UNATTRIBUTED;
}

/* By its own account the backend had the last try for all of its time, or the response would have
 * been too late without anything that held it, and what followed that: something else is behind it.
 */
static bool is_too_late_anyway(const struct blame_book *book, const struct blame_case *item,
                               const struct blame_tries *tries)
{
    const struct blame_try *last = tries->count > 0 ? &tries->items[tries->count - 1] : NULL;
    if (!last || item->state != BLAME_NONE || last->outcome != CAUSE_RESPONSE_TIMEOUT)
        return false;
    int64_t account = blame_account_of(last), length = last->until - last->from;
    if (book->spans[item->span].on_the_way)
        return account >= length;
    int64_t until = last->until + last->late;
    return account >= 0 && last->late >= 0 &&
           until - last->from - blame_held_by_all(book, last, until) >= length;
}

/* Most of its time it had not reached the gateway, or had left it: what stopped the gateway itself
 * may be behind that, or else the client's side is. */
static bool is_outside(const struct blame_case *item)
{
    bool waited = item->recorded || item->error == CLIENT_ERROR_TIMEOUT;
    return waited && item->latency > 0 && blame_outside(item) * 2 >= item->latency;
}

static void judge_outside(const struct blame_book *book, struct blame_case *item)
{
    struct blame_window window = {.from = item->due,
                                  .until = item->due + item->latency,
                                  .endpoint = BLAME_NOWHERE,
                                  .upstream = BLAME_NONE,
                                  .effects = EFFECT_DELAYS,
                                  .touched = item->touched};
    uint32_t best = blame_best_span(book, &window);
    item->class = BLAME_CLIENT;
    if (best == BLAME_NONE)
        return;
    const struct blame_span *span = &book->spans[best];
    int64_t until = window.until < span->settled ? window.until : span->settled;
    if ((until - (window.from > span->from ? window.from : span->from)) * 3 < blame_outside(item))
        return;
    item->span = best;
    item->class = span->class;
    item->held = blame_overlap(span, window.from, window.until);
}

static void judge_failure(const struct blame_judge *judge, struct blame_case *item,
                          const struct blame_tries *tries)
{
    if (tries->count > 0 || !blame_judge_refusal(judge, item))
        judge_tries(judge->book, item, tries);
    if (item->span != BLAME_NONE)
        set_aftermath(judge->book, item);
    if (item->span != BLAME_NONE && is_too_late_anyway(judge->book, item, tries)) {
        item->span = item->other = BLAME_NONE;
        item->class = BLAME_UNATTRIBUTED;
    }
    if (item->span != BLAME_NONE) {
        item->class = judge->book->spans[item->span].class;
        blame_set_held(judge->book, item, tries);
    } else if (item->class == BLAME_UNATTRIBUTED) {
        item->class = class_by_account(item);
    }
}

/* The largest part of a slow request's time, when that is a third of it; else what was in force for
 * most of it. */
static void judge_slowness(const struct blame_judge *judge, struct blame_case *item,
                           const struct blame_tries *tries)
{
    const struct blame_book *book = judge->book;
    int64_t whole = item->latency > 0 ? item->latency : item->until - item->from;
    item->class = BLAME_UNATTRIBUTED;
    for (int i = 0; i < BLAME_UNATTRIBUTED; i++)
        if (item->overlaps[i] > item->overlaps[item->class] && i != BLAME_STALL)
            item->class = (enum blame_class)i;
    if (item->overlaps[item->class] * 3 < whole)
        item->class = BLAME_UNATTRIBUTED;
    if (item->class == BLAME_CLIENT && is_outside(item)) {
        judge_outside(book, item);
        return;
    }
    bool of_span = item->class == BLAME_INJECTED || item->class == BLAME_PAUSE ||
                   item->class == BLAME_GATEWAY || item->class == BLAME_UNATTRIBUTED;
    if (!of_span || tries->count == 0)
        return;
    struct blame_case asked = *item;
    asked.cause = CAUSE_RESPONSE_TIMEOUT; /* as if it had waited too long */
    judge_tries(book, &asked, tries);
    item->span = asked.span;
    item->other = asked.other;
    if (item->span == BLAME_NONE)
        return;
    item->class = book->spans[item->span].class;
    set_aftermath(book, item);
    blame_set_held(book, item, tries);
}

static void judge_case(const struct blame_judge *judge, uint32_t number)
{
    struct blame_case *item = &judge->book->cases[number];
    struct blame_tries tries = tries_of(judge->book, number);
    item->span = item->other = item->state = BLAME_NONE;
    item->timeout = item->true_wait = -1;
    item->would_succeed = -1;
    item->gave_up = tries.count > 0 && tries.items[tries.count - 1].gave_up;
    blame_sum_overlaps(judge->book, item, &tries);
    if (item->part == BLAME_LOST && is_outside(item))
        judge_outside(judge->book, item);
    else if (item->part != BLAME_SLOW)
        judge_failure(judge, item, &tries);
    else
        judge_slowness(judge, item, &tries);
    judge_counterfactual(judge->book, item, &tries);
}

void blame_judge(struct blame_book *book)
{
    struct blame_judge judge = {.book = book};
    if (book->try_count > 0)
        qsort(book->tries, book->try_count, sizeof(*book->tries), compare_tries);
    find_upstreams(book);
    blame_spans_prepare(book);
    order_failures(&judge);
    for (uint32_t i = 0; i < book->case_count; i++)
        judge_case(&judge, i);
    free(judge.order);
}

void blame_free(struct blame_book *book)
{
    free(book->reach);
    free(book->upstream_of);
    book->reach = NULL;
    book->upstream_of = NULL;
}
