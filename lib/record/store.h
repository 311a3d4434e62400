/* SPDX-License-Identifier: MIT */
/* Where a process writes its records: preallocated, memory-mapped segments in one folder. Each
 * worker has its own writer and appends without a lock or a system call; what was committed
 * survives the death of the process. A thread of the store keeps a spare segment ready for the
 * writers. When no segment can be had (a full disk, the limit), records are counted as dropped. */
#ifndef TAILGATE_LIB_RECORD_STORE_H
#define TAILGATE_LIB_RECORD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/result.h"
#include "lib/record/tables.h"

struct record_store;
struct record_writer;

/* Bytes of a segment that a small limit may bring the default size down to. */
#define RECORD_SEGMENT_LEAST (UINT64_C(64) << 10)

struct record_settings {
    const char *folder;       /* created when missing */
    const char *process;      /* "gateway", "orders-0": stands in every row */
    const char *const *names; /* what NAME columns index; copied into every segment */
    size_t name_count;        /* below NAME_NONE */
    uint64_t limit;           /* bytes of segments at most; 0 = no limit */
    uint64_t segment_size;    /* 0 = 4 MiB, less under a small limit */
    const struct log *log;    /* must outlive the store */
};

/* Fails when the folder cannot be made or has no room for the first segment. */
enum result record_store_open(struct record_store **store, const struct record_settings *settings,
                              struct error *error) MUST_USE;

/* Adds names behind those the store has. A writer uses them once record_writer_renew was called for
 * it. For one thread at a time; fails when there would be too many. */
enum result record_store_add_names(struct record_store *store, const char *const *names,
                                   size_t count, struct error *error) MUST_USE;

/* Ends the store's thread and closes what its writers hold (unused space is given back). The
 * writers must not be used any more. Nulls the pointer; harmless on NULL. */
void record_store_close(struct record_store **store);

/* A writer for one thread, numbered from 0; owned by the store. Fails when there is no room for its
 * first segment. */
enum result record_writer_open(struct record_writer **writer, struct record_store *store,
                               uint16_t number, struct error *error) MUST_USE;

/* From now on the writer's segments have every name the store has been given. Harmless on NULL. */
void record_writer_renew(struct record_writer *writer);

/* Appends a record, which need not outlive the call; columns at its end that say nothing take no
 * room. False when it had to be dropped (counted) or `writer` is NULL (nothing is recorded). */
bool record_append(struct record_writer *writer, enum record_kind kind, const void *record);

#define RECORD_APPEND(writer, ID, name, record) \
    record_append((writer), RECORD_KIND_##ID, (const struct name##_record *){(record)})

/* wall = mono + offset, as every segment of the store says. */
duration record_store_clock_offset(const struct record_store *store);

/* May be called from any thread. */
uint64_t record_store_dropped(const struct record_store *store);
uint64_t record_store_written(const struct record_store *store);

#endif
