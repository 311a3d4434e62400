/* SPDX-License-Identifier: MIT */
/* What the load generator counts itself, apart from the records it writes: the two, and the
 * gateway's records, must agree to the request. It stands in memory that the lab shares with the
 * generator, which survives the death of either; the generator alone writes. */
#ifndef TAILGATE_LAB_LOAD_TALLY_H
#define TAILGATE_LAB_LOAD_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

#include "lib/base/result.h"
#include "lib/record/tables.h"

#define TALLY_STATUSES 1000

typedef _Atomic uint64_t tally_count;

/* Of the warm-up, or of the measured load. */
struct tally_part {
    tally_count arrivals; /* whose moment came */
    tally_count queued;   /* of these: every connection of the generator was busy */
    tally_count sent;
    tally_count done; /* answered, failed or given up: one client record each */
    tally_count statuses[TALLY_STATUSES];
    tally_count errors[CLIENT_ERROR_COUNT];
};

struct tally {
    struct tally_part warmup, measured;
    /* For the progress line, renewed several times a second. */
    _Atomic int64_t p50_ns, p99_ns;
    tally_count answered; /* warm-up included: for the rate */
    tally_count failures; /* measured: 502, 503, 504 and errors on the client's side */
};

/* Zeroed, shared with every process forked from here on. */
enum result tally_new(struct tally **tally, struct error *error) MUST_USE;
void tally_free(struct tally **tally);

static inline void tally_add(tally_count *count)
{
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

static inline uint64_t tally_get(const tally_count *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

#endif
