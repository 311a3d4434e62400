/* SPDX-License-Identifier: MIT */
/* How busy the machine was: a starved one must not pass for a slow gateway. */
#ifndef TAILGATE_LAB_RUN_MACHINE_H
#define TAILGATE_LAB_RUN_MACHINE_H

#include <stdint.h>
#include <sys/types.h>

struct machine_sample {
    uint64_t busy, total; /* clock ticks of all cores since the start of the machine */
};

int machine_cores(void);

/* Zeroed when /proc is not there. */
struct machine_sample machine_sample_take(void);

/* The share of all cores that was busy between two samples, by whatever program. */
double machine_busy_share(struct machine_sample from, struct machine_sample to);

/* CPU seconds that a process has used so far; 0 when it is gone. */
double machine_cpu_seconds(pid_t pid);

/* The same with the processes that it has started, and theirs, as far as they still run. */
double machine_cpu_seconds_with_children(pid_t pid);

#endif
