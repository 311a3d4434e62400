/* SPDX-License-Identifier: MIT */
/* What was in force, and how well it explains a try or a request. A step of lab/analysis/blame.h.
 */
#ifndef TAILGATE_LAB_ANALYSIS_BLAME_SPAN_H
#define TAILGATE_LAB_ANALYSIS_BLAME_SPAN_H

#include "lab/analysis/blame.h"

/* How long behind its end something may still be what closed a connection. */
#define BLAME_ECHO INT64_C(100000000)

/* How long before what is recorded as its beginning it may have closed one: who did it notes the
 * moment behind the deed. */
#define BLAME_EARLIER INT64_C(10000000)

/* Sets the aftermath and the risk of every span, and book->reach. */
void blame_spans_prepare(struct blame_book *book);

/* A time in which somebody waited on an endpoint, and how it ended. */
struct blame_window {
    int64_t from, until;
    uint32_t endpoint;          /* or BLAME_EVERYWHERE: any of the upstream's */
    uint32_t upstream;          /* or BLAME_NONE: any */
    const struct blame_try *on; /* NULL: no try */
    unsigned effects;
    uint32_t touched; /* a span that is known to have touched it, or BLAME_NONE */
};

/* Called for each span that meets the window, its aftermath included. */
typedef void blame_visit(void *context, const struct blame_window *window, uint32_t span);
void blame_spans_each(const struct blame_book *book, const struct blame_window *window,
                      blame_visit *visit, void *context);

/* How well a span explains how the window ended: 0 not at all, 1 entirely, more when it says so
 * itself. */
double blame_span_weight(const struct blame_book *book, const struct blame_window *window,
                         uint32_t span);

/* What explains it best: what was recorded before what was only seen from outside; BLAME_NONE when
 * nothing does. */
uint32_t blame_best_span(const struct blame_book *book, const struct blame_window *window);

/* How much of the window lies in the span itself. */
int64_t blame_overlap(const struct blame_span *span, int64_t from, int64_t until);

#endif
