/* SPDX-License-Identifier: MIT */
/* How far apart two sides may really be in one figure: the interval of its difference. It has three
 * sources, each with its own half, joined as squares (Zou and Donner, "Construction of confidence
 * limits about effect measures", Statist. Med. 27, 2008).
 *
 * Within rounds: blocks of time are drawn again (blocks.h), and the interval is that of Efron's
 * percentiles (1979), widened as Student's t widens a normal one when few blocks matter
 * (Hesterberg, "What teachers should know about the bootstrap", Am. Stat. 69, 2015). Two sides with
 * the same arrivals are drawn together, so that what met both at the same moment is no difference.
 *
 * From round to round: by how much more rounds differ among each other than their blocks explain.
 * Few rounds tell little of that, so it is moderated by what is usual (Smyth, "Linear models and
 * empirical Bayes methods", 2004), as long as the rounds do not contradict that, and blocks can be
 * long enough for what they are to hold together.
 *
 * From run to run: nothing in two runs shows it; it is what the caller assumes. */
#ifndef TAILGATE_LAB_ANALYSIS_CONTRAST_H
#define TAILGATE_LAB_ANALYSIS_CONTRAST_H

#include <stdbool.h>

#include "lab/analysis/blocks.h"

/* A figure of sums over slots, one sum for each cell of a slot. */
typedef double contrast_statistic(const void *context, const double *sums);

/* Whose figure it is: `width` cells for each slot. */
struct contrast_side {
    struct slot_layout layout;
    size_t width;
    const float *cells;
    contrast_statistic *statistic;
    const void *context;
};

struct contrast_settings {
    uint64_t seed;
    const char *purpose; /* names the stream of draws; the same name gives the same draws */
    bool paired;         /* the two have the same layout and the same arrivals */
    double usual_rounds; /* standard deviations of the difference, in the figure's unit: from one */
    double usual_runs;   /* round to the next, and from one run to the next; 0 = none */
};

struct contrast {
    double *deviations; /* of the drawn differences from the measured one, rising */
    size_t count;
    double freedom;       /* of what the blocks tell */
    double outer;         /* the variance from rounds and runs */
    double outer_freedom; /* and its degrees of freedom; 0 when there is none */
    double error;         /* the standard error of it all */
    size_t length;        /* of a block, in slots; the longer one when each side has its own */
    size_t blocks;        /* of the side that has fewer */
    bool endless; /* what happens hangs together longer than a block may be: rounds alone tell */
};

/* Free it with contrast_free. */
struct contrast contrast_measure(const struct contrast_side *a, const struct contrast_side *b,
                                 const struct contrast_settings *settings);
void contrast_free(struct contrast *contrast);

/* How far the interval reaches below (-1) or above (1) the measured difference. `tail` is what it
 * leaves out there: 0.025 for 95 %. Infinite when nothing is known. */
double contrast_reach(const struct contrast *contrast, double tail, int direction);

/* A true difference of this size is seen nine times in ten. */
double contrast_would_see(const struct contrast *contrast, double tail);

#endif
