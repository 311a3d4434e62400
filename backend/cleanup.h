/* SPDX-License-Identifier: MIT */
/* When what a request took is given back: the strategies, and the stack of releases that carries
 * them out.
 *
 * Each thing taken (a slot of a resource, a descriptor, a block) pushes a release: what to undo,
 * with its arguments captured then. Releases run last in, first out. What differs is until when
 * they wait:
 *   last use   just before the response starts (the response is the last that needs what came
 *              before it), or at an explicit `release` step, also when that stands behind the
 *              response. What was taken after the response waits for the handler's end, and what a
 *              loop's turn took never outlives the turn.
 *   turn       the end of the loop's turn; a `release` step does nothing.
 *   handler    the handler's last step; a `release` step does nothing.
 *   exchange   the end of the whole exchange: the handler's last step is done, the response is
 *              written, and the client has taken it (nothing of it waits on this side any more); a
 *              `release` step does nothing.
 * A release that waits longer than its last use is put off by the program, and so is an object on
 * its heap; one that does not is only this simulator's note of what the handler holds. */
#ifndef TAILGATE_BACKEND_CLEANUP_H
#define TAILGATE_BACKEND_CLEANUP_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/heap.h"
#include "lib/base/clock.h"
#include "lib/base/memory.h"

enum cleanup_until { UNTIL_LAST_USE, UNTIL_TURN, UNTIL_HANDLER, UNTIL_EXCHANGE };

/* Identifier, name, until when outside loops and in a loop's turn, whether objects are recycled,
 * meaning. */
#define CLEANUP_STRATEGIES(X)                                                          \
    X(INLINE, "inline", UNTIL_LAST_USE, UNTIL_LAST_USE, false, "each at its last use") \
    X(DEFERRED, "deferred", UNTIL_EXCHANGE, UNTIL_EXCHANGE, false,                     \
      "all when the whole exchange has ended")                                         \
    X(POOLED, "pooled", UNTIL_LAST_USE, UNTIL_LAST_USE, true,                          \
      "each at its last use, and objects are recycled instead of allocated")           \
    X(SCOPED, "scoped", UNTIL_LAST_USE, UNTIL_TURN, false,                             \
      "what a loop took when its turn ends, all else at its last use")                 \
    X(DEFERRED_LOOP, "deferred_loop", UNTIL_LAST_USE, UNTIL_HANDLER, false,            \
      "what a loop took when the handler ends, all else at its last use")

#define CLEANUP_ENUM(id, ...) CLEANUP_##id,
enum cleanup_kind { CLEANUP_STRATEGIES(CLEANUP_ENUM) CLEANUP_KIND_COUNT };
#undef CLEANUP_ENUM

struct cleanup_strategy {
    const char *name;
    enum cleanup_until outside, in_loop;
    bool recycles;
};

const struct cleanup_strategy *cleanup_strategy(enum cleanup_kind kind);

enum release_kind { RELEASE_RESOURCE, RELEASE_DESCRIPTOR, RELEASE_BLOCK };

/* What to undo; captured when it was done. */
struct release_order {
    enum release_kind kind;
    union {
        size_t resource; /* index */
        int fd;
        struct heap_object *block;
    };
    duration cost; /* CPU time of it */
};

struct release {
    struct heap_object object; /* refers to the release below and to a block */
    struct release_order order;
    enum cleanup_until until : 8;
    unsigned depth : 8; /* of the loops it was pushed in */
};

/* What all stacks of a process share. */
struct cleanup_shared {
    const struct cleanup_strategy *strategy;
    struct heap *heap;
    struct slab notes; /* releases that are no objects of the heap */
};

void cleanup_shared_init(struct cleanup_shared *shared, enum cleanup_kind kind, struct heap *heap);
void cleanup_shared_free(struct cleanup_shared *shared);

/* A request's stack; `top` starts NULL. */
struct cleanup {
    struct cleanup_shared *shared;
    struct release *top;
};

/* Pushes a release; `depth` counts the loops around. */
void release_push(struct cleanup *cleanup, const struct release_order *order, unsigned depth);

typedef bool release_match(const struct release *release, void *arg);
typedef void release_undo(const struct release_order *order, void *arg);

/* Takes the releases that match off the stack and undoes each, last in, first out; at most `limit`
 * of them. Returns how many there were. */
size_t release_run(struct cleanup *cleanup, release_match *match, release_undo *undo, void *arg,
                   size_t limit);

/* The release below on the stack, or NULL. */
struct release *release_below(const struct release *release);

#endif
