/* SPDX-License-Identifier: MIT */
/* What the admin page shows of each upstream and endpoint. */
#ifndef TAILGATE_PROXY_OBSERVE_ENDPOINT_METRICS_H
#define TAILGATE_PROXY_OBSERVE_ENDPOINT_METRICS_H

#include "lib/base/buf.h"
#include "proxy/process/proxy.h"

/* Appends them in Prometheus's text format; sums across workers. From the main thread. */
void endpoint_metrics_write(struct buf *out, const struct proxy *proxy);

/* Appends `before` and the label's value, a name or address out of the configuration, escaped. */
void metrics_append_label(struct buf *out, const char *before, const char *value);

#endif
