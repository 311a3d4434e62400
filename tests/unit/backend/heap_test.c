/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/heap.h"

#define OBJECT 256
#define KIB    UINT64_C(1024)
#define MIB    (1024 * KIB)

static void mark_one(void *owner, struct heap *heap)
{
    struct heap_object **root = owner;
    heap_mark(heap, *root);
}

static const struct heap_calls one_root = {.roots = mark_one};
static const struct heap_calls no_roots = {.roots = NULL};

static struct heap_settings settings(uint64_t live, bool recycles)
{
    return (struct heap_settings){
        .live = live, .object = OBJECT, .growth = 1, .recycles = recycles};
}

/* A chain of `count` objects; the first refers to the next, and so on. */
static struct heap_object *chain(struct heap *heap, int count)
{
    struct heap_object *first = NULL;
    for (int i = 0; i < count; i++) {
        struct heap_object *object = heap_alloc(heap, OBJECT);
        object->refs[i % HEAP_REFS] = first;
        first = object;
    }
    return first;
}

static void exactly_the_garbage_is_freed(void **state)
{
    struct heap heap;
    struct heap_object *root = NULL;
    struct heap_settings with = settings(0, false);
    heap_init(&heap, &with, &one_root, &root);
    chain(&heap, 10);
    root = chain(&heap, 7);
    chain(&heap, 5);

    struct heap_collection found = heap_collect(&heap);
    assert_int_equal(found.live_bytes, 7 * OBJECT);
    assert_int_equal(found.freed_bytes, 15 * OBJECT);

    int count = 0;
    for (struct heap_object *at = root; at; at = at->refs[0] ? at->refs[0] : at->refs[1])
        count++;
    assert_int_equal(count, 7);

    root = NULL;
    found = heap_collect(&heap);
    assert_int_equal(found.live_bytes, 0);
    assert_int_equal(found.freed_bytes, 7 * OBJECT);
    heap_release(&heap);
}

static void cycles_are_garbage_too(void **state)
{
    struct heap heap;
    struct heap_object *root = NULL;
    struct heap_settings with = settings(0, false);
    heap_init(&heap, &with, &one_root, &root);
    root = heap_alloc(&heap, OBJECT);
    root->refs[0] = heap_alloc(&heap, OBJECT);
    root->refs[0]->refs[1] = root;
    assert_int_equal(heap_collect(&heap).live_bytes, 2 * OBJECT);
    root = NULL;
    assert_int_equal(heap_collect(&heap).freed_bytes, 2 * OBJECT);
    heap_release(&heap);
}

static void the_live_set_is_kept_and_traversed(void **state)
{
    struct heap heap;
    struct heap_object *root = NULL;
    struct heap_settings with = settings(MIB, false);
    heap_init(&heap, &with, &one_root, &root);
    chain(&heap, 3);
    for (int i = 0; i < 3; i++) {
        struct heap_collection found = heap_collect(&heap);
        assert_int_equal(found.live_bytes, MIB);
        assert_int_equal(found.freed_bytes, i == 0 ? 3 * OBJECT : 0);
    }
    heap_release(&heap);
}

static void a_collection_is_due_by_the_live_size(void **state)
{
    struct heap heap;
    struct heap_object *root = NULL;
    struct heap_settings with = settings(8 * MIB, false);
    with.growth = 0.5;
    heap_init(&heap, &with, &one_root, &root);
    assert_false(heap_due(&heap));
    heap_alloc(&heap, 4 * MIB);
    assert_false(heap_due(&heap));
    heap_alloc(&heap, KIB);
    assert_true(heap_due(&heap));
    heap_collect(&heap);
    assert_false(heap_due(&heap));
    heap_release(&heap);
}

static void a_small_heap_is_not_collected_all_the_time(void **state)
{
    struct heap heap;
    struct heap_settings with = settings(0, false);
    heap_init(&heap, &with, &no_roots, NULL);
    heap_alloc(&heap, 3 * MIB);
    assert_false(heap_due(&heap));
    heap_alloc(&heap, 2 * MIB);
    assert_true(heap_due(&heap));
    heap_release(&heap);
}

