/* SPDX-License-Identifier: MIT */
/* How soon waiting ends, by how long it has lasted: the cumulative hazard H(age) of a kind of wait,
 * where exp(H(a) - H(b)) is the share of those that still wait at age a and will at age b as well.
 * It is estimated by occurrence and exposure (Hoem 1969; for narrow classes, Nelson 1972 and Aalen
 * 1978) over classes of age about 6 % wide: ends by the time waited, summed up. Waits that were
 * given up count as censored: with the time they lasted, and without an end. Pure arithmetic; zero
 * it before use. */
#ifndef TAILGATE_LAB_ANALYSIS_HAZARD_H
#define TAILGATE_LAB_ANALYSIS_HAZARD_H

#include <stdbool.h>
#include <stdint.h>

#define HAZARD_CLASSES 528 /* below 1 us, and 33 octaves above it: to more than two hours */

struct hazard {
    uint32_t ended[HAZARD_CLASSES]; /* waits that lasted so long, however they ended */
    uint32_t moved[HAZARD_CLASSES]; /* of these: that ended by what was waited for */
    double within[HAZARD_CLASSES];  /* the time for which they lasted in it, together */
    uint64_t count;
    double cumulative[HAZARD_CLASSES + 1]; /* H at the lower edge of each class */
};

/* Adds a wait of that many nanoseconds; one below zero counts as nothing. */
void hazard_add(struct hazard *hazard, int64_t age, bool moved);

/* Computes H. What was added later is not in it. */
void hazard_fit(struct hazard *hazard);

/* H(to) - H(from), in units of expected ends for one wait; 0 when nobody was seen to wait as long.
 */
double hazard_between(const struct hazard *hazard, int64_t from, int64_t to);

/* The age that half of the waits do not reach, to 6 %; 0 when there are none. Censored waits count
 * with the time until then, which makes it too small when there are many of them. */
int64_t hazard_median(const struct hazard *hazard);

#endif
