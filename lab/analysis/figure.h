/* SPDX-License-Identifier: MIT */
/* The figures that two sides are compared in, taken from their outcomes: the figure itself, and the
 * sums by slots of time from which contrast.h finds how uncertain it is. */
#ifndef TAILGATE_LAB_ANALYSIS_FIGURE_H
#define TAILGATE_LAB_ANALYSIS_FIGURE_H

#include "lab/analysis/contrast.h"
#include "lab/analysis/outcomes.h"

/* Failures, or requests beyond a quantile: fewer say nothing. */
#define FIGURE_LEAST_EVENTS 10

/* A load generator that is itself late is part of what it measures: by this share of a figure at
 * most. */
#define FIGURE_MOST_LAG 0.2

enum figure_kind {
    FIGURE_FAILURES,   /* the share of requests that are gateway failures */
    FIGURE_CAUSE,      /* the share that has the cause */
    FIGURE_UNANSWERED, /* the share that the client has no response to */
    FIGURE_QUANTILE,   /* of latency, in ms */
    FIGURE_THROUGHPUT, /* answered below 500 in time, a second */
};

struct figure_spec {
    enum figure_kind kind;
    double share;      /* of a quantile: 0.99 */
    const char *route; /* NULL = all requests */
    int cause;         /* enum cause, of FIGURE_CAUSE */
};

/* Latencies in rising order: of one route, or of all requests (NULL). Free `sorted`. */
struct figure_ranking {
    int64_t *sorted;
    size_t count;
};
struct figure_ranking figure_rank(const struct outcomes *outcomes, const char *route);

struct figure {
    double value;
    size_t requests;   /* that it is about */
    size_t events;     /* of these: failures, or those beyond the quantile */
    size_t unanswered; /* of these: the latency is a lower bound */
    struct contrast_side side;
    void *memory; /* what `side` points into */
};

/* `slot` is the length of a slot of time, in ns; `ranking` is that of the spec's route and is
 * looked at for quantiles alone. */
void figure_take(struct figure *figure, const struct figure_spec *spec,
                 const struct outcomes *outcomes, const struct figure_ranking *ranking,
                 int64_t slot);
void figure_free(struct figure *figure);

/* A length of slots that cuts all rounds into some hundred of them. */
int64_t figure_slot(const struct outcomes *a, const struct outcomes *b);

/* The number of a route's name, or -1. */
int figure_route(const struct outcomes *outcomes, const char *route);

#endif
