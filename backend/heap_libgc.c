/* SPDX-License-Identifier: MIT */
/* libgc as the heap's collector: stop-the-world, not incremental, with one marker. It is started
 * with the heap, and looks at nothing but that: not at static data, not at libraries, not at
 * malloc's memory. Where its roots are it asks the heap, by way of one object that has a mark
 * procedure of its own; what is about to be linked it finds on the stack. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Shows what concerns threads, and does not put itself in the place of pthread_create. */
#define GC_THREADS
#define GC_NO_THREAD_REDIRECTS
#include <gc/gc.h>
#include <gc/gc_mark.h>

#include "backend/heap_collector.h"
#include "lib/base/memory.h"
#include "lib/base/result.h"

/* Reached by the collector like any object: through it the roots are. Free memory of its kind,
 * which something that looks like a pointer might lead to, has a link in its first word and zeroes
 * behind it. */
struct root {
    void *link;
    struct heap *heap;
};

struct heap_libgc {
    struct root *root; /* this word is registered as a root */
    GC_word seen;      /* its count of collections when last looked at */
    uint64_t live_bytes;
    /* While it marks: its stack. */
    struct GC_ms_entry *top, *limit;
};

static struct GC_ms_entry *mark_root(GC_word *address, struct GC_ms_entry *top,
                                     struct GC_ms_entry *limit, GC_word unused)
{
    const struct root *root = (const struct root *)(const void *)address;
    if (!root->heap)
        return top;
    struct heap_libgc *libgc = root->heap->libgc;
    libgc->top = top;
    libgc->limit = limit;
    heap_mark_roots(root->heap);
    return libgc->top;
}

static void mark(struct heap *heap, struct heap_object *object)
{
    struct heap_libgc *libgc = heap->libgc;
    void *source = object;
    libgc->top = GC_MARK_AND_PUSH(object, libgc->top, libgc->limit, &source);
}

static void *GC_CALLBACK out_of_memory(size_t size)
{
    static const char text[] = "tailgate: out of memory: libgc cannot get more; ending\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)ignored;
    _exit(EXIT_SYSTEM);
}

/* ---- what is alive */

static void GC_CALLBACK add_object(void *object, size_t size, void *sum)
{
    *(uint64_t *)sum += size;
}

static void *GC_CALLBACK add_all(void *sum)
{
    GC_enumerate_reachable_objects_inner(add_object, sum);
    return NULL;
}

/* Bytes in the objects that the last collection found. */
static uint64_t live_bytes(void)
{
    uint64_t sum = 0;
    GC_call_with_alloc_lock(add_all, &sum);
    return sum;
}

/* ---- how often */

/* The collector counts what was allocated since the last time, and expands its heap by a share of
 * it; both follow from the growth that was asked for. */
static void set_pace(struct heap *heap, uint64_t live)
{
    heap->libgc->live_bytes = live;
    GC_set_min_bytes_allocd(heap_allowance(heap, live));
}

static void take_note(struct heap *heap, mono started, mono ended, size_t allocated)
{
    struct heap_libgc *libgc = heap->libgc;
    uint64_t before = libgc->live_bytes + allocated;
    uint64_t live = live_bytes();
    libgc->seen = GC_get_gc_no();
    set_pace(heap, live);
    struct heap_collection found = {.live_bytes = live,
                                    .freed_bytes = before > live ? before - live : 0,
                                    .started = started,
                                    .ended = ended};
    heap->calls->collected(heap->owner, &found);
}

/* ---- the row */

static struct heap_object *allocate(struct heap *heap, size_t size)
{
    size_t before = GC_get_bytes_since_gc();
    mono started = mono_now();
    struct heap_object *object = GC_malloc(size);
    if (GC_get_gc_no() != heap->libgc->seen)
        take_note(heap, started, mono_now(), before);
    return object;
}

static void start(void)
{
    GC_set_no_dls(1);
    GC_set_all_interior_pointers(0);
    GC_set_markers_count(1);
    GC_set_warn_proc(GC_ignore_warn_proc);
    GC_INIT();
    GC_clear_roots();
    GC_set_oom_fn(out_of_memory);
}

static void open_heap(struct heap *heap)
{
    start();
    heap->due = UINT64_MAX;
    heap->libgc = mem_alloc(1, sizeof(*heap->libgc));
    unsigned procedure = GC_new_proc(mark_root);
    unsigned kind = GC_new_kind(GC_new_free_list(), GC_MAKE_PROC(procedure, 0), 0, 1);
    GC_add_roots(&heap->libgc->root, &heap->libgc->root + 1);
    heap->libgc->root = GC_generic_malloc(sizeof(struct root), (int)kind);
    heap->libgc->root->heap = heap;
    GC_set_free_space_divisor((GC_word)ceil(2 / heap->settings.growth));
    heap->libgc->seen = GC_get_gc_no();
    /* The live set is not linked before it is whole. */
    GC_disable();
}

static void settle(struct heap *heap)
{
    GC_enable();
    GC_gcollect();
    heap->libgc->seen = GC_get_gc_no();
    set_pace(heap, live_bytes());
}

static void close_heap(struct heap *heap)
{
    heap->libgc->root->heap = NULL;
    heap->libgc->root = NULL;
    GC_remove_roots(&heap->libgc->root, &heap->libgc->root + 1);
    free(heap->libgc);
}

static const struct heap_collector_row row = {
    .open = open_heap, .settle = settle, .allocate = allocate, .mark = mark, .close = close_heap};

const struct heap_collector_row *heap_libgc(void)
{
    return &row;
}
