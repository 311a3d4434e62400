/* SPDX-License-Identifier: MIT */
/* What the admin page shows of the names of endpoints. */
#ifndef TAILGATE_PROXY_OBSERVE_DNS_METRICS_H
#define TAILGATE_PROXY_OBSERVE_DNS_METRICS_H

#include "lib/base/buf.h"
#include "proxy/process/proxy.h"

/* Appends them in Prometheus's text format; nothing where no endpoint has a name. From the main
 * thread. */
void dns_metrics_write(struct buf *out, const struct proxy *proxy);

#endif
