/* SPDX-License-Identifier: MIT */
/* A comparison as a tree, and what is printed of that tree. */
#ifndef TAILGATE_LAB_COMPARE_COMPARE_JSON_H
#define TAILGATE_LAB_COMPARE_COMPARE_JSON_H

#include <stdio.h>

#include "lab/compare/compare_figures.h"
#include "lab/compare/lost_records.h"
#include "lab/read/recorded_run.h"

struct cJSON;

/* One pair of variants. */
struct compared {
    const char *a_label, *b_label;
    size_t a_requests, b_requests;
    size_t a_rounds, b_rounds, rounds; /* the last: those that both have */
    bool paired;
    bool same; /* one side is the other */
    struct lost_records a_lost, b_lost;
    char withheld[512];        /* why nothing is said; empty = something is */
    struct cJSON *differences; /* of the experiments: experiment_diff.h */
    struct compare_figures figures;
};

/* The verdict on a pair as a whole. */
enum compare_overall {
    OVERALL_SAME,
    OVERALL_A_BETTER,
    OVERALL_B_BETTER,
    OVERALL_MIXED,
    OVERALL_WITHHELD
};
enum compare_overall compared_overall(const struct compared *compared);

/* Whether b is worse in any main figure, or in one of a route. */
bool compared_b_is_worse(const struct compared *compared);

/* `notes` is taken over. Free the result with cJSON_Delete. */
struct cJSON *compare_json(const struct recorded_run *a, const struct recorded_run *b,
                           const struct compared *items, size_t count, size_t questions,
                           struct cJSON *notes);

/* A value of an experiment in few bytes, "..." standing for what is left out. Returns `out`. */
const char *compare_shorten(char *out, size_t size, const char *value);

void compare_print(FILE *out, const struct cJSON *comparison, bool markdown);

#endif
