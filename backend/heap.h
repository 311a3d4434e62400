/* SPDX-License-Identifier: MIT */
/* The simulated program's heap: real memory in objects that refer to one another, and a collector
 * that marks what can be reached and frees the rest while everything else stands still. How long
 * that takes is not configured: it follows from the objects that are there. */
#ifndef TAILGATE_BACKEND_HEAP_H
#define TAILGATE_BACKEND_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_REFS 2

/* The start of every object. Its memory is owned by the heap, which frees it once a collection
 * finds that nothing refers to it. */
struct heap_object {
    struct heap_object *next; /* in the list of all */
    uint32_t size;            /* with this header */
    uint32_t mark;            /* the collection that last reached it */
    struct heap_object *refs[HEAP_REFS];
};

struct heap_settings {
    uint64_t live;   /* bytes of linked objects to make and keep */
    uint64_t object; /* size of each */
    double growth;   /* a collection is due when live bytes times this were allocated */
    bool recycles;   /* heap_give_back keeps objects for heap_alloc */
};

/* What a collection found. */
struct heap_collection {
    uint64_t live_bytes, freed_bytes;
};

/* Spare objects of one size, each referring to the next. They stay alive: the pool holds them. */
struct heap_spares {
    size_t size;
    struct heap_object *first;
};

struct heap {
    struct heap_settings settings;
    void (*roots)(void *owner, struct heap *heap); /* calls heap_mark for each root */
    void *owner;
    struct heap_object *all;
    struct heap_object *live; /* root of the live set */
    uint64_t allocated;       /* bytes since the last collection */
    uint64_t due;             /* collect at so many */
    uint32_t collections;     /* also the mark of what the last one reached */
    struct heap_spares *spares;
    size_t spare_count;
    struct heap_object **pending; /* reached, its references not yet looked at */
    size_t pending_count, pending_capacity;
};

/* Makes the live set, linked in an order that has nothing to do with its order in memory. */
void heap_init(struct heap *heap, const struct heap_settings *settings,
               void (*roots)(void *owner, struct heap *heap), void *owner);
void heap_release(struct heap *heap);

/* An object of `size` bytes (at least the header, below 4 GiB), zeroed and thereby touched. Never
 * collects, so that nobody needs to guard what is not linked yet: ask heap_due where everything is.
 */
struct heap_object *heap_alloc(struct heap *heap, size_t size);

/* Hands back an object that nobody refers to. A recycling heap will give it out again; the other
 * kind leaves it to the collector. */
void heap_give_back(struct heap *heap, struct heap_object *object);

/* Whether so much was allocated that it is time to collect. */
static inline bool heap_due(const struct heap *heap)
{
    return heap->allocated >= heap->due;
}

/* Marks and sweeps. */
struct heap_collection heap_collect(struct heap *heap);

/* For `roots`: the object and all it refers to are alive. NULL is ignored. */
void heap_mark(struct heap *heap, struct heap_object *object);

#endif
