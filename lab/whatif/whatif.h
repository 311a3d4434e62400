/* SPDX-License-Identifier: MIT */
/* What a run would have been at other settings of its gateway: the failure rate, the p99 and the
 * load that retries and hedges add, predicted from the run's records (analysis/replay.h says how),
 * the cheapest setting that meets an objective, and the proof by experiment. */
#ifndef TAILGATE_LAB_WHATIF_WHATIF_H
#define TAILGATE_LAB_WHATIF_WHATIF_H

#include <stdbool.h>
#include <stdint.h>

#include "lab/result/format.h"
#include "lib/base/result.h"

struct conf_table;

struct whatif_options {
    const char *run;       /* the folder of a run, or runs/NAME for the newest of that name */
    const char *variant;   /* its label; NULL = the only one */
    const char *upstream;  /* NULL = the one that most requests went to */
    const char *objective; /* "gateway_failures < 0.1%, p99 < 300ms"; NULL = none */
    const char *at;        /* settings in place of the grid: "KEY=VALUE,KEY=VALUE;..."; or NULL */
    const char *output;    /* the folder of all runs, for proofs; NULL = "runs" */
    bool prove;
    uint64_t seed; /* of the draws */
    enum result_format format;
    const struct conf_table *proxy_table;
};

/* Prints to stdout. EXIT_EXPECTATION: no setting that was looked at meets the objective. */
enum exit_status lab_whatif(const struct whatif_options *options);

#endif
