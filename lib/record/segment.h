/* SPDX-License-Identifier: MIT */
/* A segment: a file of fixed size, mapped into memory, to which one writer appends entries.
 *
 *     header | names, each ended by a NUL | entry | entry | ... | unused
 *
 * An entry is a small head and the struct of its kind, without the words at its end that say
 * nothing (columns.h: record_blank). `used` is authoritative:
 * what lies beyond it was never committed. A file is called PROCESS-PID-WRITER-NUMBER.seg; while it
 * is being made its name ends in ".new", so that whoever finds a .seg finds a complete header. */
#ifndef TAILGATE_LIB_RECORD_SEGMENT_H
#define TAILGATE_LIB_RECORD_SEGMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/result.h"

#define SEGMENT_MAGIC   "TGRECORD"
#define SEGMENT_VERSION 2
#define SEGMENT_SUFFIX  ".seg"
#define SEGMENT_PROCESS 64 /* bytes of a process's name with its NUL */

struct segment_header {
    char magic[8];
    uint32_t version;
    uint32_t pid;
    uint64_t layout;      /* record_layout_hash */
    int64_t clock_offset; /* wall = mono + offset, in ns */
    int64_t opened;       /* wall ns at which the process opened its store */
    uint64_t data_start;  /* where the first entry is */
    uint32_t names_size;  /* bytes behind this header */
    uint16_t name_count;
    uint16_t writer;
    uint32_t sequence; /* orders the segments of a writer; 0 = never written to */
    uint32_t reserved;
    char process[SEGMENT_PROCESS];
    /* What changes while it is written has cache lines of its own. */
    _Atomic uint64_t used; /* where the next entry goes */
    uint8_t padding[56];
    _Atomic uint64_t dropped; /* records lost after this segment was full */
    uint8_t padding_end[56];
};
_Static_assert(offsetof(struct segment_header, used) % 64 == 0, "used begins a cache line");
_Static_assert(sizeof(struct segment_header) == 256, "the header has no hidden padding");

struct segment_entry {
    uint16_t kind; /* enum record_kind */
    uint16_t size; /* of the entry with this head, a multiple of 8 */
    uint32_t reserved;
};

/* What all segments of a store have in common. */
struct segment_plan {
    int folder;              /* descriptor */
    const char *folder_name; /* for messages */
    const char *process;
    uint32_t pid;
    duration clock_offset;
    wall opened;
    const char *names; /* names_size bytes, name_count texts */
    uint32_t names_size;
    uint16_t name_count;
    uint64_t size;
};

struct segment {
    struct segment_header *header; /* the mapping */
    uint64_t size;                 /* of the mapping */
    int folder, fd;
    struct segment *next; /* for whoever keeps a list */
    char name[128];
};

/* Where entries begin in a segment of this plan. */
uint64_t segment_data_start(const struct segment_plan *plan);

/* Makes segment `*number` of a writer, or the next number that is free, and sets `*number` to the
 * one after it. Its space on the disk is allocated: a full disk is an error here, never a signal
 * later. `prefault` also brings its pages into memory. */
enum result segment_create(struct segment **segment, const struct segment_plan *plan,
                           uint16_t writer, _Atomic uint32_t *number, bool prefault,
                           struct error *error) MUST_USE;

/* Cuts the file to what is used and lets go of it; returns the bytes given back. Nulls the pointer;
 * harmless on NULL. */
uint64_t segment_finish(struct segment **segment);

/* Removes the file of a segment that was never used. */
void segment_discard(struct segment **segment);

#endif
