/* SPDX-License-Identifier: MIT */
/* What happens next in a simulation: events by rising time, those of one time in the order in which
 * they were entered. */
#ifndef TAILGATE_LAB_ANALYSIS_AGENDA_H
#define TAILGATE_LAB_ANALYSIS_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agenda_event {
    int64_t at;
    uint64_t order; /* set by agenda_enter */
    uint32_t subject;
    uint16_t kind, detail;
    uint32_t serial; /* of what it is about: an event about what is no more is passed over */
};

/* Zeroed: empty. */
struct agenda {
    struct agenda_event *heap;
    size_t count, capacity;
    uint64_t entered;
};

void agenda_enter(struct agenda *agenda, struct agenda_event event);

/* The next one; false: there is none. */
bool agenda_next(struct agenda *agenda, struct agenda_event *event);
void agenda_free(struct agenda *agenda);

#endif
