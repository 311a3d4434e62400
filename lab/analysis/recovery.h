/* SPDX-License-Identifier: MIT */
/* Whether a service comes back after a fault: the shares of requests that succeeded in slots of
 * time, before the fault, during it, and after it. That a system can stay down after the trigger
 * has gone, kept there by its own retries, is what Bronson et al. (2021, "Metastable failures in
 * distributed systems", HotOS) describe and Huang et al. (2022, "Metastable failures in the wild",
 * OSDI) have found in practice. Shares, not numbers: arrivals vary from slot to slot by themselves.
 * Pure arithmetic. */
#ifndef TAILGATE_LAB_ANALYSIS_RECOVERY_H
#define TAILGATE_LAB_ANALYSIS_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What arrived in a stretch of time. */
struct recovery_slot {
    uint32_t requests;
    uint32_t good;  /* of these: answered in time and below 500, whenever that was */
    uint32_t tries; /* that the gateway made for them */
};

enum {
    RECOVERY_LEAST_BEFORE = 4,  /* slots before the fault, to know what usual is */
    RECOVERY_LEAST_REQUESTS = 5 /* in a slot that is to count */
};

/* As good as before: a share of at least so much of the usual one. */
#define RECOVERY_AS_BEFORE 0.9
/* And usual must be well: a service that fails anyway cannot be seen to come back. */
#define RECOVERY_WELL 0.9

enum recovery_verdict {
    RECOVERY_RECOVERED,
    RECOVERY_NOT_WITHIN,     /* it does not come back within the run */
    RECOVERY_UNTOUCHED,      /* it was never down: the fault did nothing to see */
    RECOVERY_UNKNOWN_BEFORE, /* too little before the fault */
    RECOVERY_UNWELL_BEFORE,
    RECOVERY_CUT_OFF, /* too little behind the fault to see it hold */
    RECOVERY_SPARSE   /* too few requests in a slot */
};

struct recovery {
    enum recovery_verdict verdict;
    double before;  /* share of good requests before the fault */
    double after;   /* in the last quarter of what is behind the fault */
    size_t slots;   /* behind the fault until it holds again, RECOVERY_RECOVERED alone */
    size_t watched; /* slots behind the fault */
    double load;    /* tries for each request, behind the fault until it recovered or the end */
};

/* The fault lasts from slot `began` to slot `ended` (the first without it). Recovered is the first
 * slot behind it from which on `hold` slots in a row are as good as before. */
void recovery_judge(struct recovery *recovery, const struct recovery_slot *slots, size_t count,
                    size_t began, size_t ended, size_t hold);

#endif
