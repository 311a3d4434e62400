/* SPDX-License-Identifier: MIT */
/* The end of a run: from its database to summary.json, report.html and the table. */
#ifndef TAILGATE_LAB_FINISH_H
#define TAILGATE_LAB_FINISH_H

#include "lab/plan/plan.h"
#include "lab/read/exchanges.h"
#include "lab/run/run_dir.h"

/* Writes the files, prints the table to stdout, and sets whether every expectation holds. `problem`
 * says why the run was cut short; NULL when it is complete. */
enum result finish_run(const struct plan *plan, const struct exchanges *exchanges,
                       const struct run_dir *dir, const char *problem, uint64_t records_dropped,
                       bool *holds, struct error *error) MUST_USE;

#endif
