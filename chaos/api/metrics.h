/* SPDX-License-Identifier: MIT */
/* What links and faults have done, in the text format of Prometheus. */
#ifndef TAILGATE_CHAOS_API_METRICS_H
#define TAILGATE_CHAOS_API_METRICS_H

#include "chaos/link/link.h"
#include "lib/base/buf.h"

void chaos_metrics_write(struct buf *out, const struct links *links);

#endif
