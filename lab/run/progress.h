/* SPDX-License-Identifier: MIT */
/* What the user sees while a run goes on: one redrawn line with a bar on a terminal, a plain line
 * every few seconds elsewhere. Written to stderr. */
#ifndef TAILGATE_LAB_RUN_PROGRESS_H
#define TAILGATE_LAB_RUN_PROGRESS_H

#include <stdbool.h>

#include "lab/load/tally.h"
#include "lib/base/clock.h"

struct progress {
    bool terminal;
    bool line_open;     /* a redrawn line stands on the terminal */
    size_t parts, part; /* loads in all, and the number of this one */
    int64_t round, rounds;
    const char *label;
    mono written;      /* when the last line was */
    uint64_t answered; /* by then */
    mono answered_at;
    double rate;
};

void progress_init(struct progress *progress, size_t parts, int64_t rounds);

/* The next load begins. */
void progress_begin(struct progress *progress, const char *label, int64_t round);

/* `share` of the present load has passed. Writes when it is time to. */
void progress_update(struct progress *progress, const struct tally *tally, double share,
                     bool warming_up);

/* Says something else on a line of its own. */
void progress_say(struct progress *progress, const char *format, ...) PRINTF_LIKE(2, 3);

/* Clears the redrawn line. */
void progress_end(struct progress *progress);

#endif
