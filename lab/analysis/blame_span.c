/* SPDX-License-Identifier: MIT */
#include "lab/analysis/blame_span.h"

#include <stdlib.h>
#include <string.h>

#include "lab/analysis/effects.h"
#include "lab/analysis/stall_scope.h"
#include "lib/base/memory.h"

#define CALM_LEAST    INT64_C(100000000) /* in which it can be seen how it was before */
#define LEVEL_POINTS  257 /* moments that tell how many requests are usually in flight */
#define SETTLE_POINTS 1000
#define SETTLE_LEAST  INT64_C(1000000)
#define LEAST_COVER   0.05 /* of a wait: less does not explain it */
#define LEAST_RISK    1e-4
#define CERTAIN       10.0
#define ECHO_COVER    0.5 /* of what was over already */

/* ---- the order */

static int compare_spans(const void *a, const void *b)
{
    const struct blame_span *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

void blame_sort(struct blame_book *book)
{
    if (book->span_count > 0)
        qsort(book->spans, book->span_count, sizeof(*book->spans), compare_spans);
}

/* ---- aftermaths */

static size_t in_flight(const struct stall_view *view, int64_t at)
{
    return stall_begun_until(view, at) - stall_count_until(view->ends, view->end_count, at);
}

static int compare_sizes(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* As many as are usually in flight within some time: half as many again as in the middle of its
 * moments, and two. */
static size_t usual_level(const struct stall_view *view, int64_t from, int64_t to)
{
    size_t levels[LEVEL_POINTS];
    for (size_t i = 0; i < LEVEL_POINTS; i++)
        levels[i] = in_flight(view, from + (to - from) / LEVEL_POINTS * (int64_t)i);
    qsort(levels, LEVEL_POINTS, sizeof(*levels), compare_sizes);
    return levels[LEVEL_POINTS / 2] * 3 / 2 + 2;
}

static size_t level_of_all(const struct stall_view *view)
{
    return view->count > 0
               ? usual_level(view, view->waits[0].from, view->waits[view->count - 1].from)
               : 0;
}

/* For so long at most it is looked what follows a span, and what was before it. */
static int64_t around(const struct blame_span *span)
{
    return 10 * (span->to - span->from) + INT64_C(1000000000);
}

/* An overload that does not end is usual in most of a round; before what began it, it was not. */
static size_t calm_level(const struct stall_view *view, size_t level, const struct blame_span *span)
{
    int64_t from = span->from - around(span);
    if (view->count == 0 || span->from - CALM_LEAST < view->waits[0].from)
        return level;
    from = from > view->waits[0].from ? from : view->waits[0].from;
    size_t before = usual_level(view, from, span->from);
    return before < level ? before : level;
}

static int64_t settle(const struct stall_view *view, size_t level, const struct blame_span *span)
{
    int64_t most = around(span);
    int64_t step = most / SETTLE_POINTS > SETTLE_LEAST ? most / SETTLE_POINTS : SETTLE_LEAST;
    int64_t at = span->to;
    while (at < span->to + most && in_flight(view, at) > level)
        at += step;
    return at;
}

static void set_aftermaths(struct blame_book *book)
{
    size_t *levels = mem_alloc(book->endpoint_count + 1, sizeof(*levels));
    const struct stall_view *views = book->stalls->views;
    for (size_t i = 0; i < book->endpoint_count; i++)
        levels[i] = level_of_all(&views[i]);
    for (size_t i = 0; i < book->span_count; i++) {
        struct blame_span *span = &book->spans[i];
        span->settled = span->to;
        for (uint32_t at = 0; at < book->endpoint_count; at++) {
            if (span->endpoint != BLAME_EVERYWHERE && span->endpoint != at)
                continue;
            size_t level = calm_level(&views[at], levels[at], span);
            int64_t settled = settle(&views[at], level, span);
            span->settled = settled > span->settled ? settled : span->settled;
        }
    }
    free(levels);
}

static void set_reach(struct blame_book *book)
{
    book->reach = mem_alloc(book->span_count + 1, sizeof(*book->reach));
    int64_t reach = INT64_MIN;
    for (size_t i = 0; i < book->span_count; i++) {
        reach = book->spans[i].settled > reach ? book->spans[i].settled : reach;
        book->reach[i] = reach;
    }
}

/* ---- what meets a window */

static size_t begun_before(const struct blame_book *book, int64_t moment)
{
    size_t low = 0, high = book->span_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (book->spans[middle].from <= moment)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Whether an endpoint may be that upstream's. */
static bool may_be_of(const struct blame_book *book, uint32_t endpoint, uint32_t upstream)
{
    uint32_t own = book->upstream_of[endpoint];
    return upstream == BLAME_NONE || own >= book->upstream_count || own == upstream;
}

static bool is_here(const struct blame_book *book, const struct blame_window *window,
                    const struct blame_span *span)
{
    if (span->endpoint == BLAME_EVERYWHERE || span->endpoint == window->endpoint)
        return true;
    return window->endpoint == BLAME_EVERYWHERE &&
           may_be_of(book, span->endpoint, window->upstream);
}

void blame_spans_each(const struct blame_book *book, const struct blame_window *window,
                      blame_visit *visit, void *context)
{
    int64_t from = window->from - BLAME_ECHO;
    for (size_t i = begun_before(book, window->until + BLAME_EARLIER);
         i-- > 0 && book->reach[i] >= from;) {
        const struct blame_span *span = &book->spans[i];
        if (is_here(book, window, span) && span->settled >= from)
            visit(context, window, (uint32_t)i);
    }
}

static int64_t common(int64_t a, int64_t b, int64_t from, int64_t until)
{
    int64_t first = a > from ? a : from, last = b < until ? b : until;
    return last > first ? last - first : 0;
}

int64_t blame_overlap(const struct blame_span *span, int64_t from, int64_t until)
{
    return common(span->from, span->to, from, until);
}

static bool names(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at && (at = strstr(at, name)); at++)
        if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

/* What takes a while is explained by what covers some of it; what happens at once, by what was in
 * force then. */
static double cover(const struct blame_window *window, const struct blame_span *span)
{
    int64_t length = window->until - window->from;
    int64_t covered = common(span->from, span->settled, window->from, window->until);
    if (window->effects & EFFECT_DELAYS) {
        bool there = span->from <= window->until && span->settled >= window->from;
        double share = length > 0 ? (double)covered / (double)length : there;
        return share >= LEAST_COVER ? share : 0;
    }
    if (span->from > window->until + BLAME_EARLIER || span->to + BLAME_ECHO < window->from)
        return 0;
    return span->to >= window->from ? 1 : ECHO_COVER;
}

double blame_span_weight(const struct blame_book *book, const struct blame_window *window,
                         uint32_t number)
{
    const struct blame_span *span = &book->spans[number];
    bool said = window->touched == number || (window->on && names(window->on->faults, span->name));
    if (!(span->effects & window->effects))
        return 0;
    if (said)
        return CERTAIN;
    if (span->precise && window->on)
        return 0;
    return cover(window, span) * span->risks[window->effects & EFFECT_DELAYS ? 0 : 1];
}

/* ---- the best of them */

struct choice {
    const struct blame_book *book;
    bool recorded; /* what was recorded, or what was only seen from outside */
    double weight;
    uint32_t span;
};

static bool is_recorded(const struct blame_span *span)
{
    return span->class == BLAME_INJECTED || span->class == BLAME_PAUSE;
}

static void consider(void *context, const struct blame_window *window, uint32_t number)
{
    struct choice *choice = context;
    if (is_recorded(&choice->book->spans[number]) != choice->recorded)
        return;
    double weight = blame_span_weight(choice->book, window, number);
    if (weight > choice->weight) {
        choice->weight = weight;
        choice->span = number;
    }
}

static bool can_be(const struct blame_book *book, const struct blame_window *window,
                   const struct blame_span *span)
{
    return (span->effects & window->effects) && is_here(book, window, span);
}

/* A fault says whom it touched with moments of its own, which need not lie within the try. */
static uint32_t said_itself(const struct blame_book *book, const struct blame_window *window)
{
    if (window->touched != BLAME_NONE && can_be(book, window, &book->spans[window->touched]))
        return window->touched;
    if (!window->on || !window->on->faults)
        return BLAME_NONE;
    for (uint32_t i = 0; i < book->span_count; i++)
        if (can_be(book, window, &book->spans[i]) && names(window->on->faults, book->spans[i].name))
            return i;
    return BLAME_NONE;
}

uint32_t blame_best_span(const struct blame_book *book, const struct blame_window *window)
{
    for (int recorded = 1; recorded >= 0; recorded--) {
        struct choice choice = {.book = book, .recorded = recorded, .span = BLAME_NONE};
        blame_spans_each(book, window, consider, &choice);
        if (choice.weight < CERTAIN && recorded) {
            uint32_t said = said_itself(book, window);
            choice.span = said != BLAME_NONE ? said : choice.span;
        }
        if (choice.span != BLAME_NONE)
            return choice.span;
    }
    return BLAME_NONE;
}

/* ---- risks */

#define TURNS 4

/* All spans of one name: what is over soon has met too few to tell. */
struct group {
    const struct blame_span *first;
    double met[2], all; /* tries on its endpoints; of those met, with its aftermath and without */
    double touched[2];  /* failures that it met: timeouts, others */
    double assigned[2]; /* failures that it is blamed for */
    size_t last_try;
};

struct risks {
    struct blame_book *book;
    struct group *groups;
    size_t group_count;
    uint32_t *group_of; /* of each span */
    double failures[2];
    size_t try;
};

/* Tries on its endpoints between two moments. */
static size_t tries_within(const struct blame_book *book, const struct blame_span *span,
                           int64_t from, int64_t until)
{
    size_t met = 0;
    for (uint32_t i = 0; i < book->endpoint_count; i++) {
        const struct stall_view *view = &book->stalls->views[i];
        if (span->endpoint != BLAME_EVERYWHERE && span->endpoint != i)
            continue;
        met += stall_begun_until(view, until) -
               stall_count_until(view->ends, view->end_count, from - 1);
    }
    return met;
}

static struct group *group_of(struct risks *risks, const struct blame_span *span)
{
    size_t at = 0;
    while (at < risks->group_count && (risks->groups[at].first->class != span->class ||
                                       risks->groups[at].first->name != span->name))
        at++;
    if (at == risks->group_count)
        risks->groups[risks->group_count++] = (struct group){.first = span, .last_try = SIZE_MAX};
    return &risks->groups[at];
}

static void form_groups(struct risks *risks)
{
    struct blame_book *book = risks->book;
    risks->groups = mem_alloc(book->span_count + 1, sizeof(*risks->groups));
    risks->group_of = mem_alloc(book->span_count + 1, sizeof(*risks->group_of));
    for (size_t i = 0; i < book->span_count; i++) {
        const struct blame_span *span = &book->spans[i];
        struct group *group = group_of(risks, span);
        risks->group_of[i] = (uint32_t)(group - risks->groups);
        group->met[0] += (double)tries_within(book, span, span->from, span->settled);
        group->met[1] += (double)tries_within(book, span, span->from, span->to);
        double all = (double)tries_within(book, span, INT64_MIN + 1, INT64_MAX);
        group->all = all > group->all ? all : group->all;
    }
}

static size_t type_of(unsigned effects)
{
    return effects & EFFECT_DELAYS ? 0 : 1;
}

static void note_touch(void *context, const struct blame_window *window, uint32_t number)
{
    struct risks *risks = context;
    struct group *group = &risks->groups[risks->group_of[number]];
    if (group->last_try == risks->try || cover(window, &risks->book->spans[number]) <= 0)
        return;
    group->last_try = risks->try;
    group->touched[type_of(window->effects)]++;
}

static struct blame_window failure_window(const struct blame_try *try)
{
    return (struct blame_window){.from = try->from,
                                 .until = try->until,
                                 .endpoint = try->endpoint,
                                 .upstream = try->upstream,
                                 .on = try,
                                 .effects = effects_behind(try->outcome),
                                 .touched = BLAME_NONE};
}

static bool has_failed(const struct blame_try *try)
{
    return try->outcome != CAUSE_NONE && try->outcome != CAUSE_HEDGE_LOST;
}

static void count_failures(struct risks *risks)
{
    for (risks->try = 0; risks->try < risks->book->try_count; risks->try++) {
        const struct blame_try *try = &risks->book->tries[risks->try];
        if (!has_failed(try))
            continue;
        struct blame_window window = failure_window(try);
        risks->failures[type_of(window.effects)]++;
        blame_spans_each(risks->book, &window, note_touch, risks);
    }
}

static void set_risks(struct risks *risks)
{
    for (size_t i = 0; i < risks->book->span_count; i++) {
        const struct group *group = &risks->groups[risks->group_of[i]];
        for (size_t type = 0; type < 2; type++) {
            double met = group->met[type] > 1 ? group->met[type] : 1;
            double others = group->all > met ? group->all - met : 0;
            double in = group->assigned[type] / met;
            double out = (risks->failures[type] - group->touched[type]) / (others + 1);
            double risk = (in < 1 ? in : 1) - (out < 1 ? out : 1);
            risks->book->spans[i].risks[type] = risk > LEAST_RISK ? risk : LEAST_RISK;
        }
    }
}

static void assign_failures(struct risks *risks)
{
    for (size_t i = 0; i < risks->group_count; i++)
        risks->groups[i].assigned[0] = risks->groups[i].assigned[1] = 0;
    for (size_t i = 0; i < risks->book->try_count; i++) {
        const struct blame_try *try = &risks->book->tries[i];
        if (!has_failed(try))
            continue;
        struct blame_window window = failure_window(try);
        uint32_t best = blame_best_span(risks->book, &window);
        if (best != BLAME_NONE)
            risks->groups[risks->group_of[best]].assigned[type_of(window.effects)]++;
    }
}

void blame_spans_prepare(struct blame_book *book)
{
    struct risks risks = {.book = book};
    set_aftermaths(book);
    set_reach(book);
    form_groups(&risks);
    count_failures(&risks);
    for (size_t i = 0; i < risks.group_count; i++)
        memcpy(risks.groups[i].assigned, risks.groups[i].touched, sizeof(risks.groups[i].assigned));
    set_risks(&risks);
    for (int turn = 0; turn < TURNS; turn++) {
        assign_failures(&risks);
        set_risks(&risks);
    }
    free(risks.groups);
    free(risks.group_of);
}
