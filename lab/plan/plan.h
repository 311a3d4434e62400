/* SPDX-License-Identifier: MIT */
/* What a run will do: for every variant, the configuration of each process, ready but for what only
 * the running shows (addresses) or what differs by round (seeds, folders). Everything that can be
 * wrong with the experiment is found here, before anything is started. */
#ifndef TAILGATE_LAB_PLAN_PLAN_H
#define TAILGATE_LAB_PLAN_PLAN_H

#include "lab/lab.h"
#include "lab/plan/endpoints.h"
#include "lab/plan/gateway.h"
#include "lab/plan/variant.h"
#include "lab/result/claim.h"

#define GATEWAY_PROCESS "gateway"
#define LOAD_PROCESS    "load"
#define LAB_PROCESS     "lab" /* in records */

struct plan_process {
    char name[ENDPOINT_PROCESS]; /* "orders-0", GATEWAY_PROCESS */
    struct cJSON *config;
    const struct backend_spec *program; /* a backend that is another program, or NULL */
};

struct plan_variant {
    struct plan_process *backends;
    size_t backend_count;
    struct plan_process links;    /* without a configuration: there are none */
    struct plan_process gateway;  /* its endpoints are still placeholders */
    duration response_timeout;    /* of its first upstream */
    struct gateway_plan *command; /* NULL: the gateway is this program */
    bool skipped;                 /* its gateway is not installed, and optional */
};

struct plan {
    const char *path;
    struct variants variants;
    struct plan_variant *items; /* one for each of variants.items */
    uint64_t seed;
    int64_t rounds;
    bool other_gateways; /* the gateway of a variant at least is another program */
    struct expectation *expectations;
    size_t expectation_count;
    struct claim *claims;
    size_t claim_count;
};

enum result plan_make(struct plan *plan, const struct lab_options *options,
                      struct error *error) MUST_USE;

/* Harmless on a zeroed one. */
void plan_free(struct plan *plan);

/* How many variants are run: those that are not skipped. */
static inline size_t plan_runnable(const struct plan *plan)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->variants.count; i++)
        count += !plan->items[i].skipped;
    return count;
}

static inline const struct experiment *plan_experiment(const struct plan *plan, size_t variant)
{
    return &plan->variants.items[variant].experiment;
}

/* Looks for the programs that gateways are. One that is not installed is FAILED_SYSTEM, unless it
 * is optional: then its variants are to be skipped, if there are others. */
enum result plan_find_programs(struct plan *plan, struct error *error) MUST_USE;

/* Whether the values of the first pointer are cleanup strategies: what the table calls its rows. */
const char *plan_axis_name(const struct plan *plan);

/* What is random in a process follows from it; a function of the run's seed, the process's name and
 * the round. */
uint64_t plan_process_seed(const struct plan *plan, const char *process, int64_t round);

/* The configuration of a process in a round; free with cJSON_Delete. Links and gateway need the
 * addresses that they lead to. */
struct cJSON *plan_config(const struct plan *plan, size_t variant,
                          const struct plan_process *process, int64_t round, const char *records,
                          const struct endpoint_book *book);

#endif
