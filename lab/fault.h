/* SPDX-License-Identifier: MIT */
/* Faults of the experiment: pauses that the lab writes into the configuration of the backends they
 * are aimed at, marked as injected. */
#ifndef TAILGATE_LAB_FAULT_H
#define TAILGATE_LAB_FAULT_H

#include "lab/endpoints.h"
#include "lab/variant.h"

/* Checks what the faults are aimed at, and that they begin within the load. */
enum result faults_check(const struct variant *variant, struct error *error) MUST_USE;

struct fault_target {
    struct variant *variant;
    struct cJSON *config; /* of the backend, in the variant's tree */
    const char *group;
    int64_t instance;
};

/* Adds the faults that are aimed at an instance to its "pauses"; returns how many. */
size_t faults_add(const struct fault_target *target);

/* Takes the last `added` pauses out again. */
void faults_remove(const struct fault_target *target, size_t added);

#endif