static void recycled_objects_cost_no_allocation(void **state)
{
    struct heap heap;
    struct heap_settings with = settings(0, true);
    heap_init(&heap, &with, &no_roots, NULL);
    struct heap_object *object = heap_alloc(&heap, 4096);
    struct heap_object *other = heap_alloc(&heap, OBJECT);
    ((char *)object)[4095] = 'x';
    uint64_t allocated = heap.allocated;
    heap_give_back(&heap, object);
    heap_give_back(&heap, other);
    for (int i = 0; i < 100; i++) {
        assert_ptr_equal(heap_alloc(&heap, 4096), object);
        assert_int_equal(((char *)object)[4095], 0);
        heap_give_back(&heap, object);
    }
    assert_int_equal(heap.allocated, allocated);
    /* The pool holds them: they survive a collection, and can be taken after it. */
    assert_int_equal(heap_collect(&heap).freed_bytes, 0);
    assert_ptr_equal(heap_alloc(&heap, OBJECT), other);
    assert_ptr_equal(heap_alloc(&heap, 4096), object);
    heap_release(&heap);
}

static void what_is_given_back_without_recycling_is_garbage(void **state)
{
    struct heap heap;
    struct heap_settings with = settings(0, false);
    heap_init(&heap, &with, &no_roots, NULL);
    heap_give_back(&heap, heap_alloc(&heap, 4096));
    assert_int_equal(heap_collect(&heap).freed_bytes, 4096);
    heap_release(&heap);
}

static void a_long_chain_needs_no_deep_recursion(void **state)
{
    struct heap heap;
    struct heap_object *root = NULL;
    struct heap_settings with = settings(0, false);
    heap_init(&heap, &with, &one_root, &root);
    root = chain(&heap, 100000);
    assert_int_equal(heap_collect(&heap).live_bytes, UINT64_C(100000) * OBJECT);
    heap_release(&heap);
}

/* ---- libgc */

struct watched {
    struct heap_object *root;
    int collections;
    struct heap_collection last;
};

static void mark_watched(void *owner, struct heap *heap)
{
    const struct watched *watched = owner;
    heap_mark(heap, watched->root);
}

static void note_collection(void *owner, const struct heap_collection *found)
{
    struct watched *watched = owner;
    watched->collections++;
    watched->last = *found;
}

static const struct heap_calls watching = {.roots = mark_watched, .collected = note_collection};

static void make_garbage(struct heap *heap, uint64_t bytes)
{
    for (uint64_t made = 0; made < bytes; made += 64 * OBJECT)
        chain(heap, 64);
}

/* One test, as a process has one libgc. */
static void libgc_collects_by_itself_and_keeps_what_is_reached(void **state)
{
    struct heap heap;
    struct watched watched = {.root = NULL};
    struct heap_settings with = settings(8 * MIB, false);
    with.collector = HEAP_LIBGC;
    if (!heap_has_collector(HEAP_LIBGC))
        skip();
    heap_init(&heap, &with, &watching, &watched);
    assert_int_equal(watched.collections, 0);
    watched.root = chain(&heap, 1000);
    make_garbage(&heap, 40 * MIB);
    assert_false(heap_due(&heap));
    assert_in_range(watched.collections, 2, 10);
    assert_true(mono_before(watched.last.started, watched.last.ended));
    assert_in_range(watched.last.live_bytes, 8 * MIB + 1000 * OBJECT, 12 * MIB);
    assert_in_range(watched.last.freed_bytes, 3 * MIB, 40 * MIB);
    int count = 0;
    for (struct heap_object *at = watched.root; at; at = at->refs[0] ? at->refs[0] : at->refs[1]) {
        assert_int_equal(at->size, OBJECT);
        count++;
    }
    assert_int_equal(count, 1000);
    heap_release(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_the_garbage_is_freed),
        cmocka_unit_test(cycles_are_garbage_too),
        cmocka_unit_test(the_live_set_is_kept_and_traversed),
        cmocka_unit_test(a_collection_is_due_by_the_live_size),
        cmocka_unit_test(a_small_heap_is_not_collected_all_the_time),
        cmocka_unit_test(recycled_objects_cost_no_allocation),
        cmocka_unit_test(what_is_given_back_without_recycling_is_garbage),
        cmocka_unit_test(a_long_chain_needs_no_deep_recursion),
        cmocka_unit_test(libgc_collects_by_itself_and_keeps_what_is_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
