/* SPDX-License-Identifier: MIT */
/* The faults of a backend: by their schedules it refuses connections, accepts none, or has no
 * descriptor left. What several ask for at a time is done until the last of them is over. */
#ifndef TAILGATE_BACKEND_TROUBLE_H
#define TAILGATE_BACKEND_TROUBLE_H

#include <stdbool.h>
#include <sys/resource.h>

#include "chaos/fault/live.h"
#include "lib/net/loop.h"

struct service;

struct trouble {
    struct live_fault *live;
    struct occurrence occurrence; /* the one that is happening */
    mono since;                   /* not set: none is */
    bool fresh;                   /* that it has begun is not said yet */
};

struct troubles {
    struct service *service;
    struct trouble *items;
    size_t count;
    struct timer timer;
    struct rlimit limit; /* of descriptors, while there are none */
    bool exhausted;
};

void troubles_open(struct troubles *troubles, struct service *service);

/* Starts the schedules (again) from that moment, which may be to come. */
void troubles_start(struct troubles *troubles, mono epoch);

/* Ends what is going on: the process ends. */
void troubles_end(struct troubles *troubles);

void troubles_close(struct troubles *troubles);

#endif
