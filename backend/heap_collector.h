/* SPDX-License-Identifier: MIT */
/* What a collector does for the heap; for backend/heap*.c alone. */
#ifndef TAILGATE_BACKEND_HEAP_COLLECTOR_H
#define TAILGATE_BACKEND_HEAP_COLLECTOR_H

#include "backend/heap.h"

struct heap_collector_row {
    /* Before there is any object, and when the live set is made. */
    void (*open)(struct heap *heap);
    void (*settle)(struct heap *heap);

    /* Memory for an object, zeroed; never NULL. */
    struct heap_object *(*allocate)(struct heap *heap, size_t size);

    /* As heap_mark. */
    void (*mark)(struct heap *heap, struct heap_object *object);

    void (*close)(struct heap *heap);
};

/* NULL: this program was built without it. */
const struct heap_collector_row *heap_libgc(void);

/* Marks the live set, the spares and the owner's roots. */
void heap_mark_roots(struct heap *heap);

/* How many bytes are allocated until a collection, when so many are alive. */
uint64_t heap_allowance(const struct heap *heap, uint64_t live_bytes);

#endif
