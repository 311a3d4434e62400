/* SPDX-License-Identifier: MIT */
/* A backend that is another program: its port, and its start. */
#ifndef TAILGATE_LAB_RUN_BACKEND_PROGRAM_H
#define TAILGATE_LAB_RUN_BACKEND_PROGRAM_H

#include "lab/plan/plan.h"
#include "lab/run/process.h"
#include "lab/run/reserve.h"

struct backend_program_order {
    const struct plan_process *plan;
    const char *experiment_path;
    const char *log_path;
    struct reservation *ports;
    struct supervisor *supervisor;
};

/* Starts it, and waits until it accepts connections. */
enum result backend_program_start(struct process *process,
                                  const struct backend_program_order *order,
                                  struct error *error) MUST_USE;

#endif
