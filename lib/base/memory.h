/* SPDX-License-Identifier: MIT */
/* Allocation that cannot fail (running out of memory ends the process with a message: a gateway
 * that goes on without memory corrupts what it was trusted with), an arena for what lives and dies
 * together, and a slab for objects of one size. */
#ifndef TAILGATE_LIB_BASE_MEMORY_H
#define TAILGATE_LIB_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed memory for `n` objects of `size` bytes. Free with free(). */
void *mem_alloc(size_t n, size_t size);
void *mem_grow(void *memory, size_t n, size_t size);
/* Room for one more behind `count` objects, by doubling: an array that grows to n is moved log n
 * times. `capacity` is how many it has room for, 0 at first. */
void *mem_room(void *memory, size_t count, size_t *capacity, size_t size);
char *mem_text(const char *text);

/* Memory that is released as a whole. A zeroed arena is empty and ready. */
struct arena_block;
struct arena {
    struct arena_block *blocks;
};

/* Zeroed, aligned for any object. */
void *arena_alloc(struct arena *arena, size_t size);
char *arena_text(struct arena *arena, const char *text, size_t n);
void arena_free(struct arena *arena);

/* Objects of one size. A recycling slab keeps what is put back and hands it out again (no
 * allocation once warm); the other kind goes to malloc and free each time. */
struct slab {
    size_t size;
    bool recycle;
    void *free_list;
    uint64_t in_use;    /* handed out and not put back */
    uint64_t allocated; /* calls to malloc so far */
};

void slab_init(struct slab *slab, size_t size, bool recycle);
/* The content is not zeroed: the caller sets every field. */
void *slab_get(struct slab *slab);
void slab_put(struct slab *slab, void *object);
/* Frees what the slab keeps; objects still in use are the caller's leak. */
void slab_free(struct slab *slab);

#endif
