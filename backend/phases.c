/* SPDX-License-Identifier: MIT */
#include "backend/phases.h"

void phases_begin(struct phases *phases, enum timing_phase phase, mono now, duration stopped)
{
    *phases = (struct phases){.phase = phase, .since = now, .stopped = stopped};
}

void phases_enter(struct phases *phases, enum timing_phase phase, mono now, duration stopped)
{
    int64_t passed = mono_between(phases->since, now).ns;
    int64_t stood_still = stopped.ns - phases->stopped.ns;
    phases->spent.ns[TIMING_GC] += stood_still;
    phases->spent.ns[phases->phase] += passed - stood_still;
    phases->phase = phase;
    phases->since = now;
    phases->stopped = stopped;
}
