/* SPDX-License-Identifier: MIT */
/* What the store and its writers know of each other; for store.c and writer.c alone. */
#ifndef TAILGATE_LIB_RECORD_STORE_PARTS_H
#define TAILGATE_LIB_RECORD_STORE_PARTS_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/log.h"
#include "lib/record/segment.h"

#define CACHE_LINE 64

struct record_writer {
    /* For the writer's thread alone. */
    uint8_t *position, *end; /* where the next entry goes; the end of the segment */
    uint32_t sequence;
    uint16_t number;
    bool dropping;
    uint64_t dropped_before; /* when the dropping began */
    struct segment *current;
    struct record_store *store;
    struct record_writer *next; /* set once, before others see the writer */
    /* Written by the writer's thread, read by any. */
    _Atomic uint64_t written, dropped;
    /* Between the writer's thread and the store's. The spare is set by the store's thread when it
     * is NULL and taken by the writer; full segments go back on a stack. */
    alignas(CACHE_LINE) _Atomic(struct segment *) spare;
    _Atomic(struct segment *) retired;
    _Atomic uint32_t next_number;
};

/* Address space for names: more than as many as can be numbered usually need. */
enum { NAMES_ROOM = 8 << 20 };
#define NAMES(size, count)  ((uint64_t)(size) << 16 | (count))
#define NAMES_SIZE(packed)  ((uint32_t)((packed) >> 16))
#define NAMES_COUNT(packed) ((uint16_t)(packed))

struct record_store {
    struct segment_plan plan; /* of the segments that are made, but for their names */
    char *folder_name, *process;
    char *names;                 /* a reservation, filled from its start: what stands never moves */
    _Atomic uint64_t names_used; /* size and count, as NAMES packs them */
    uint64_t limit;
    const struct log *log;
    int wake; /* eventfd: the store's thread has something to do */
    pthread_t thread;
    bool thread_runs;
    atomic_bool stopping;
    _Atomic uint64_t bytes;                  /* of all segments */
    _Atomic(struct segment *) first;         /* made by the opening, for writer 0 */
    _Atomic(struct record_writer *) writers; /* only ever grows at its head */
};

/* Makes a segment if the store's limit allows it. May be called from any thread. */
enum result store_make_segment(struct segment **segment, struct record_store *store,
                               uint16_t writer, _Atomic uint32_t *number, bool prefault,
                               struct error *error) MUST_USE;

/* Wakes the store's thread: there is a spare to make or a segment to finish. */
void store_wake(struct record_store *store);

#endif
