/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "lab/analysis/effects.h"
#include "lab/read/evidence.h"
#include "lib/base/memory.h"

static void add_stalls(struct evidence *evidence)
{
    evidence->spans = mem_grow(evidence->spans, evidence->span_count + evidence->stalls.count + 1,
                               sizeof(*evidence->spans));
    for (size_t i = 0; i < evidence->stalls.count; i++) {
        const struct stall *stall = &evidence->stalls.items[i];
        bool gateway = stall->scope == STALL_GATEWAY;
        evidence->spans[evidence->span_count++] = (struct blame_span){
            .from = stall->began,
            .to = stall->ended,
            .endpoint = gateway ? BLAME_EVERYWHERE : stall->endpoint,
            .class = gateway ? BLAME_GATEWAY : BLAME_STALL,
            .name = "",
            .target = gateway ? "gateway" : NULL,
            .kind = "stall",
            .effects = EFFECT_DELAYS | EFFECT_IDLES,
        };
    }
}

static bool is_of_one(const struct blame_span *a, const struct blame_span *b)
{
    return a->class == b->class && a->name == b->name && a->target == b->target &&
           a->kind == b->kind && a->endpoint == b->endpoint;
}

/* A fault that touches many connections has a record for each: together they are one. */
static void merge_spans(struct evidence *evidence, struct blame_book *book)
{
    size_t kept = 0;
    for (size_t i = 0; i < book->span_count; i++) {
        struct blame_span *span = &book->spans[i];
        size_t at = kept;
        span->to = span->to < evidence->last ? span->to : evidence->last;
        for (size_t back = 0; at > 0 && back < 64; at--, back++)
            if (is_of_one(&book->spans[at - 1], span) && book->spans[at - 1].to >= span->from)
                break;
        bool merged =
            at > 0 && is_of_one(&book->spans[at - 1], span) && book->spans[at - 1].to >= span->from;
        if (!merged)
            book->spans[kept++] = *span;
        else if (span->to > book->spans[at - 1].to)
            book->spans[at - 1].to = span->to;
    }
    book->span_count = kept;
}

static void place_touches(const struct evidence *evidence, const struct blame_book *book)
{
    for (size_t i = 0; i < evidence->touch_count; i++) {
        const struct evidence_touch *touch = &evidence->touches[i];
        struct blame_case *item = &evidence->cases[touch->touched];
        for (uint32_t at = 0; at < book->span_count && item->touched == BLAME_NONE; at++)
            if (book->spans[at].name == touch->name &&
                book->spans[at].endpoint == touch->endpoint && book->spans[at].from <= touch->at &&
                book->spans[at].to >= touch->at)
                item->touched = at;
    }
}

static int compare_states(const void *a, const void *b)
{
    const struct blame_state *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

void evidence_judge(struct evidence *evidence, struct blame_book *book)
{
    add_stalls(evidence);
    if (evidence->state_count > 0)
        qsort(evidence->states, evidence->state_count, sizeof(*evidence->states), compare_states);
    *book = (struct blame_book){
        .cases = evidence->cases,
        .case_count = evidence->case_count,
        .tries = evidence->tries,
        .try_count = evidence->try_count,
        .spans = evidence->spans,
        .span_count = evidence->span_count,
        .states = evidence->states,
        .state_count = evidence->state_count,
        .endpoints = evidence->endpoints.items,
        .endpoint_count = evidence->stalls.endpoint_count,
        .upstreams = evidence->upstreams.items,
        .upstream_count = evidence->upstreams.count,
        .stalls = &evidence->stalls,
    };
    blame_sort(book);
    merge_spans(evidence, book);
    place_touches(evidence, book);
    blame_judge(book);
    blame_free(book);
}
