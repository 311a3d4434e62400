/* SPDX-License-Identifier: MIT */
/* When a program that is not this one is ready: it does not say so, but it accepts connections. */
#ifndef TAILGATE_LAB_RUN_LISTENING_H
#define TAILGATE_LAB_RUN_LISTENING_H

#include "lab/run/process.h"

/* Waits until it accepts connections at `listen`; `who` stands in messages. */
enum result listening_wait(struct process *process, struct supervisor *supervisor, const char *who,
                           const char *listen, duration within, struct error *error) MUST_USE;

/* Looks whether one that was started again accepts connections; then it is ready. */
void listening_look(struct process *process);

#endif
