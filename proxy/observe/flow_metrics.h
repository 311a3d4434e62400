/* SPDX-License-Identifier: MIT */
/* The concurrency limits' part of the metrics. */
#ifndef TAILGATE_PROXY_OBSERVE_FLOW_METRICS_H
#define TAILGATE_PROXY_OBSERVE_FLOW_METRICS_H

#include "proxy/process/proxy.h"

/* Appends it in Prometheus' text form. */
void flow_metrics_write(struct buf *out, const struct proxy *proxy);

#endif
