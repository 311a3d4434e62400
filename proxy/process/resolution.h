/* SPDX-License-Identifier: MIT */
/* The gateway's directory of names at work: what waits for it at the start, what changes with its
 * answers, and what is written down of them. For the main thread. */
#ifndef TAILGATE_PROXY_PROCESS_RESOLUTION_H
#define TAILGATE_PROXY_PROCESS_RESOLUTION_H

#include "proxy/process/proxy.h"

/* Before any worker runs: looks up the names of the first configuration, and runs the main thread's
 * loop until they were answered, have failed or take too long. */
enum result resolution_await(struct proxy *proxy, struct generation *first,
                             struct error *error) MUST_USE;

/* Writes a state record for each upstream with a name whose lookups began to fail, or ceased to,
 * since the last time. */
void resolution_note(struct proxy *proxy);

/* For the directory. */
extern const struct directory_calls resolution_calls;

#endif
