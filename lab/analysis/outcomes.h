/* SPDX-License-Identifier: MIT */
/* The measured requests of one variant of a run, as arrays: what is left of run.db once names have
 * become numbers. */
#ifndef TAILGATE_LAB_ANALYSIS_OUTCOMES_H
#define TAILGATE_LAB_ANALYSIS_OUTCOMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTCOME_NO_ROUTE UINT16_MAX

struct outcome {
    uint64_t key;    /* of its trace id and round: the same in every variant */
    int64_t at;      /* the intended moment, ns from the start of the measured load */
    int64_t latency; /* ns from then, until the end or until it was given up */
    int64_t lag;     /* of it: ns that the generator itself was late */
    uint32_t round;  /* as numbered in the run */
    uint16_t route;  /* index into names, or OUTCOME_NO_ROUTE */
    uint16_t target; /* what was asked for: index into names */
    uint8_t cause;   /* enum cause, as the gateway says */
    bool known;      /* the gateway has recorded it */
    bool failed;     /* a gateway failure */
    bool unanswered; /* the client had no complete response */
    bool good;       /* answered below 500 within the measured time */
};

struct outcome_round {
    int64_t number;
    int64_t duration; /* ns */
    size_t from, count;
};

/* By rising round and moment. */
struct outcomes {
    struct outcome *items;
    size_t count;
    struct outcome_round *rounds; /* by rising number */
    size_t round_count;
    char **names;
    size_t name_count;
};

void outcomes_free(struct outcomes *outcomes);

/* Leaves the rounds that `keep` has too. */
void outcomes_keep_rounds(struct outcomes *outcomes, const struct outcomes *keep);

/* How late the generator was at a quantile of all requests, ns. */
int64_t outcomes_lag(const struct outcomes *outcomes, double share);

/* Whether both have the same rounds, and in each the same requests at the same moments. */
bool outcomes_same_arrivals(const struct outcomes *a, const struct outcomes *b);

#endif
