/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/cleanup.h"
#include "lib/base/result.h"

#define UNDONE_MAX 16

/* A process's heap and a request's stack, and what was undone. */
struct sample {
    struct heap heap;
    struct cleanup_shared shared;
    struct cleanup cleanup;
    struct release_order undone[UNDONE_MAX];
    size_t count;
    enum cleanup_until until; /* what `up_to` matches */
};

static void mark_stack(void *owner, struct heap *heap)
{
    struct sample *sample = owner;
    if (sample->cleanup.top)
        heap_mark(heap, &sample->cleanup.top->object);
}

static const struct heap_calls heap_calls = {.roots = mark_stack};

static void begin(struct sample *sample, enum cleanup_kind kind)
{
    *sample = (struct sample){.count = 0};
    struct heap_settings settings = {
        .object = 64, .growth = 1, .recycles = cleanup_strategy(kind)->recycles};
    heap_init(&sample->heap, &settings, &heap_calls, sample);
    cleanup_shared_init(&sample->shared, kind, &sample->heap);
    sample->cleanup.shared = &sample->shared;
}

static void end(struct sample *sample)
{
    assert_int_equal(sample->shared.notes.in_use, 0);
    cleanup_shared_free(&sample->shared);
    heap_release(&sample->heap);
}

static bool up_to(const struct release *release, void *arg)
{
    const struct sample *sample = arg;
    return release->until <= sample->until;
}

static void note(const struct release_order *order, void *arg)
{
    struct sample *sample = arg;
    assert_true(sample->count < UNDONE_MAX);
    sample->undone[sample->count++] = *order;
}

static size_t run(struct sample *sample, enum cleanup_until until)
{
    sample->until = until;
    return release_run(&sample->cleanup, up_to, note, sample, SIZE_MAX);
}

static void push_fd(struct sample *sample, int fd, unsigned depth)
{
    release_push(&sample->cleanup, &(struct release_order){.kind = RELEASE_DESCRIPTOR, .fd = fd},
                 depth);
}

static void releases_run_last_in_first_out(void **state)
{
    for (int kind = 0; kind < CLEANUP_KIND_COUNT; kind++) {
        struct sample sample;
        begin(&sample, (enum cleanup_kind)kind);
        for (int fd = 0; fd < 3; fd++)
            push_fd(&sample, fd, 0);
        assert_int_equal(run(&sample, UNTIL_EXCHANGE), 3);
        assert_int_equal(sample.undone[0].fd, 2);
        assert_int_equal(sample.undone[1].fd, 1);
        assert_int_equal(sample.undone[2].fd, 0);
        assert_null(sample.cleanup.top);
        end(&sample);
    }
}

/* What is undone is what was true when it was pushed. */
static void arguments_are_captured_when_pushed(void **state)
{
    struct sample sample;
    begin(&sample, CLEANUP_DEFERRED);
    struct release_order order = {.kind = RELEASE_RESOURCE};
    for (order.resource = 0; order.resource < 3; order.resource++) {
        order.cost = duration_us((int64_t)order.resource * 10);
        release_push(&sample.cleanup, &order, 0);
    }
    run(&sample, UNTIL_EXCHANGE);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(sample.undone[i].resource, 2 - i);
        assert_int_equal(sample.undone[i].cost.ns, (2 - (int64_t)i) * 10 * NS_PER_US);
    }
    end(&sample);
}

struct expectation {
    enum cleanup_kind kind;
    enum cleanup_until outside, in_loop;
};

static void each_strategy_waits_until_its_moment(void **state)
{
    static const struct expectation expected[] = {
        {CLEANUP_INLINE, UNTIL_LAST_USE, UNTIL_LAST_USE},
        {CLEANUP_DEFERRED, UNTIL_EXCHANGE, UNTIL_EXCHANGE},
        {CLEANUP_POOLED, UNTIL_LAST_USE, UNTIL_LAST_USE},
        {CLEANUP_SCOPED, UNTIL_LAST_USE, UNTIL_TURN},
        {CLEANUP_DEFERRED_LOOP, UNTIL_LAST_USE, UNTIL_HANDLER},
    };
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        struct sample sample;
        begin(&sample, expected[i].kind);
        push_fd(&sample, 1, 0);
        assert_int_equal(sample.cleanup.top->until, expected[i].outside);
        push_fd(&sample, 2, 1);
        assert_int_equal(sample.cleanup.top->until, expected[i].in_loop);
        run(&sample, UNTIL_EXCHANGE);
        end(&sample);
    }
}

