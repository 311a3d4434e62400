/* SPDX-License-Identifier: MIT */
/* Blocks of time: what happened close together is kept together, for requests that meet the same
 * stall fail together. A series has one figure for each slot of time, round behind round; no block
 * reaches from one round into the next.
 *
 * The idea is Künsch's ("The jackknife and the bootstrap for general stationary observations",
 * Ann. Statist. 17, 1989), the blocks run on from a round's end at its beginning (Politis and
 * Romano, "A circular block-resampling procedure for stationary data", 1992), and their length is
 * chosen by Politis and White ("Automatic block-length selection for the dependent bootstrap",
 * Econometric Reviews 23, 2004; corrected with Patton, 28, 2009). */
#ifndef TAILGATE_LAB_ANALYSIS_BLOCKS_H
#define TAILGATE_LAB_ANALYSIS_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/rng.h"

/* How many slots each round has; `total` is their sum. */
struct slot_layout {
    const size_t *sizes;
    size_t round_count;
    size_t total;
};

/* The longest block there may be: a third of the shortest round, and three times its root. */
size_t blocks_longest(const struct slot_layout *layout);

/* The length of a block, in slots. */
size_t blocks_length(const double *series, const struct slot_layout *layout);

/* Whole blocks that fit side by side. */
size_t blocks_count(const struct slot_layout *layout, size_t length);

/* Called for each block that is drawn: `count` slots of the round that begins at slot `round` and
 * has `size`, from its slot `at` on, over its end into its beginning. */
typedef void blocks_visit(void *context, size_t round, size_t size, size_t at, size_t count);

/* Draws every round anew out of its own blocks; the last one of a round is cut. */
void blocks_draw(struct rng *rng, const struct slot_layout *layout, size_t length,
                 blocks_visit *visit, void *context);

/* The degrees of freedom of a variance that was estimated from these blocks, by the kurtosis of
 * their sums: twice the number of blocks that matter, when few do (Satterthwaite, "An approximate
 * distribution of estimates of variance components", Biometrics 2, 1946). */
double blocks_freedom(const double *series, const struct slot_layout *layout, size_t length);

#endif
