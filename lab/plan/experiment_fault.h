/* SPDX-License-Identifier: MIT */
/* A fault of an experiment, as the file has it: a fault, and where it happens. */
#ifndef TAILGATE_LAB_PLAN_EXPERIMENT_FAULT_H
#define TAILGATE_LAB_PLAN_EXPERIMENT_FAULT_H

#include "chaos/fault/fault.h"
#include "chaos/fault/pause_replay.h"

struct fault_spec {
    const char *on; /* "@orders", "@orders/0" or "gateway" */
    bool enabled;
    struct dist pause;          /* another word for config.lasting, which holds it, too */
    struct pause_replay replay; /* of a pause or stop that is taken from a file */
    struct fault_config config;
    const struct cJSON *item;
};

extern const struct conf_table experiment_fault_table;

#endif