static void what_does_not_match_stays_in_order(void **state)
{
    struct sample sample;
    begin(&sample, CLEANUP_DEFERRED_LOOP);
    push_fd(&sample, 1, 0);
    push_fd(&sample, 2, 1);
    push_fd(&sample, 3, 0);
    push_fd(&sample, 4, 1);
    assert_int_equal(run(&sample, UNTIL_LAST_USE), 2);
    assert_int_equal(sample.undone[0].fd, 3);
    assert_int_equal(sample.undone[1].fd, 1);
    assert_int_equal(run(&sample, UNTIL_HANDLER), 2);
    assert_int_equal(sample.undone[2].fd, 4);
    assert_int_equal(sample.undone[3].fd, 2);
    end(&sample);
}

static void a_limit_takes_the_topmost(void **state)
{
    struct sample sample;
    begin(&sample, CLEANUP_INLINE);
    push_fd(&sample, 1, 0);
    push_fd(&sample, 2, 0);
    sample.until = UNTIL_EXCHANGE;
    assert_int_equal(release_run(&sample.cleanup, up_to, note, &sample, 1), 1);
    assert_int_equal(sample.undone[0].fd, 2);
    assert_int_equal(sample.cleanup.top->order.fd, 1);
    run(&sample, UNTIL_EXCHANGE);
    end(&sample);
}

/* A release that is put off burdens the collector, and so does what it refers to; once it ran, both
 * are garbage. */
static void a_put_off_release_is_an_object_and_keeps_its_block(void **state)
{
    struct sample sample;
    begin(&sample, CLEANUP_DEFERRED);
    struct heap_object *block = heap_alloc(&sample.heap, 1000);
    release_push(&sample.cleanup, &(struct release_order){.kind = RELEASE_BLOCK, .block = block},
                 0);
    push_fd(&sample, 5, 0);
    assert_int_equal(sample.heap.allocated, 1000 + 2 * sizeof(struct release));

    struct heap_collection found = heap_collect(&sample.heap);
    assert_int_equal(found.live_bytes, 1000 + 2 * sizeof(struct release));
    assert_int_equal(found.freed_bytes, 0);

    run(&sample, UNTIL_EXCHANGE);
    assert_ptr_equal(sample.undone[1].block, block);
    found = heap_collect(&sample.heap);
    assert_int_equal(found.live_bytes, 0);
    assert_int_equal(found.freed_bytes, 1000 + 2 * sizeof(struct release));
    end(&sample);
}

static void a_release_at_the_last_use_is_no_object_but_keeps_its_block(void **state)
{
    struct sample sample;
    begin(&sample, CLEANUP_INLINE);
    struct heap_object *block = heap_alloc(&sample.heap, 1000);
    release_push(&sample.cleanup, &(struct release_order){.kind = RELEASE_BLOCK, .block = block},
                 0);
    assert_int_equal(sample.heap.allocated, 1000);
    assert_int_equal(heap_collect(&sample.heap).live_bytes, 1000);
    run(&sample, UNTIL_LAST_USE);
    assert_int_equal(heap_collect(&sample.heap).freed_bytes, 1000);
    end(&sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(releases_run_last_in_first_out),
        cmocka_unit_test(arguments_are_captured_when_pushed),
        cmocka_unit_test(each_strategy_waits_until_its_moment),
        cmocka_unit_test(what_does_not_match_stays_in_order),
        cmocka_unit_test(a_limit_takes_the_topmost),
        cmocka_unit_test(a_put_off_release_is_an_object_and_keeps_its_block),
        cmocka_unit_test(a_release_at_the_last_use_is_no_object_but_keeps_its_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
