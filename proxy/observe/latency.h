/* SPDX-License-Identifier: MIT */
/* How long the requests to an upstream took, as a histogram for the metrics: the records have each
 * request, but not everybody keeps records. */
#ifndef TAILGATE_PROXY_OBSERVE_LATENCY_H
#define TAILGATE_PROXY_OBSERVE_LATENCY_H

#include "lib/base/clock.h"
#include "proxy/observe/counters.h"

enum { LATENCY_BUCKET_COUNT = 17 };

/* Written by one worker, read by any. */
struct latency {
    _Atomic uint64_t buckets[LATENCY_BUCKET_COUNT + 1]; /* the last: above all ends */
    _Atomic uint64_t sum_ns;
    char padding[(64 - (LATENCY_BUCKET_COUNT + 2) * 8 % 64) % 64];
};

void latency_note(struct latency *latency, duration took);

struct buf;
struct proxy;

void latency_metrics_write(struct buf *out, const struct proxy *proxy);

#endif
