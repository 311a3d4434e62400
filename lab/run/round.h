/* SPDX-License-Identifier: MIT */
/* One variant in one round: backends up, gateway up, load, drain, everything down. */
#ifndef TAILGATE_LAB_RUN_ROUND_H
#define TAILGATE_LAB_RUN_ROUND_H

#include "lab/run/process.h"
#include "lab/run/progress.h"
#include "lab/run/run_db.h"
#include "lab/run/run_dir.h"

struct round {
    const struct plan *plan;
    const struct run_dir *dir;
    struct supervisor *supervisor;
    struct progress *progress;
    size_t variant;
    int64_t number;

    char *folder;  /* the configurations and logs of its processes */
    char *records; /* their segments */
    struct tally *tally;
    struct round_facts facts;
};

/* Makes the folders. Set the members above first. */
enum result round_init(struct round *round, struct error *error) MUST_USE;

/* Runs it. However it ends, no process of it is left, and what was recorded is in `records`, the
 * facts and the tally. */
enum result round_run(struct round *round, struct error *error) MUST_USE;

void round_release(struct round *round);

#endif
