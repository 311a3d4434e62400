/* SPDX-License-Identifier: MIT */
#include "backend/cleanup.h"

/* Where a release keeps its references. */
enum { REF_BELOW, REF_BLOCK };

#define STRATEGY_ROW(id, text, out, in, recycle, meaning) \
    [CLEANUP_##id] = {.name = (text), .outside = (out), .in_loop = (in), .recycles = (recycle)},

static const struct cleanup_strategy strategies[] = {CLEANUP_STRATEGIES(STRATEGY_ROW)};

const struct cleanup_strategy *cleanup_strategy(enum cleanup_kind kind)
{
    return &strategies[kind];
}

void cleanup_shared_init(struct cleanup_shared *shared, enum cleanup_kind kind, struct heap *heap)
{
    shared->strategy = cleanup_strategy(kind);
    shared->heap = heap;
    slab_init(&shared->notes, sizeof(struct release), true);
}

void cleanup_shared_free(struct cleanup_shared *shared)
{
    slab_free(&shared->notes);
}

struct release *release_below(const struct release *release)
{
    return (struct release *)(void *)release->object.refs[REF_BELOW];
}

static struct release *new_release(struct cleanup_shared *shared, enum cleanup_until until)
{
    if (until != UNTIL_LAST_USE)
        return (struct release *)(void *)heap_alloc(shared->heap, sizeof(struct release));
    struct release *release = slab_get(&shared->notes);
    release->object = (struct heap_object){0};
    return release;
}

/* One on the heap is garbage from now on: the collector finds it. */
static void drop_release(struct cleanup_shared *shared, struct release *release)
{
    if (release->until == UNTIL_LAST_USE)
        slab_put(&shared->notes, release);
}

void release_push(struct cleanup *cleanup, const struct release_order *order, unsigned depth)
{
    const struct cleanup_strategy *strategy = cleanup->shared->strategy;
    enum cleanup_until until = depth > 0 ? strategy->in_loop : strategy->outside;
    struct release *release = new_release(cleanup->shared, until);
    release->order = *order;
    release->until = until;
    release->depth = depth;
    release->object.refs[REF_BELOW] = cleanup->top ? &cleanup->top->object : NULL;
    release->object.refs[REF_BLOCK] = order->kind == RELEASE_BLOCK ? order->block : NULL;
    cleanup->top = release;
}

static void unlink_release(struct cleanup *cleanup, struct release *above, struct release *release)
{
    if (above)
        above->object.refs[REF_BELOW] = release->object.refs[REF_BELOW];
    else
        cleanup->top = release_below(release);
}

size_t release_run(struct cleanup *cleanup, release_match *match, release_undo *undo, void *arg,
                   size_t limit)
{
    size_t count = 0;
    struct release *above = NULL;
    struct release *release = cleanup->top;
    while (release && count < limit) {
        struct release *below = release_below(release);
        if (match(release, arg)) {
            struct release_order order = release->order;
            unlink_release(cleanup, above, release);
            drop_release(cleanup->shared, release);
            undo(&order, arg);
            count++;
        } else {
            above = release;
        }
        release = below;
    }
    return count;
}
