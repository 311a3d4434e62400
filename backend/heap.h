/* SPDX-License-Identifier: MIT */
/* The simulated program's heap: real memory in objects that refer to one another, and a collector
 * that marks what can be reached and frees the rest while everything else stands still. How long
 * that takes is not configured: it follows from the objects that are there.
 *
 * There are two collectors. The one of this program's own runs where heap_collect is called.
 * libgc is the garbage collector of other people's programs: it allocates the objects, decides by
 * itself, within an allocation, that it is time, and finds what is in use from the roots alone
 * (and from the stack). It is asleep, and has no memory, where no heap asked for it. */
#ifndef TAILGATE_BACKEND_HEAP_H
#define TAILGATE_BACKEND_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"

#define HEAP_REFS 2

/* Identifier, name in the configuration, meaning. */
#define HEAP_COLLECTORS(X)                                                           \
    X(MARK_SWEEP, "mark_sweep", "the one of this program, which runs between steps") \
    X(LIBGC, "libgc",                                                                \
      "the Boehm-Demers-Weiser collector, which runs when it has to as the heap "    \
      "is allocated from")

#define HEAP_COLLECTOR_ENUM(id, name, meaning) HEAP_##id,
enum heap_collector { HEAP_COLLECTORS(HEAP_COLLECTOR_ENUM) HEAP_COLLECTOR_COUNT };
#undef HEAP_COLLECTOR_ENUM

/* The start of every object. Its memory is owned by the heap, which frees it once a collection
 * finds that nothing refers to it. */
struct heap_object {
    struct heap_object *next; /* in the list of all; libgc has its own */
    uint32_t size;            /* with this header */
    uint32_t mark;            /* the collection that last reached it */
    struct heap_object *refs[HEAP_REFS];
};

/* What a collection found, and when everything stood still for it. */
struct heap_collection {
    uint64_t live_bytes, freed_bytes;
    mono started, ended;
};

struct heap;

/* Who owns the heap. */
struct heap_calls {
    /* Calls heap_mark for each root. */
    void (*roots)(void *owner, struct heap *heap);
    /* libgc: it has collected. Called from within heap_alloc. */
    void (*collected)(void *owner, const struct heap_collection *found);
};

struct heap_settings {
    enum heap_collector collector;
    uint64_t live;   /* bytes of linked objects to make and keep */
    uint64_t object; /* size of each */
    double growth;   /* a collection is due when live bytes times this were allocated */
    bool recycles;   /* heap_give_back keeps objects for heap_alloc */
};

/* Spare objects of one size, each referring to the next. They stay alive: the pool holds them. */
struct heap_spares {
    size_t size;
    struct heap_object *first;
};

struct heap {
    struct heap_settings settings;
    const struct heap_collector_row *collector;
    const struct heap_calls *calls;
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
    struct heap_libgc *libgc; /* what that one keeps */
};

/* Whether this program was built with that collector. At most one heap of a process can have libgc.
 */
bool heap_has_collector(enum heap_collector collector);

/* Makes the live set, linked in an order that has nothing to do with its order in memory. */
void heap_init(struct heap *heap, const struct heap_settings *settings,
               const struct heap_calls *calls, void *owner);
void heap_release(struct heap *heap);

/* An object of `size` bytes (at least the header, below 4 GiB), zeroed and thereby touched. Nobody
 * needs to guard what is not linked yet: the own collector does not run here (ask heap_due where
 * everything is linked), and libgc sees the stack. */
struct heap_object *heap_alloc(struct heap *heap, size_t size);

/* Hands back an object that nobody refers to. A recycling heap will give it out again; the other
 * kind leaves it to the collector. */
void heap_give_back(struct heap *heap, struct heap_object *object);

/* Whether so much was allocated that it is time to call heap_collect. Never with libgc. */
static inline bool heap_due(const struct heap *heap)
{
    return heap->allocated >= heap->due;
}

/* Marks and sweeps. */
struct heap_collection heap_collect(struct heap *heap);

/* For `roots`: the object and all it refers to are alive. NULL is ignored. */
void heap_mark(struct heap *heap, struct heap_object *object);

#endif
