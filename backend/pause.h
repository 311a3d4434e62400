/* SPDX-License-Identifier: MIT */
/* Scheduled pauses: at each of its occurrences the whole process stands still, without using the
 * CPU. One that was missed, because the process already stood still, starts at once and keeps its
 * planned length. One ends early when the process is told to end, and is the last. */
#ifndef TAILGATE_BACKEND_PAUSE_H
#define TAILGATE_BACKEND_PAUSE_H

#include <stdint.h>

#include "chaos/fault/schedule.h"
#include "lib/net/loop.h"

struct service;
struct pause_config;

struct pause {
    struct service *service;
    const struct pause_config *config;
    uint16_t name; /* in the records */
    char *draws;   /* what its random stream is named */
    struct schedule schedule;
    struct occurrence next;
    struct timer timer;
};

struct pause_clock {
    struct pause *pauses;
    size_t count;
    mono epoch; /* what the schedules count from */
    bool ended; /* no pause begins any more */
};

void pauses_open(struct pause_clock *clock, struct service *service);

/* Starts the schedules (again) from that moment, which may be to come. Of one in the past, the
 * pauses that would be over are left out. */
void pauses_start(struct pause_clock *clock, mono epoch);

/* Lets no further pause begin: the process ends. */
void pauses_end(struct pause_clock *clock);

void pauses_close(struct pause_clock *clock);

#endif
