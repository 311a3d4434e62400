/* SPDX-License-Identifier: MIT */
/* When something happens: a repeating event with a start, an end, an interval and a random length.
 * The n-th occurrence is a function of the seed, the name and n alone, never of the clock, so that
 * two runs with one seed have the same events. */
#ifndef TAILGATE_CHAOS_FAULT_SCHEDULE_H
#define TAILGATE_CHAOS_FAULT_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/dist.h"

/* From one start to the next at least: a distribution may have any small value, and who begins
 * again and again would do nothing else. */
#define SCHEDULE_EVERY_LEAST duration_us(100)

/* What happened once, and is to happen again: counted from the start of a log, one not before the
 * end of the one before it. */
struct schedule_entry {
    duration at, lasting;
};

struct schedule {
    uint64_t seed;
    const char *name;    /* two schedules of one name and seed have the same draws */
    duration from;       /* the first occurrence, relative to the epoch */
    duration until;      /* no occurrence starts at or after it; 0 = after 10 years */
    struct dist every;   /* from one start to the next; zero = once; what is drawn below
                            SCHEDULE_EVERY_LEAST counts as that */
    struct dist lasting; /* how long each takes */
    uint64_t count;      /* at most so many; 0 = no limit */

    /* When there are any, they say when and how long, counted from `from`, and nothing is drawn. */
    const struct schedule_entry *entries;
    size_t entry_count;
    bool loops; /* behind the end of the last they begin again */

    uint64_t ordinal; /* of the next occurrence */
    duration next;    /* its start */
};

struct occurrence {
    uint64_t ordinal; /* from 0 */
    duration at;      /* relative to the epoch */
    duration lasting;
};

/* Sets the schedule to its first occurrence; the other members must be set. */
void schedule_rewind(struct schedule *schedule);

/* Gives the next occurrence and moves on; false when there is none. An interval drawn shorter than
 * the occurrence before it starts when that one has ended. */
bool schedule_next(struct schedule *schedule, struct occurrence *occurrence);

#endif
