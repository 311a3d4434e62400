/* SPDX-License-Identifier: MIT */
/* Using the CPU, and letting the whole process stand still. */
#ifndef TAILGATE_BACKEND_WORK_H
#define TAILGATE_BACKEND_WORK_H

#include <stdbool.h>

#include "lib/base/clock.h"

/* Computes until this thread has used that much CPU time. */
void work_burn(duration cpu);

/* Returns no earlier than `until`, without using the CPU; or false when the process is told to end
 * (SIGTERM, SIGINT) before that. The signal takes its usual way once this has returned. */
bool work_stand_still(mono until);

#endif
