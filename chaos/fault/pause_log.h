/* SPDX-License-Identifier: MIT */
/* The pauses of a program that was watched: read from what it, or its runtime, wrote. Pure. */
#ifndef TAILGATE_CHAOS_FAULT_PAUSE_LOG_H
#define TAILGATE_CHAOS_FAULT_PAUSE_LOG_H

#include "chaos/fault/pause_line.h"

/* Zeroed, it is empty. One entry does not begin before the one before it has ended, and none takes
 * no time. */
struct pause_log {
    struct schedule_entry *entries;
    size_t count, capacity;
};

/* What is wrong, and where in the text. */
struct pause_log_problem {
    size_t offset;
    char what[256];
};

/* Reads a text of that kind; PAUSE_LOG_COUNT: of the one whose line is found first, or else
 * offsets. Lines that say nothing of pauses are passed over. False when a line cannot be read, when
 * time runs backwards, or when there is no pause at all. Free the log in any case. */
bool pause_log_read(struct pause_log *log, enum pause_log_kind kind, const char *text,
                    size_t length, struct pause_log_problem *problem);

/* Leaves out what begins before `begin`, which the rest counts from, and makes each pause `scale`
 * times as long. */
void pause_log_shape(struct pause_log *log, duration begin, double scale);

void pause_log_free(struct pause_log *log);

#endif
