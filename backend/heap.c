/* SPDX-License-Identifier: MIT */
#include "backend/heap.h"

#include <stdlib.h>
#include <string.h>

#include "backend/heap_collector.h"
#include "lib/base/memory.h"
#include "lib/base/rng.h"

/* Below it a collection would not be worth its while. */
#define LIVE_FLOOR (UINT64_C(4) << 20)

uint64_t heap_allowance(const struct heap *heap, uint64_t live_bytes)
{
    double base = (double)(live_bytes > LIVE_FLOOR ? live_bytes : LIVE_FLOOR);
    return (uint64_t)(base * heap->settings.growth) + 1;
}

static void set_due(struct heap *heap, uint64_t live_bytes)
{
    heap->allocated = 0;
    heap->due = heap_allowance(heap, live_bytes);
}

static struct heap_spares *spares_of(struct heap *heap, size_t size)
{
    for (size_t i = 0; i < heap->spare_count; i++)
        if (heap->spares[i].size == size)
            return &heap->spares[i];
    return NULL;
}

static struct heap_object *take_spare(struct heap *heap, size_t size)
{
    struct heap_spares *spares = spares_of(heap, size);
    struct heap_object *object = spares ? spares->first : NULL;
    if (object)
        spares->first = object->refs[0];
    return object;
}

struct heap_object *heap_alloc(struct heap *heap, size_t size)
{
    if (size < sizeof(struct heap_object))
        size = sizeof(struct heap_object);
    struct heap_object *object = take_spare(heap, size);
    if (object) {
        memset(object->refs, 0, size - offsetof(struct heap_object, refs));
        return object;
    }
    object = heap->collector->allocate(heap, size);
    object->size = (uint32_t)size;
    return object;
}

void heap_give_back(struct heap *heap, struct heap_object *object)
{
    if (!heap->settings.recycles)
        return;
    struct heap_spares *spares = spares_of(heap, object->size);
    if (!spares) {
        heap->spares = mem_grow(heap->spares, heap->spare_count + 1, sizeof(*heap->spares));
        spares = &heap->spares[heap->spare_count++];
        *spares = (struct heap_spares){.size = object->size};
    }
    object->refs[0] = spares->first;
    object->refs[1] = NULL;
    spares->first = object;
}

void heap_mark(struct heap *heap, struct heap_object *object)
{
    if (object)
        heap->collector->mark(heap, object);
}

void heap_mark_roots(struct heap *heap)
{
    heap_mark(heap, heap->live);
    for (size_t i = 0; i < heap->spare_count; i++)
        heap_mark(heap, heap->spares[i].first);
    if (heap->calls->roots)
        heap->calls->roots(heap->owner, heap);
}

/* ---- this program's own collector */

static void no_preparation(struct heap *heap) {}

static void start_counting(struct heap *heap)
{
    set_due(heap, heap->allocated);
}

static struct heap_object *allocate(struct heap *heap, size_t size)
{
    /* Not from calloc, which might leave fresh memory untouched. */
    struct heap_object *object = mem_grow(NULL, 1, size);
    memset(object, 0, size);
    object->next = heap->all;
    heap->all = object;
    heap->allocated += size;
    return object;
}

static void mark(struct heap *heap, struct heap_object *object)
{
    if (object->mark == heap->collections)
        return;
    object->mark = heap->collections;
    if (heap->pending_count == heap->pending_capacity) {
        heap->pending_capacity = heap->pending_capacity * 2 + 64;
        heap->pending = mem_grow(heap->pending, heap->pending_capacity, sizeof(*heap->pending));
    }
    heap->pending[heap->pending_count++] = object;
}

static void mark_all(struct heap *heap)
{
    heap_mark_roots(heap);
    while (heap->pending_count > 0) {
        struct heap_object *object = heap->pending[--heap->pending_count];
        for (size_t i = 0; i < HEAP_REFS; i++)
            heap_mark(heap, object->refs[i]);
    }
}

static struct heap_collection sweep(struct heap *heap)
{
    struct heap_collection found = {0};
    struct heap_object **link = &heap->all;
    while (*link) {
        struct heap_object *object = *link;
        if (object->mark == heap->collections) {
            found.live_bytes += object->size;
            link = &object->next;
        } else {
            found.freed_bytes += object->size;
            *link = object->next;
            free(object);
        }
    }
    return found;
}

struct heap_collection heap_collect(struct heap *heap)
{
    mono started = mono_now();
    heap->collections++;
    mark_all(heap);
    struct heap_collection found = sweep(heap);
    set_due(heap, found.live_bytes);
    found.started = started;
    found.ended = mono_now();
    return found;
}

static void free_all(struct heap *heap)
{
    while (heap->all) {
        struct heap_object *next = heap->all->next;
        free(heap->all);
        heap->all = next;
    }
    free(heap->pending);
}

static const struct heap_collector_row mark_sweep = {.open = no_preparation,
                                                     .settle = start_counting,
                                                     .allocate = allocate,
                                                     .mark = mark,
                                                     .close = free_all};

/* ---- which collector */

static const struct heap_collector_row *collector_row(enum heap_collector collector)
{
    return collector == HEAP_LIBGC ? heap_libgc() : &mark_sweep;
}

bool heap_has_collector(enum heap_collector collector)
{
    return collector_row(collector) != NULL;
}

/* ---- the live set */

static void shuffle(struct heap_object **objects, size_t count)
{
    struct rng rng;
    rng_init_stream(&rng, 0, "heap/live", 0);
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)rng_below(&rng, i);
        struct heap_object *object = objects[i - 1];
        objects[i - 1] = objects[j];
        objects[j] = object;
    }
}

/* A tree whose nodes lie anywhere: following it misses the caches as a real program's heap does. */
static void make_live(struct heap *heap)
{
    size_t count = (size_t)(heap->settings.live / heap->settings.object);
    if (count == 0)
        return;
    struct heap_object **objects = mem_alloc(count, sizeof(struct heap_object *));
    for (size_t i = 0; i < count; i++)
        objects[i] = heap_alloc(heap, heap->settings.object);
    shuffle(objects, count);
    for (size_t i = 1; i < count; i++)
        objects[(i - 1) / HEAP_REFS]->refs[(i - 1) % HEAP_REFS] = objects[i];
    heap->live = objects[0];
    free(objects);
}

void heap_init(struct heap *heap, const struct heap_settings *settings,
               const struct heap_calls *calls, void *owner)
{
    *heap = (struct heap){.settings = *settings,
                          .collector = collector_row(settings->collector),
                          .calls = calls,
                          .owner = owner};
    heap->collector->open(heap);
    make_live(heap);
    heap->collector->settle(heap);
}

void heap_release(struct heap *heap)
{
    if (heap->collector)
        heap->collector->close(heap);
    free(heap->spares);
    *heap = (struct heap){0};
}
