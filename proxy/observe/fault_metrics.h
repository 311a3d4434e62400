/* SPDX-License-Identifier: MIT */
/* What injected faults do, for /metrics. */
#ifndef TAILGATE_PROXY_OBSERVE_FAULT_METRICS_H
#define TAILGATE_PROXY_OBSERVE_FAULT_METRICS_H

#include "lib/base/buf.h"

struct proxy;

void fault_metrics_write(struct buf *out, const struct proxy *proxy);

#endif
