/* SPDX-License-Identifier: MIT */
/* The outcomes of a variant, read from the run's database. */
#ifndef TAILGATE_LAB_READ_OUTCOMES_READ_H
#define TAILGATE_LAB_READ_OUTCOMES_READ_H

#include "lab/analysis/outcomes.h"
#include "lab/read/recorded_run.h"

/* FAILED_INPUT when the moments of a request run backwards: then two clocks are mixed. */
enum result outcomes_read(struct outcomes *outcomes, const struct recorded_run *run, int variant,
                          struct error *error) MUST_USE;

#endif
