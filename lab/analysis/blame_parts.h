/* SPDX-License-Identifier: MIT */
/* The parts in which a case is judged, within lab/analysis/blame.c. */
#ifndef TAILGATE_LAB_ANALYSIS_BLAME_PARTS_H
#define TAILGATE_LAB_ANALYSIS_BLAME_PARTS_H

#include "lab/analysis/blame_span.h"

/* The tries of a case, in their order. */
struct blame_tries {
    const struct blame_try *items;
    size_t count;
};

struct blame_judge {
    struct blame_book *book;
    size_t *order; /* failed tries by their ends */
    size_t order_count;
};

/* A length that was recorded, or nothing. */
static inline int64_t blame_known(int64_t length)
{
    return length > 0 ? length : 0;
}

/* ---- blame_window.c: what is behind a time of waiting */

struct blame_window blame_window_of(const struct blame_book *book, const struct blame_try *try,
                                    const struct blame_case *item);

/* All that the case was in the gateway for. */
struct blame_window blame_window_whole(const struct blame_case *item);

/* What is behind the last of the windows of tries that ended so, or else of all, that anything
 * explains; BLAME_NONE when nothing does. */
uint32_t blame_last_span(const struct blame_book *book, const struct blame_window *windows,
                         size_t count, enum cause outcome);

/* What is behind another of the windows, the last of them that differs from `span`. */
uint32_t blame_other_span(const struct blame_book *book, const struct blame_window *windows,
                          size_t count, uint32_t span);

/* ---- blame_refusal.c: requests that were refused by a state of the gateway */

/* Sets class, state, span and failures of what was never tried; false, and nothing, where its cause
 * is no refusal. */
bool blame_judge_refusal(const struct blame_judge *judge, struct blame_case *item);

/* ---- blame_overlap.c: what overlapped the tries, and for how long */

/* Sets item->overlaps. */
void blame_sum_overlaps(const struct blame_book *book, struct blame_case *item,
                        const struct blame_tries *tries);

/* Sets item->held, of its span. */
void blame_set_held(const struct blame_book *book, struct blame_case *item,
                    const struct blame_tries *tries);

/* How much of its latency it was not in the gateway for: before it began, and behind its end. */
int64_t blame_outside(const struct blame_case *item);

/* For how long anything that was in force, and what followed it, can have held a try until a
 * moment: all of it together. */
int64_t blame_held_by_all(const struct blame_book *book, const struct blame_try *try,
                          int64_t until);

/* For how long the backend itself says that it had the request: waiting for locks, working with or
 * without them, or standing still; negative: it does not say. */
int64_t blame_account_of(const struct blame_try *try);

/* For how long a span can have held a try until a moment: on the way, for no longer than what the
 * backend's own account leaves. */
int64_t blame_held_until(const struct blame_span *span, const struct blame_try *try, int64_t until);

#endif
