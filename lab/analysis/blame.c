/* SPDX-License-Identifier: MIT */
#include "lab/analysis/blame.h"

#include <stdlib.h>
#include <string.h>

#include "lab/analysis/blame_span.h"
#include "lab/analysis/effects.h"
#include "lib/base/memory.h"
#include "lib/base/result.h"

#define LOOK_BACK     16                  /* failed tries before a state that may have led to it */
#define HEALTH_WINDOW INT64_C(5000000000) /* in which probes must have failed before it */
#define QUEUE_WINDOW  INT64_C(50000000)   /* in which a queue fills */

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

struct tries {
    const struct blame_try *items;
    size_t count;
};

struct judge {
    struct blame_book *book;
    size_t *order; /* failed tries by their ends */
    size_t order_count;
};

static struct tries tries_of(const struct blame_book *book, uint32_t owner)
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
    return (struct tries){book->tries + low, high - low};
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

static void order_failures(struct judge *judge)
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

/* ---- what is behind tries */

/* The last one that anything explains. */
static uint32_t best_span(const struct blame_book *book, const struct blame_window *windows,
                          size_t count)
{
    uint32_t best = BLAME_NONE;
    for (size_t i = count; i-- > 0 && best == BLAME_NONE;)
        best = blame_best_span(book, &windows[i]);
    return best;
}

/* Of another name, or on another process. */
static bool is_another(const struct blame_span *a, const struct blame_span *b)
{
    return a->class != b->class || strcmp(a->name, b->name) != 0 || a->endpoint != b->endpoint;
}

/* What is behind another of the tries, the last of them that differs. */
static uint32_t other_span(const struct blame_book *book, const struct blame_window *windows,
                           size_t count, uint32_t span)
{
    for (size_t i = count; i-- > 0 && span != BLAME_NONE;) {
        uint32_t other = blame_best_span(book, &windows[i]);
        if (other != BLAME_NONE && is_another(&book->spans[other], &book->spans[span]))
            return other;
    }
    return BLAME_NONE;
}

/* What can be behind a case, or behind one of its tries. A client that waited in vain says nothing
 * of how; what ended otherwise was ended. */
static unsigned effects_of(const struct blame_case *item, enum cause outcome)
{
    if (outcome != CAUSE_NONE && effects_behind(outcome) != 0)
        return effects_behind(outcome);
    if (item->part != BLAME_LOST)
        return effects_behind(item->cause);
    return item->error == CLIENT_ERROR_TIMEOUT || item->error == CLIENT_ERROR_UNFINISHED
               ? EFFECT_DELAYS
               : EFFECT_ENDS | EFFECT_REFUSES | EFFECT_GARBLES;
}

static struct blame_window window_of(const struct blame_try *try, const struct blame_case *item)
{
    return (struct blame_window){.from = try->from,
                                 .until = try->until,
                                 .endpoint = try->endpoint,
                                 .on = try,
                                 .effects = effects_of(item, try->outcome),
                                 .touched = item->touched};
}

/* ---- requests that were refused by a state of the gateway */

static const struct refusal {
    enum cause cause;
    enum state_kind kinds[2]; /* the second may be the same */
} refusals[] = {
    {CAUSE_NO_ENDPOINT, {STATE_ENDPOINT_EJECTED, STATE_ENDPOINT_DOWN}},
    {CAUSE_BREAKER_OPEN, {STATE_BREAKER_OPENED, STATE_BREAKER_OPENED}},
    {CAUSE_QUEUE_FULL, {STATE_QUEUE_SHED, STATE_POOL_EXHAUSTED}},
    {CAUSE_QUEUE_TIMEOUT, {STATE_POOL_EXHAUSTED, STATE_POOL_EXHAUSTED}},
    {CAUSE_SHED, {STATE_SHEDDING_BEGUN, STATE_SHEDDING_BEGUN}},
    {CAUSE_RATE_LIMITED, {STATE_RATE_LIMITING_BEGUN, STATE_RATE_LIMITING_BEGUN}},
    {CAUSE_RATE_WAIT_LIMIT, {STATE_RATE_LIMITING_BEGUN, STATE_RATE_LIMITING_BEGUN}},
    {CAUSE_DESCRIPTORS_EXHAUSTED, {STATE_DESCRIPTORS_EXHAUSTED, STATE_DESCRIPTORS_EXHAUSTED}},
    {CAUSE_DNS_FAILED, {STATE_DNS_FAILED, STATE_DNS_FAILED}},
};

