/* SPDX-License-Identifier: MIT */
#include "lib/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/result.h"

#define ARENA_BLOCK 4096
#define FIRST_ROOM  64

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    max_align_t content[];
};

/* _exit, so that no handler runs that might need memory itself. */
static _Noreturn void out_of_memory(size_t n, size_t size)
{
    char line[128];
    int length = snprintf(line, sizeof(line),
                          "tailgate: out of memory (%zu x %zu bytes wanted); ending\n", n, size);
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)length);
    (void)ignored;
    _exit(EXIT_SYSTEM);
}

void *mem_alloc(size_t n, size_t size)
{
    /* At least one byte, so that NULL always means failure. */
    void *memory = n && size ? calloc(n, size) : calloc(1, 1);
    if (!memory)
        out_of_memory(n, size);
    return memory;
}

void *mem_grow(void *memory, size_t n, size_t size)
{
    void *grown = n && size ? reallocarray(memory, n, size) : realloc(memory, 1);
    if (!grown)
        out_of_memory(n, size);
    return grown;
}

void *mem_room(void *memory, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return memory;
    *capacity = *capacity ? 2 * *capacity : FIRST_ROOM;
    return mem_grow(memory, *capacity, size);
}

char *mem_text(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(mem_alloc(1, size), text, size);
}

/* A large object gets a block of its own behind the first one, whose rest stays usable. */
static struct arena_block *arena_add_block(struct arena *arena, size_t size)
{
    size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
    if (room > SIZE_MAX - sizeof(struct arena_block))
        out_of_memory(1, size);
    struct arena_block *block = mem_alloc(1, sizeof(*block) + room);
    block->size = room;
    if (arena->blocks && size > ARENA_BLOCK) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    if (size > SIZE_MAX - align)
        out_of_memory(1, size);
    size_t rounded = size ? (size + align - 1) / align * align : align;
    struct arena_block *block = arena->blocks;
    if (!block || block->size - block->used < rounded)
        block = arena_add_block(arena, rounded);
    void *memory = (char *)block->content + block->used;
    block->used += rounded;
    return memory;
}

char *arena_text(struct arena *arena, const char *text, size_t n)
{
    if (n == SIZE_MAX)
        out_of_memory(1, n);
    char *copy = arena_alloc(arena, n + 1);
    if (n)
        memcpy(copy, text, n);
    return copy;
}

void arena_free(struct arena *arena)
{
    struct arena_block *block = arena->blocks;
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena->blocks = NULL;
}

void slab_init(struct slab *slab, size_t size, bool recycle)
{
    /* A free object holds the link to the next one. */
    *slab =
        (struct slab){.size = size < sizeof(void *) ? sizeof(void *) : size, .recycle = recycle};
}

void *slab_get(struct slab *slab)
{
    void *object = slab->free_list;
    if (object) {
        memcpy(&slab->free_list, object, sizeof(void *));
    } else {
        object = malloc(slab->size);
        if (!object)
            out_of_memory(1, slab->size);
        slab->allocated++;
    }
    slab->in_use++;
    return object;
}

void slab_put(struct slab *slab, void *object)
{
    if (!object)
        return;
    slab->in_use--;
    if (!slab->recycle) {
        free(object);
        return;
    }
    memcpy(object, &slab->free_list, sizeof(void *));
    slab->free_list = object;
}

void slab_free(struct slab *slab)
{
    while (slab->free_list) {
        void *object = slab->free_list;
        memcpy(&slab->free_list, object, sizeof(void *));
        free(object);
    }
}
