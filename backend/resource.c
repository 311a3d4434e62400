/* SPDX-License-Identifier: MIT */
#include "backend/resource.h"

#include <assert.h>

void resource_init(struct resource *resource, int64_t slots)
{
    *resource = (struct resource){.slots = slots};
    list_init(&resource->waiting);
}

bool resource_take(struct resource *resource, struct list *waiter)
{
    if (resource->taken < resource->slots) {
        resource->taken++;
        return true;
    }
    list_push_back(&resource->waiting, waiter);
    resource->length++;
    if (resource->length > resource->longest)
        resource->longest = resource->length;
    return false;
}

struct list *resource_give(struct resource *resource)
{
    assert(resource->taken > 0);
    struct list *next = list_pop_front(&resource->waiting);
    if (next)
        resource->length--;
    else
        resource->taken--;
    return next;
}

void resource_leave(struct resource *resource, struct list *waiter)
{
    list_remove(waiter);
    resource->length--;
}
