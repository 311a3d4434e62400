/* SPDX-License-Identifier: MIT */
#include "proxy/request/defer.h"

#include <stdlib.h>

#include "lib/base/memory.h"

struct defer_entry {
    struct defer_entry *below;
    defer_release *release;
    void *arg;
};

void defer_push(struct defer_stack *stack, defer_release *release, void *arg)
{
    struct defer_entry *entry = mem_alloc(1, sizeof(*entry));
    *entry = (struct defer_entry){stack->top, release, arg};
    stack->top = entry;
}

void defer_run(struct defer_stack *stack)
{
    for (struct defer_entry *entry; (entry = stack->top);) {
        stack->top = entry->below;
        entry->release(entry->arg);
        free(entry);
    }
}
