/* SPDX-License-Identifier: MIT */
/* Which fault can have had which failure as its consequence: what faults do to a request, and what
 * must have been done to one that fails so. Pure. */
#ifndef TAILGATE_LAB_ANALYSIS_EFFECTS_H
#define TAILGATE_LAB_ANALYSIS_EFFECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/record/cause.h"

enum effect {
    EFFECT_DELAYS = 1,   /* it waits */
    EFFECT_ENDS = 2,     /* its connection is closed or reset */
    EFFECT_REFUSES = 4,  /* it gets no connection */
    EFFECT_GARBLES = 8,  /* its bytes are others */
    EFFECT_ANSWERS = 16, /* it is answered by somebody else, or with an error */
    EFFECT_IDLES = 32    /* its connection is closed while nothing is asked on it */
};

#define EFFECT_ALL 63u

/* What a kind of fault does; a kind that is not known may do anything. */
unsigned effects_of_fault(const char *kind);

/* Whether it happens on the way to a backend, so that the backend's own account of its time has
 * nothing of it. */
bool effects_on_the_way(const char *kind);

/* What can make a try or a request fail so; 0: nothing that happens behind the gateway. */
unsigned effects_behind(enum cause cause);

#endif
