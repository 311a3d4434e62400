/* SPDX-License-Identifier: MIT */
/* The experiment file: what `tailgate run` is asked to do. The table below is the only description
 * of it; the checks that a table cannot express stand beside it. */
#ifndef TAILGATE_LAB_PLAN_EXPERIMENT_H
#define TAILGATE_LAB_PLAN_EXPERIMENT_H

#include "lab/plan/experiment_fault.h"
#include "lib/base/clock.h"
#include "lib/conf/conf.h"

enum arrival_kind { ARRIVALS_POISSON, ARRIVALS_CONSTANT };

/* One kind of request that the load generator sends. */
struct request_spec {
    const char *get, *post; /* the target; one of the two is set */
    uint64_t body;          /* bytes, POST only */
    double weight;
};

struct load_spec {
    double rate; /* arrivals a second */
    int arrivals;
    duration warmup;
    duration duration;
    duration timeout; /* from the intended moment */
    int64_t connections;
    struct conf_list requests; /* struct request_spec */
};

/* A group of backends with one configuration, or one command. */
struct backend_spec {
    const char *name;
    int64_t instances;
    const struct cJSON *config; /* a backend's, read with the table that the lab is handed */
    struct conf_list command;   /* const char *; without a configuration: another program */
    const struct cJSON *item;
};

struct experiment {
    const char *name;
    int64_t seed;
    struct conf_list backends;   /* struct backend_spec */
    const struct cJSON *gateway; /* a proxy's configuration */
    struct load_spec load;
    struct conf_list faults;      /* struct fault_spec */
    const struct cJSON *variants; /* JSON Pointer -> list of values; NULL = none */
    int64_t rounds;
    struct conf_list expect; /* const char * */
    struct conf_list claims; /* struct claim_spec */
    int investigate;         /* enum investigation */
    const struct cJSON *item;
};

extern const struct conf_table experiment_conf_table;

/* The largest number that travels unharmed through a JSON reader that keeps numbers as doubles. */
#define EXPERIMENT_SEED_MAX 9007199254740992.0

/* Splits "@orders/1" into the group's name (NUL-ended, in `name`) and the instance, or -1 for all
 * of them. False when the text has not that form. */
bool experiment_split_reference(const char *text, char *name, size_t size, int64_t *instance);

/* The group of that name, or NULL. */
const struct backend_spec *experiment_backend(const struct experiment *experiment,
                                              const char *name);

/* Checks that `reference`, which stands at `item` of `doc`, names a group of backends, or one of
 * its instances. */
enum result experiment_check_reference(const struct experiment *experiment,
                                       const struct conf_doc *doc, const struct cJSON *item,
                                       const char *reference, struct error *error) MUST_USE;

static inline bool backend_spec_is_command(const struct backend_spec *spec)
{
    return spec->command.count > 0;
}

/* The number of arrivals to be expected in one round, warm-up included. */
double experiment_arrivals(const struct load_spec *load);

static inline const char *request_spec_method(const struct request_spec *spec)
{
    return spec->get ? "GET" : "POST";
}

static inline const char *request_spec_target(const struct request_spec *spec)
{
    return spec->get ? spec->get : spec->post;
}

#endif
