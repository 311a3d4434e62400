/* SPDX-License-Identifier: MIT */
/* The load generator: open loop, a process of its own. Requests are sent when the schedule says so,
 * whether or not earlier ones were answered, over at most so many kept-alive connections; an
 * arrival that finds none free waits, and its latency counts from the moment it was meant for.
 * Nothing is sent twice: a connection that closes under a request is an error of that request. */
#ifndef TAILGATE_LAB_LOAD_LOAD_H
#define TAILGATE_LAB_LOAD_LOAD_H

#include "lab/load/arrival.h"
#include "lab/load/tally.h"
#include "lib/base/log.h"
#include "lib/net/address.h"

struct load_job {
    const struct load_spec *spec;
    struct arrivals arrivals; /* drawn by the lab; the lags are filled in */
    struct address target;
    uint64_t seed;
    uint32_t round;
    mono epoch;          /* the start of the measured load */
    const char *records; /* folder */
    struct tally *tally;
};

/* The whole life of the process: sends, records, and returns its exit status once every request is
 * answered or given up. End of file on `control_fd`, or SIGTERM, ends it early: what is open then
 * is recorded as unfinished, and measured by nobody. */
enum exit_status load_main(struct load_job *job, int control_fd);

#endif
