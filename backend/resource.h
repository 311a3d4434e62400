/* SPDX-License-Identifier: MIT */
/* Something that requests take and give back: so many slots, and a line of those who wait for one,
 * first come, first served. */
#ifndef TAILGATE_BACKEND_RESOURCE_H
#define TAILGATE_BACKEND_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/list.h"

struct resource {
    int64_t slots, taken;
    struct list waiting;
    uint64_t longest; /* the line at its longest */
    uint64_t length;  /* the line now */
};

void resource_init(struct resource *resource, int64_t slots);

/* Takes a slot, or stands in line with `waiter` and returns false. Nobody overtakes the line. */
bool resource_take(struct resource *resource, struct list *waiter);

/* Gives a slot back. When somebody waits, the slot passes to the first in line, who is returned,
 * out of the line; otherwise NULL. */
struct list *resource_give(struct resource *resource);

/* Leaves the line. */
void resource_leave(struct resource *resource, struct list *waiter);

#endif
