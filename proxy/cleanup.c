/* SPDX-License-Identifier: MIT */
#include "proxy/cleanup.h"

#include <stdlib.h>

#include "lib/base/memory.h"

struct cleanup_entry {
    struct cleanup_entry *below;
    cleanup_release *release;
    void *arg;
};

void cleanup_push(struct cleanup_stack *stack, cleanup_release *release, void *arg)
{
    struct cleanup_entry *entry = mem_alloc(1, sizeof(*entry));
    *entry = (struct cleanup_entry){stack->top, release, arg};
    stack->top = entry;
}

void cleanup_run(struct cleanup_stack *stack)
{
    for (struct cleanup_entry *entry; (entry = stack->top);) {
        stack->top = entry->below;
        entry->release(entry->arg);
        free(entry);
    }
}
