/* SPDX-License-Identifier: MIT */
/* Where the faults of an experiment happen: who injects each, and into what. */
#ifndef TAILGATE_LAB_PLAN_FAULT_H
#define TAILGATE_LAB_PLAN_FAULT_H

#include "lab/plan/endpoints.h"
#include "lab/plan/variant.h"

#define GATEWAY_TARGET "gateway"

/* Who does it. */
enum fault_doer {
    FAULT_BY_BACKEND, /* the backend, by its own "pauses" and "faults" */
    FAULT_BY_LINK,    /* a link between the gateway and the backend */
    FAULT_BY_GATEWAY, /* the gateway, by its own "faults" */
    FAULT_BY_LAB      /* the lab, which does it to a process that it started */
};

enum fault_doer fault_doer(const struct fault_spec *fault);

/* Checks what the faults are aimed at, that it can be done to that, and that they begin within the
 * load. `proxy_table` is the table of the gateway's configuration. */
enum result faults_check(const struct variant *variant, const struct conf_table *proxy_table,
                         struct error *error) MUST_USE;

struct gateway_plan;

/* Checks that the gateway leads to what links would fault. `command` NULL: it is this program. */
enum result faults_check_ways(const struct variant *variant, const struct gateway_plan *command,
                              struct error *error) MUST_USE;

/* Whether a fault that is enabled is aimed at an instance of a group. */
bool fault_is_on_instance(const struct fault_spec *fault, const char *group, int64_t instance);

/* The same of a process by its name: "orders-0", "gateway". */
bool fault_is_on_process(const struct fault_spec *fault, const char *process);

/* A fault as the configuration of a link or of the gateway has it, at the end of `list`. */
void fault_add_to(struct cJSON *list, struct variant *variant, const struct fault_spec *fault);

struct fault_target {
    struct variant *variant;
    struct cJSON *config; /* of the backend, in the variant's tree */
    const char *group;
    int64_t instance;
};

/* How many there are of what was added to a backend's "pauses", and to its "faults". */
struct fault_additions {
    size_t pauses, faults;
};

/* Adds what an instance does to itself to its configuration. */
struct fault_additions faults_add(const struct fault_target *target);

/* Takes it out again: the last ones of the two lists. */
void faults_remove(const struct fault_target *target, struct fault_additions added);

#endif
