/* SPDX-License-Identifier: MIT */
/* A gateway that is another program: its files, its port, and its start. */
#ifndef TAILGATE_LAB_RUN_COMMAND_H
#define TAILGATE_LAB_RUN_COMMAND_H

#include "lab/plan/gateway.h"
#include "lab/run/process.h"
#include "lab/run/reserve.h"

struct command_order {
    const struct gateway_plan *plan;
    const struct variant *variant;
    const char *experiment_path;
    const char *folder; /* of the round; its own is made in it */
    const char *log_path;
    const struct endpoint_book *book;
    struct reservation *ports;
    struct supervisor *supervisor;
};

/* Makes its folder and configuration, starts it, and waits until it accepts connections. The path
 * of its log of requests goes into `*log` (NULL: it has none); free it in any case. */
enum result command_start(struct process *process, const struct command_order *order, char **log,
                          struct error *error) MUST_USE;

#endif
