/* SPDX-License-Identifier: MIT */
/* How surprising the gaps of an endpoint usually are. Were all requests independent, the surprise
 * of a gap above a threshold would exceed it by an Exp(1). Requests that wait for one another (one
 * thread, a lock, answers in batches) make larger and heavier gaps. Peaks over the threshold
 * (Pickands 1975) are therefore fitted by a Weibull distribution through two of their quantiles,
 * which a few stalls in a hundred gaps hardly move; in a time in which everything is slower, by its
 * own median. Pure. */
#ifndef TAILGATE_LAB_ANALYSIS_USUAL_H
#define TAILGATE_LAB_ANALYSIS_USUAL_H

#include "lab/analysis/sweep.h"

struct usual {
    const struct gap_sample *peaks; /* over the threshold, by time */
    size_t count;
    double scale; /* 1: as if all were independent */
    double tail;  /* the Weibull shape, at most 1 */
};

/* Owns a copy of what it needs. */
void usual_fit(struct usual *usual, const struct gap_sample *sample, size_t count);
void usual_free(struct usual *usual);

/* -log of the chance that a gap at that moment is as surprising. */
double usual_rarity(const struct usual *usual, int64_t at, double surprise);

#endif
