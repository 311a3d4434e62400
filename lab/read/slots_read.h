/* SPDX-License-Identifier: MIT */
/* The measured requests of a round in slots of time, and when its faults were on, out of run.db. */
#ifndef TAILGATE_LAB_READ_SLOTS_READ_H
#define TAILGATE_LAB_READ_SLOTS_READ_H

#include <stdbool.h>

#include "lab/analysis/recovery.h"
#include "lib/base/result.h"

struct sqlite3;

struct slots {
    struct recovery_slot *items;  /* by the moment a request was due */
    size_t count;                 /* of the whole measured time */
    int64_t width;                /* ns */
    bool faulted;                 /* something was injected in it */
    int64_t fault_from, fault_to; /* ns from its start: of the first and the last fault */
};

/* Reads one round; `*slots` holds its width, and is freed with slots_free, whatever the result. A
 * round that did not run to its end has no slots. */
enum result slots_read(struct slots *slots, struct sqlite3 *db, int64_t variant, int64_t round,
                       struct error *error) MUST_USE;
void slots_free(struct slots *slots);

#endif