static const struct refusal *refusal_of(enum cause cause)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (refusals[i].cause == cause)
            return &refusals[i];
    return NULL;
}

static uint32_t find_name(const char *const *names, size_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return BLAME_EVERYWHERE;
}

/* The last of the states that can have refused it, before its end. */
static uint32_t state_behind(const struct blame_book *book, const struct blame_case *item,
                             const struct refusal *refusal)
{
    size_t low = 0, high = book->state_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (book->states[middle].at <= item->until)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i-- > 0;)
        if (book->states[i].kind == refusal->kinds[0] || book->states[i].kind == refusal->kinds[1])
            return (uint32_t)i;
    return BLAME_NONE;
}

static size_t failed_until(const struct judge *judge, int64_t moment)
{
    size_t low = 0, high = judge->order_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (judge->book->tries[judge->order[middle]].until <= moment)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The tries that failed last before an ejection or a breaker's opening, as windows, oldest first.
 */
static size_t failures_before(const struct judge *judge, const struct blame_case *item,
                              const struct blame_state *state, struct blame_window *windows)
{
    const struct blame_book *book = judge->book;
    uint32_t endpoint = find_name(book->endpoints, book->endpoint_count, state->subject);
    size_t count = 0, look_at = 64 * LOOK_BACK;
    for (size_t i = failed_until(judge, state->at);
         i-- > 0 && count < LOOK_BACK && look_at-- > 0;) {
        const struct blame_try *try = &book->tries[judge->order[i]];
        if (endpoint != BLAME_EVERYWHERE ? try->endpoint != endpoint
                                         : try->upstream != item->upstream)
            continue;
        windows[LOOK_BACK - ++count] = window_of(try, item);
        windows[LOOK_BACK - count].touched = BLAME_NONE;
    }
    memmove(windows, windows + LOOK_BACK - count, count * sizeof(*windows));
    return count;
}

static bool follows_failures(enum state_kind kind)
{
    return kind == STATE_ENDPOINT_EJECTED || kind == STATE_BREAKER_OPENED;
}

/* What was in force on the way to a state that no try's failure led to. */
static uint32_t span_before(const struct blame_book *book, const struct blame_case *item,
                            const struct blame_state *state)
{
    bool probed = state->kind == STATE_ENDPOINT_DOWN;
    struct blame_window window = {
        .from = state->at - (probed ? HEALTH_WINDOW : QUEUE_WINDOW),
        .until = probed ? state->at : item->until,
        .endpoint = find_name(book->endpoints, book->endpoint_count, state->subject),
        .effects = probed ? EFFECT_ALL : effects_behind(item->cause),
        .touched = item->touched};
    if (!probed && item->from - QUEUE_WINDOW > window.from)
        window.from = item->from - QUEUE_WINDOW;
    return best_span(book, &window, 1);
}

/* All that it was in the gateway for. */
static struct blame_window whole_of(const struct blame_case *item)
{
    return (struct blame_window){.from = item->from,
                                 .until = item->until,
                                 .endpoint = item->recorded ? BLAME_EVERYWHERE : BLAME_NOWHERE,
                                 .effects = effects_of(item, CAUSE_NONE),
                                 .touched = item->touched};
}

/* Other gateways record no states: what was in force as it was refused is all there is. */
static uint32_t span_meanwhile(const struct blame_book *book, const struct blame_case *item)
{
    struct blame_window window = whole_of(item);
    return best_span(book, &window, 1);
}

static void judge_refusal(const struct judge *judge, struct blame_case *item,
                          const struct refusal *refusal)
{
    struct blame_book *book = judge->book;
    struct blame_window windows[LOOK_BACK];
    item->class = item->cause == CAUSE_DNS_FAILED ? BLAME_BACKEND : BLAME_LIMIT;
    item->state = state_behind(book, item, refusal);
    if (item->state == BLAME_NONE) {
        item->span = span_meanwhile(book, item);
        return;
    }
    const struct blame_state *state = &book->states[item->state];
    if (follows_failures(state->kind)) {
        item->failures = (uint32_t)failures_before(judge, item, state, windows);
        if (item->failures > 0) {
            item->failure = windows[item->failures - 1].on->outcome;
            item->span = best_span(book, windows, item->failures);
            item->class = BLAME_BACKEND;
        }
    } else {
        item->span = span_before(book, item, state);
    }
}

/* ---- requests whose tries failed */

static enum blame_class class_without_span(const struct blame_case *item, const struct tries *tries)
{
    if (item->cause == CAUSE_REUSED_CLOSED)
        return BLAME_IDLE_RACE;
    if (item->cause == CAUSE_UPSTREAM_STATUS)
        return BLAME_BACKEND;
    unsigned effects = effects_behind(item->cause);
    if (tries->count > 0 && effects != 0 && !(effects & EFFECT_DELAYS))
        return BLAME_BACKEND;
    return BLAME_UNATTRIBUTED;
}

#define MOST_TRIES 32

static void judge_tries(const struct blame_book *book, struct blame_case *item,
                        const struct tries *tries)
{
    struct blame_window windows[MOST_TRIES];
    size_t count = tries->count < MOST_TRIES ? tries->count : MOST_TRIES;
    for (size_t i = 0; i < count; i++)
        windows[i] = window_of(&tries->items[tries->count - count + i], item);
    if (count == 0)
        windows[count++] = whole_of(item);
    item->failures = (uint32_t)tries->count;
    item->failure = item->cause;
    item->span = best_span(book, windows, count);
    item->other = count > 1 ? other_span(book, windows, count, item->span) : BLAME_NONE;
    item->class = class_without_span(item, tries);
}

/* ---- what overlapped it */

static int64_t known(int64_t length)
{
    return length > 0 ? length : 0;
}

/* For how long the backend itself says that it had the request, waiting or working; negative: it
 * does not say. What it held meanwhile, and the pauses it met, lie within that. */
static int64_t account_of(const struct blame_try *try)
{
    if (try->backend_queue < 0 && try->backend_work < 0)
        return -1;
    return known(try->backend_queue) + known(try->backend_work);
}

/* For how long a span can have held a try until a moment: on the way, for no longer than what the
 * backend's own account leaves. */
static int64_t held_until(const struct blame_span *span, const struct blame_try *try, int64_t until)
{
    int64_t held = blame_overlap(span, try->from, until);
    int64_t account = account_of(try);
    if (!span->on_the_way || account < 0)
        return held;
    int64_t rest = try->until + known(try->late) - try->from - account;
    return rest < held ? known(rest) : held;
}

static int64_t held_by(const struct blame_span *span, const struct blame_try *try)
{
    return held_until(span, try, try->until);
}

struct overlapping {
    const struct blame_book *book;
    struct blame_case *item;
};

static void add_overlap(void *context, const struct blame_window *window, uint32_t number)
{
    struct overlapping *overlapping = context;
    const struct blame_span *span = &overlapping->book->spans[number];
    bool said = !span->precise || number == overlapping->item->touched ||
                blame_span_weight(overlapping->book, window, number) > 0;
    if (said)
        overlapping->item->overlaps[span->class] += held_by(span, window->on);
}

/* Two lengths that the backend reported, as far as they can have been in the try: a response that
 * came after it had been given up tells of more. */
static int64_t within(const struct blame_try *try, int64_t one, int64_t other)
{
    int64_t reported = known(one) + known(other);
    return reported < try->until - try->from ? reported : try->until - try->from;
}

static void sum_overlaps(const struct blame_book *book, struct blame_case *item,
                         const struct tries *tries)
{
    struct overlapping overlapping = {book, item};
    for (size_t i = 0; i < tries->count; i++) {
        const struct blame_try *try = &tries->items[i];
        struct blame_window window = window_of(try, item);
        window.effects = EFFECT_ALL;
        blame_spans_each(book, &window, add_overlap, &overlapping);
        item->overlaps[BLAME_LOCK] += within(try, try->backend_queue, try->backend_lock);
        item->overlaps[BLAME_WORK] += within(try, try->backend_work, try->backend_cleanup);
        if (item->overlaps[BLAME_PAUSE] < known(try->backend_gc))
            item->overlaps[BLAME_PAUSE] = known(try->backend_gc);
    }
    item->overlaps[BLAME_QUEUE] = known(item->queue);
    int64_t outside = item->latency - (item->until - item->from);
    item->overlaps[BLAME_CLIENT] = known(outside) + known(item->deliver);
}

/* ---- whether it would have been answered in time */

/* The last try was given up. What would have come without the span is what came, if it was listened
 * for, less the time for which the span held it. */
static void judge_counterfactual(const struct blame_book *book, struct blame_case *item,
                                 const struct tries *tries)
{
    const struct blame_try *last = tries->count > 0 ? &tries->items[tries->count - 1] : NULL;
    if (!last || last->outcome != CAUSE_RESPONSE_TIMEOUT)
        return;
    item->timeout = last->until - last->from;
    if (last->late < 0)
        return;
    item->true_wait = item->timeout + last->late;
    const struct blame_span *span = item->span == BLAME_NONE ? NULL : &book->spans[item->span];
    if (!span || item->aftermath || (span->on_the_way && account_of(last) < 0))
        return;
    int64_t held = held_until(span, last, last->from + item->true_wait);
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

/* By the backend's own account, when that is a third of its time. */
static enum blame_class class_by_account(const struct blame_case *item)
{
    const int64_t *overlaps = item->overlaps;
    enum blame_class most = overlaps[BLAME_LOCK] > overlaps[BLAME_WORK] ? BLAME_LOCK : BLAME_WORK;
    return overlaps[most] * 3 >= item->until - item->from ? most : BLAME_UNATTRIBUTED;
}

static void set_held(const struct blame_book *book, struct blame_case *item,
                     const struct tries *tries)
{
    const struct blame_span *span = &book->spans[item->span];
    item->held = tries->count == 0 ? blame_overlap(span, item->from, item->until) : 0;
    for (size_t i = 0; i < tries->count; i++)
        if (span->endpoint == BLAME_EVERYWHERE || span->endpoint == tries->items[i].endpoint)
            item->held += held_by(span, &tries->items[i]);
}

/* By its own account the backend had the last try for all of its time: whatever was done to it on
 * the way, it would have been too late without that. */
static bool is_too_late_anyway(const struct blame_book *book, const struct blame_case *item,
                               const struct tries *tries)
{
    const struct blame_try *last = tries->count > 0 ? &tries->items[tries->count - 1] : NULL;
    return last && item->state == BLAME_NONE && book->spans[item->span].on_the_way &&
           last->outcome == CAUSE_RESPONSE_TIMEOUT && account_of(last) >= last->until - last->from;
}

static void judge_failure(const struct judge *judge, struct blame_case *item,
                          const struct tries *tries)
{
    const struct refusal *refusal = tries->count == 0 ? refusal_of(item->cause) : NULL;
    if (refusal)
        judge_refusal(judge, item, refusal);
    else
        judge_tries(judge->book, item, tries);
    if (item->span != BLAME_NONE && is_too_late_anyway(judge->book, item, tries)) {
        item->span = BLAME_NONE;
        item->class = BLAME_UNATTRIBUTED;
    }
    if (item->span != BLAME_NONE) {
        item->class = judge->book->spans[item->span].class;
        set_aftermath(judge->book, item);
        set_held(judge->book, item, tries);
    } else if (item->class == BLAME_UNATTRIBUTED) {
        item->class = class_by_account(item);
    }
}

/* The largest part of a slow request's time, when that is a third of it; else what was in force for
 * most of it. */
static void judge_slowness(const struct judge *judge, struct blame_case *item,
                           const struct tries *tries)
{
    const struct blame_book *book = judge->book;
    int64_t whole = item->latency > 0 ? item->latency : item->until - item->from;
    item->class = BLAME_UNATTRIBUTED;
    for (int i = 0; i < BLAME_UNATTRIBUTED; i++)
        if (item->overlaps[i] > item->overlaps[item->class] && i != BLAME_STALL)
            item->class = (enum blame_class)i;
    if (item->overlaps[item->class] * 3 < whole)
        item->class = BLAME_UNATTRIBUTED;
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
    set_held(book, item, tries);
}

static void judge_case(const struct judge *judge, uint32_t number)
{
    struct blame_case *item = &judge->book->cases[number];
    struct tries tries = tries_of(judge->book, number);
    item->span = item->other = item->state = BLAME_NONE;
    item->timeout = item->true_wait = -1;
    item->would_succeed = -1;
    sum_overlaps(judge->book, item, &tries);
    if (item->part != BLAME_SLOW)
        judge_failure(judge, item, &tries);
    else
        judge_slowness(judge, item, &tries);
    judge_counterfactual(judge->book, item, &tries);
}

void blame_judge(struct blame_book *book)
{
    struct judge judge = {.book = book};
    if (book->try_count > 0)
        qsort(book->tries, book->try_count, sizeof(*book->tries), compare_tries);
    blame_spans_prepare(book);
    order_failures(&judge);
    for (uint32_t i = 0; i < book->case_count; i++)
        judge_case(&judge, i);
    free(judge.order);
}
