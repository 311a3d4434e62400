/* SPDX-License-Identifier: MIT */
/* When requests are sent: drawn before the load begins from the seed and the round alone, so that
 * every variant of a round gets the same requests at the same moments. */
#ifndef TAILGATE_LAB_LOAD_ARRIVAL_H
#define TAILGATE_LAB_LOAD_ARRIVAL_H

#include <stddef.h>

#include "lab/plan/experiment.h"

struct arrival {
    duration at;      /* from the start of the measured load; negative in the warm-up */
    duration lag;     /* how late the generator acted on it; filled in by the generator */
    uint32_t request; /* index into load_spec.requests */
};

struct arrivals {
    struct arrival *items; /* by rising moment */
    size_t count;
};

void arrivals_draw(struct arrivals *arrivals, const struct load_spec *load, uint64_t seed,
                   uint64_t round);
void arrivals_free(struct arrivals *arrivals);

#endif
