/* SPDX-License-Identifier: MIT */
/* What a request's time went into. A request is in one phase at a time, so that the phases add up
 * to the time since it began:
 *   queue    waiting for a resource
 *   lock     doing anything while it holds a slot of a resource
 *   work     doing anything else: cpu and io steps
 *   cleanup  giving things back
 *   gc       whatever it was in, the process stood still for the collector or a pause
 * What happens after the response's head was sent is in no report. */
#ifndef TAILGATE_BACKEND_PHASES_H
#define TAILGATE_BACKEND_PHASES_H

#include "lib/base/clock.h"
#include "lib/http/timing.h"

struct phases {
    struct timing spent;
    enum timing_phase phase;
    mono since;
    duration stopped; /* how long the process had stood still, in all, at `since` */
};

/* `stopped` is how long the process has stood still in all. */
void phases_begin(struct phases *phases, enum timing_phase phase, mono now, duration stopped);

/* Accounts for the time since the last call, and goes on in another phase (or the same). */
void phases_enter(struct phases *phases, enum timing_phase phase, mono now, duration stopped);

#endif
