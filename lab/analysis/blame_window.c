/* SPDX-License-Identifier: MIT */
/* Times in which a case waited, and what is behind them. */
#include <string.h>

#include "lab/analysis/blame_parts.h"
#include "lab/analysis/effects.h"

uint32_t blame_last_span(const struct blame_book *book, const struct blame_window *windows,
                         size_t count, enum cause outcome)
{
    uint32_t best = BLAME_NONE;
    for (size_t i = count; i-- > 0 && best == BLAME_NONE;)
        if (windows[i].on && windows[i].on->outcome == outcome)
            best = blame_best_span(book, &windows[i]);
    for (size_t i = count; i-- > 0 && best == BLAME_NONE;)
        best = blame_best_span(book, &windows[i]);
    return best;
}

/* Of another name, or on another process. */
static bool is_another(const struct blame_span *a, const struct blame_span *b)
{
    return a->class != b->class || strcmp(a->name, b->name) != 0 || a->endpoint != b->endpoint;
}

uint32_t blame_other_span(const struct blame_book *book, const struct blame_window *windows,
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
               : EFFECT_ENDS | EFFECT_IDLES | EFFECT_REFUSES | EFFECT_GARBLES;
}

struct blame_window blame_window_of(const struct blame_book *book, const struct blame_try *try,
                                    const struct blame_case *item)
{
    const struct blame_case *owner = try->owner == BLAME_NONE ? NULL : &book->cases[try->owner];
    return (struct blame_window){.from = try->from,
                                 .until = try->until,
                                 .endpoint = try->endpoint,
                                 .upstream = try->upstream,
                                 .on = try,
                                 .effects =
                                     try->gave_up ? EFFECT_DELAYS : effects_of(item, try->outcome),
                                 .touched = owner ? owner->touched : BLAME_NONE};
}

struct blame_window blame_window_whole(const struct blame_case *item)
{
    return (struct blame_window){.from = item->from,
                                 .until = item->until,
                                 .endpoint = item->recorded ? BLAME_EVERYWHERE : BLAME_NOWHERE,
                                 .upstream = item->upstream,
                                 .effects = effects_of(item, CAUSE_NONE),
                                 .touched = item->touched};
}
