/* SPDX-License-Identifier: MIT */
/* What the outcomes of a replay (or of a run) amount to, and how far off a measurement may be: the
 * intervals are those in which a run of the same length lies in 95 of 100 cases, if its arrivals
 * and stalls are drawn anew. The failure rate's is from blocks of time that are drawn again
 * (blocks.h), that of a quantile from the same draws of the share that lies above it (Woodruff,
 * "Confidence intervals for medians and other position measures", JASA 47, 1952). */
#ifndef TAILGATE_LAB_ANALYSIS_PREDICTION_H
#define TAILGATE_LAB_ANALYSIS_PREDICTION_H

#include "lab/analysis/replay.h"
#include "lib/base/hist.h"
#include "lib/record/cause.h"

struct prediction_range {
    double value, low, high;
};

struct prediction {
    size_t requests, failures, unresolved, unanswered; /* of measured ones */
    size_t gave_up; /* clients that waited no longer: neither failures nor successes */
    size_t unheard; /* of these: nobody knows whether they would have been answered */
    struct prediction_range failure_rate; /* shares of requests */
    struct prediction_range p99_ms;
    bool p99_known;             /* enough requests lie above it, and fewer were not answered */
    double extra_load;          /* tries beyond one a request, by requests */
    double blocks;              /* of time that the interval is from */
    size_t causes[CAUSE_COUNT]; /* by enum cause */
    struct hist *latency;       /* free with prediction_free */
};

/* Where there are more than `much_load` tries beyond one a request, by requests, the intervals are
 * widened by as large a share: what such a load does to the backends is not in the outcomes.
 * 0 = never. */
void prediction_take(struct prediction *prediction, const struct trace *trace,
                     const struct replay_outcome *outcomes, double much_load, uint64_t seed);
void prediction_free(struct prediction *prediction);

/* Why a quantile of latency cannot be told, or NULL when it can: too few requests lie above it, or
 * as many were not answered. */
const char *prediction_lacks(const struct prediction *prediction, double share);

/* Moves both ends of the p99's interval outwards. */
void prediction_widen_p99(struct prediction *prediction, double by_ms);

/* The recorded outcomes, in the same form. */
void prediction_recorded(const struct trace *trace, struct replay_outcome *outcomes);

#endif
