/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/memory.h"

/* AddressSanitizer asks for this: let an impossible allocation fail as it does without it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void allocated_memory_is_zeroed(void **state)
{
    unsigned char *memory = mem_alloc(100, 7);
    for (int i = 0; i < 700; i++)
        assert_int_equal(memory[i], 0);
    memset(memory, 'x', 700);
    memory = mem_grow(memory, 1000, 7);
    assert_int_equal(memory[699], 'x');
    memory[6999] = 'y';
    free(memory);
}

static void nothing_is_something_too(void **state)
{
    void *memory = mem_alloc(0, 5);
    assert_non_null(memory);
    memory = mem_grow(memory, 0, 5);
    assert_non_null(memory);
    free(memory);
}

static void text_is_copied(void **state)
{
    char original[] = "text";
    char *copy = mem_text(original);
    original[0] = 'n';
    assert_string_equal(copy, "text");
    free(copy);
}

static void alloc_too_much(void)
{
    free(mem_alloc(SIZE_MAX / 4, 2));
}

static void alloc_more_than_there_are_numbers(void)
{
    free(mem_alloc(SIZE_MAX / 2, 3));
}

static void grow_too_much(void)
{
    free(mem_grow(NULL, SIZE_MAX / 2, 3));
}

static void arena_too_much(void)
{
    struct arena arena = {0};
    arena_alloc(&arena, SIZE_MAX - 8);
}

static void slab_too_much(void)
{
    struct slab slab;
    slab_init(&slab, SIZE_MAX / 2, true);
    slab_get(&slab);
}

/* Runs `act` in a child and gives back its exit status and what it wrote to stderr. */
static int run_in_child(void (*act)(void), char *message, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        act();
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    ssize_t n;
    while (used < size - 1 && (n = read(ends[0], message + used, size - 1 - used)) > 0)
        used += (size_t)n;
    message[used] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void running_out_ends_the_process_with_a_message(void **state)
{
    void (*const acts[])(void) = {alloc_too_much, alloc_more_than_there_are_numbers, grow_too_much,
                                  arena_too_much, slab_too_much};
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        char message[65536];
        assert_int_equal(run_in_child(acts[i], message, sizeof(message)), 3);
        assert_non_null(strstr(message, "tailgate: out of memory"));
    }
}

static void arena_gives_aligned_zeroed_memory(void **state)
{
    struct arena arena = {0};
    for (size_t size = 0; size < 300; size++) {
        unsigned char *memory = arena_alloc(&arena, size);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xAA, size);
    }
    arena_free(&arena);
    assert_null(arena.blocks);
}

static void arena_keeps_objects_apart(void **state)
{
    struct arena arena = {0};
    unsigned char *objects[500];
    for (size_t i = 0; i < 500; i++) {
        /* Every hundredth is larger than a block. */
        size_t size = i % 100 == 50 ? 100000 : i + 1;
        objects[i] = arena_alloc(&arena, size);
        memset(objects[i], (int)(i % 256), size);
    }
    for (size_t i = 0; i < 500; i++) {
        size_t size = i % 100 == 50 ? 100000 : i + 1;
        assert_int_equal(objects[i][0], i % 256);
        assert_int_equal(objects[i][size - 1], i % 256);
    }
    arena_free(&arena);
    arena_free(&arena);
}

static void arena_text_ends_with_nul(void **state)
{
    struct arena arena = {0};
    assert_string_equal(arena_text(&arena, "hello world", 5), "hello");
    assert_string_equal(arena_text(&arena, NULL, 0), "");
    arena_free(&arena);
}

static void recycling_slab_hands_out_what_it_got_back(void **state)
{
    struct slab slab;
    slab_init(&slab, 40, true);
    void *one = slab_get(&slab);
    void *two = slab_get(&slab);
    memset(one, 1, 40);
    memset(two, 2, 40);
    assert_int_equal(slab.in_use, 2);
    assert_int_equal(slab.allocated, 2);
    slab_put(&slab, one);
    slab_put(&slab, two);
    slab_put(&slab, NULL);
    assert_int_equal(slab.in_use, 0);
    assert_ptr_equal(slab_get(&slab), two);
    assert_ptr_equal(slab_get(&slab), one);
    assert_int_equal(slab.allocated, 2);
    slab_put(&slab, one);
    slab_put(&slab, two);
    slab_free(&slab);
    assert_null(slab.free_list);
}

static void other_slab_allocates_each_time(void **state)
{
    struct slab slab;
    slab_init(&slab, 1, false);
    for (int i = 0; i < 10; i++)
        slab_put(&slab, slab_get(&slab));
    assert_int_equal(slab.in_use, 0);
    assert_int_equal(slab.allocated, 10);
    assert_null(slab.free_list);
    slab_free(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocated_memory_is_zeroed),
        cmocka_unit_test(nothing_is_something_too),
        cmocka_unit_test(text_is_copied),
        cmocka_unit_test(running_out_ends_the_process_with_a_message),
        cmocka_unit_test(arena_gives_aligned_zeroed_memory),
        cmocka_unit_test(arena_keeps_objects_apart),
        cmocka_unit_test(arena_text_ends_with_nul),
        cmocka_unit_test(recycling_slab_hands_out_what_it_got_back),
        cmocka_unit_test(other_slab_allocates_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
