/* SPDX-License-Identifier: MIT */
/* A kind of line that what happens outside could write a thousand times a second: between two of
 * them some time passes, and the second says how many were left out. A zeroed one is ready. */
#ifndef TAILGATE_LIB_BASE_LOG_PACE_H
#define TAILGATE_LIB_BASE_LOG_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"

struct log_pace {
    mono said; /* the last line */
    uint64_t left_out;
};

/* Room for what log_pace_more writes. */
#define LOG_PACE_MORE 48

/* Whether the line is to be written; `*left_out` is how many were not since the last one. */
static inline bool log_pace_ask(struct log_pace *pace, mono now, duration apart, uint64_t *left_out)
{
    if (mono_is_set(pace->said) && mono_between(pace->said, now).ns < apart.ns) {
        pace->left_out++;
        return false;
    }
    *left_out = pace->left_out;
    *pace = (struct log_pace){.said = now};
    return true;
}

/* " (12 more were left out)", or nothing; writes to `out` and returns it. */
const char *log_pace_more(char out[LOG_PACE_MORE], uint64_t left_out);

#endif
