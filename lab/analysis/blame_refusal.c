/* SPDX-License-Identifier: MIT */
/* Requests that a state of the gateway refused, and what led to the state. */
#include <string.h>

#include "lab/analysis/blame_parts.h"
#include "lab/analysis/effects.h"
#include "lib/base/result.h"

#define LEAD_WINDOW                                                                \
    INT64_C(30000000000)   /* before a state, in which failures may have led to it \
                            */
#define LOOK_BACK     16   /* of these: so many of the last are asked what is behind */
#define LOOK_AT       1024 /* failed tries, of whatever endpoint, among which they are */
#define HEALTH_WINDOW INT64_C(5000000000) /* in which probes must have failed before it */
#define QUEUE_WINDOW  INT64_C(50000000)   /* in which a queue fills */

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

/* By its subject: an upstream's name, an endpoint's address, or what no upstream is known of. */
static bool concerns(const struct blame_book *book, const struct blame_case *item,
                     const struct blame_state *state)
{
    uint32_t upstream = find_name(book->upstreams, book->upstream_count, state->subject);
    uint32_t endpoint = find_name(book->endpoints, book->endpoint_count, state->subject);
    if (upstream == BLAME_EVERYWHERE && endpoint != BLAME_EVERYWHERE)
        upstream = book->upstream_of[endpoint];
    bool told = upstream < book->upstream_count && item->upstream != BLAME_NONE;
    return !told || upstream == item->upstream;
}

/* The last of the states up to a moment that can have refused it. */
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
    for (size_t i = low; i-- > 0;) {
        enum state_kind kind = book->states[i].kind;
        if ((kind == refusal->kinds[0] || kind == refusal->kinds[1]) &&
            concerns(book, item, &book->states[i]))
            return (uint32_t)i;
    }
    return BLAME_NONE;
}

/* From when on failures have led to a state: what failed before it was reached the last time has
 * led to that. */
static int64_t counted_from(const struct blame_book *book, uint32_t number)
{
    const struct blame_state *state = &book->states[number];
    int64_t from = state->at - LEAD_WINDOW;
    for (uint32_t i = number; i-- > 0 && book->states[i].at > from;)
        if (book->states[i].kind == state->kind &&
            strcmp(book->states[i].subject, state->subject) == 0)
            return book->states[i].at + 1;
    return from;
}

static size_t failed_until(const struct blame_judge *judge, int64_t moment)
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

/* The tries that failed before an ejection or a breaker's opening: how many, how most of them did,
 * and the last of them as windows, the latest first. */
struct failures {
    struct blame_window windows[LOOK_BACK];
    size_t shown, count;
    size_t outcomes[CAUSE_COUNT];
};

static void add_failure(struct failures *failures, const struct blame_book *book,
                        const struct blame_try *try, const struct blame_case *item)
{
    failures->count++;
    failures->outcomes[try->outcome]++;
    if (failures->shown == LOOK_BACK)
        return;
    struct blame_window *window = &failures->windows[failures->shown++];
    *window = blame_window_of(book, try, item);
}

/* An ejection says how many failures led to it. */
static size_t most_failures(const struct blame_state *state)
{
    return state->kind == STATE_ENDPOINT_EJECTED && state->value > 0 ? (size_t)state->value
                                                                     : SIZE_MAX;
}

static void find_failures(struct failures *failures, const struct blame_judge *judge,
                          const struct blame_case *item)
{
    const struct blame_book *book = judge->book;
    const struct blame_state *state = &book->states[item->state];
    int64_t from = counted_from(book, item->state);
    uint32_t endpoint = find_name(book->endpoints, book->endpoint_count, state->subject);
    size_t look_at = LOOK_AT, most = most_failures(state);
    for (size_t i = failed_until(judge, state->at);
         i-- > 0 && look_at-- > 0 && failures->count < most;) {
        const struct blame_try *try = &book->tries[judge->order[i]];
        if (try->until < from)
            return;
        if (endpoint != BLAME_EVERYWHERE ? try->endpoint == endpoint
                                         : try->upstream == item->upstream)
            add_failure(failures, book, try, item);
    }
}

static enum cause commonest(const struct failures *failures)
{
    enum cause most = CAUSE_NONE;
    for (int i = 0; i < CAUSE_COUNT; i++)
        if (failures->outcomes[i] > failures->outcomes[most])
            most = (enum cause)i;
    return most;
}

/* What is behind the last of them that anything explains. */
static void judge_failures(const struct blame_judge *judge, struct blame_case *item)
{
    struct failures failures = {.count = 0};
    find_failures(&failures, judge, item);
    if (failures.count == 0)
        return;
    item->failures = (uint32_t)failures.count;
    item->failure = commonest(&failures);
    item->mixed = failures.outcomes[item->failure] < failures.count;
    item->class = BLAME_BACKEND;
    for (size_t i = 0; i < failures.shown && item->span == BLAME_NONE; i++)
        item->span = blame_best_span(judge->book, &failures.windows[i]);
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
        .upstream = item->upstream,
        .effects = probed ? EFFECT_ALL : effects_behind(item->cause),
        .touched = item->touched};
    if (!probed && item->from - QUEUE_WINDOW > window.from)
        window.from = item->from - QUEUE_WINDOW;
    return blame_best_span(book, &window);
}

/* Other gateways record no states: what was in force as it was refused is all there is. */
static uint32_t span_meanwhile(const struct blame_book *book, const struct blame_case *item)
{
    struct blame_window window = blame_window_whole(item);
    return blame_best_span(book, &window);
}

bool blame_judge_refusal(const struct blame_judge *judge, struct blame_case *item)
{
    const struct refusal *refusal = refusal_of(item->cause);
    if (!refusal)
        return false;
    item->class = item->cause == CAUSE_DNS_FAILED ? BLAME_BACKEND : BLAME_LIMIT;
    item->state = state_behind(judge->book, item, refusal);
    item->meanwhile = item->state == BLAME_NONE;
    if (item->meanwhile)
        item->span = span_meanwhile(judge->book, item);
    else if (follows_failures(judge->book->states[item->state].kind))
        judge_failures(judge, item);
    else
        item->span = span_before(judge->book, item, &judge->book->states[item->state]);
    return true;
}
