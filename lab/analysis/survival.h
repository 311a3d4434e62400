/* SPDX-License-Identifier: MIT */
/* How long something lasts when some of it was not watched to its end: the product-limit estimate
 * (Kaplan and Meier, "Nonparametric estimation from incomplete observations", JASA 53, 1958). */
#ifndef TAILGATE_LAB_ANALYSIS_SURVIVAL_H
#define TAILGATE_LAB_ANALYSIS_SURVIVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lifetime {
    int64_t time;
    bool ended; /* false: it lasted longer, nobody knows how long */
};

/* What lasts longer than times[i] is the share alive[i]; before the first of them all of it. */
struct survival {
    int64_t *times; /* rising; those at which something ended */
    double *alive;
    size_t count;
};

/* Sorts `lives`. Zeroed memory is an estimate of nothing: all lasts for ever. */
void survival_fit(struct survival *survival, struct lifetime *lives, size_t count);
void survival_free(struct survival *survival);

/* The share that lasts longer than `time`. */
double survival_beyond(const struct survival *survival, int64_t time);

/* A time drawn from what lasts longer than `beyond`; `unit` is uniform in [0, 1). INT64_MAX: it
 * falls where nothing was seen to end, and the data do not say. */
int64_t survival_draw(const struct survival *survival, int64_t beyond, double unit);

/* The time that `share` of all do not exceed; INT64_MAX when that was not seen. */
int64_t survival_quantile(const struct survival *survival, double share);

#endif
