/* SPDX-License-Identifier: MIT */
/* What overlapped the tries of a case. */
#include "lab/analysis/blame_parts.h"
#include "lab/analysis/effects.h"

/* Whatever it did with the request, holding locks or not. */
static int64_t work_of(const struct blame_try *try)
{
    return blame_known(try->backend_lock) + blame_known(try->backend_work) +
           blame_known(try->backend_cleanup);
}

int64_t blame_account_of(const struct blame_try *try)
{
    if (try->backend_queue < 0 && try->backend_work < 0)
        return -1;
    return blame_known(try->backend_queue) + work_of(try) + blame_known(try->backend_gc);
}

int64_t blame_held_until(const struct blame_span *span, const struct blame_try *try, int64_t until)
{
    int64_t held = blame_overlap(span, try->from, until);
    int64_t account = blame_account_of(try);
    if (!span->on_the_way || account < 0)
        return held;
    int64_t rest = try->until + blame_known(try->late) - try->from - account;
    return rest < held ? blame_known(rest) : held;
}

static int64_t held_by(const struct blame_span *span, const struct blame_try *try)
{
    return blame_held_until(span, try, try->until);
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

/* What the backend reported, as far as it can have been in the try: a response that came after it
 * had been given up tells of more. */
static int64_t within(const struct blame_try *try, int64_t reported)
{
    return reported < try->until - try->from ? reported : try->until - try->from;
}

void blame_sum_overlaps(const struct blame_book *book, struct blame_case *item,
                        const struct blame_tries *tries)
{
    struct overlapping overlapping = {book, item};
    for (size_t i = 0; i < tries->count; i++) {
        const struct blame_try *try = &tries->items[i];
        struct blame_window window = blame_window_of(book, try, item);
        window.effects = EFFECT_ALL;
        blame_spans_each(book, &window, add_overlap, &overlapping);
        item->overlaps[BLAME_LOCK] += within(try, blame_known(try->backend_queue));
        item->overlaps[BLAME_WORK] += within(try, work_of(try));
        if (item->overlaps[BLAME_PAUSE] < blame_known(try->backend_gc))
            item->overlaps[BLAME_PAUSE] = blame_known(try->backend_gc);
    }
    item->overlaps[BLAME_QUEUE] = blame_known(item->queue);
    item->overlaps[BLAME_CLIENT] = blame_outside(item) + blame_known(item->deliver);
}

int64_t blame_outside(const struct blame_case *item)
{
    if (!item->recorded)
        return item->unsent ? item->latency : 0;
    return blame_known(item->latency - (item->until - item->from));
}

struct holding {
    const struct blame_book *book;
    int64_t held;
};

static void add_held(void *context, const struct blame_window *window, uint32_t number)
{
    struct holding *holding = context;
    const struct blame_span *span = &holding->book->spans[number];
    if (!(span->effects & window->effects))
        return;
    int64_t from = span->from > window->from ? span->from : window->from;
    int64_t until = span->settled < window->until ? span->settled : window->until;
    holding->held += blame_known(until - from);
}

int64_t blame_held_by_all(const struct blame_book *book, const struct blame_try *try, int64_t until)
{
    struct holding holding = {.book = book};
    struct blame_window window = {.from = try->from,
                                  .until = until,
                                  .endpoint = try->endpoint,
                                  .upstream = try->upstream,
                                  .on = try,
                                  .effects = EFFECT_DELAYS,
                                  .touched = BLAME_NONE};
    blame_spans_each(book, &window, add_held, &holding);
    return holding.held;
}

void blame_set_held(const struct blame_book *book, struct blame_case *item,
                    const struct blame_tries *tries)
{
    const struct blame_span *span = &book->spans[item->span];
    item->held = tries->count == 0 ? blame_overlap(span, item->from, item->until) : 0;
    for (size_t i = 0; i < tries->count; i++)
        if (span->endpoint == BLAME_EVERYWHERE || span->endpoint == tries->items[i].endpoint)
            item->held += held_by(span, &tries->items[i]);
}
