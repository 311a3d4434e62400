/* SPDX-License-Identifier: MIT */
/* One endpoint's tries in the order of time: the gaps between their moves, and how surprising each
 * is. A step of the search for stalls (lab/analysis/stalls.h); pure. */
#ifndef TAILGATE_LAB_ANALYSIS_SWEEP_H
#define TAILGATE_LAB_ANALYSIS_SWEEP_H

#include "lab/analysis/hazard.h"
#include "lab/analysis/stalls.h"

/* A gap between two moves in which something waited. */
struct gap {
    int64_t after, until; /* the moves around it */
    int64_t began;        /* when a stall in it is to be expected to have begun */
    bool open;            /* no move behind it tells when a stall in it ended */
    uint32_t held, given_up;
    uint32_t together; /* of those held: moved at its end; 0 when that is open */
    double surprise;
};

/* How surprising one gap of the usual ones is. */
struct gap_sample {
    int64_t at;
    double surprise;
};

struct gap_list {
    struct gap *items;
    size_t count, capacity;
};

struct sweep {
    /* Given. */
    const struct stall_wait *waits; /* of one endpoint, by rising `from` */
    size_t count;
    const struct hazard *hazards;  /* one for each phase */
    const struct gap_list *stalls; /* that are known, by time: whom they held, their end sets free
                                      at any moment behind it */
    int64_t least;                 /* shorter gaps are not looked at */
    size_t sample_every;           /* of all gaps */
    /* Found. */
    struct gap_list gaps;      /* that are long, surprising and hold enough, by time */
    struct gap_sample *sample; /* by time, of gaps of all lengths */
    size_t sample_count, sample_capacity;
    size_t gap_count; /* of all lengths: moves at one moment are one */
    int64_t *ends;    /* of all waits, rising */
    size_t end_count;
    int64_t *moves; /* the ends at which something came, rising */
    size_t move_count;
};

void sweep_run(struct sweep *sweep);
void sweep_free(struct sweep *sweep);

/* The first gap of a list by time that ends behind a moment; `count` when there is none. */
size_t gap_list_find(const struct gap_list *list, int64_t moment);

void gap_list_add(struct gap_list *list, const struct gap *gap);

#endif
