/* SPDX-License-Identifier: MIT */
/* Health checks: every endpoint of an upstream that wants them is asked at its interval, by one
 * worker for all. */
#ifndef TAILGATE_PROXY_CONNECTION_PROBE_H
#define TAILGATE_PROXY_CONNECTION_PROBE_H

#include "proxy/worker/realm.h"

struct prober;

/* Begins to ask the endpoints of all upstreams of the realm; NULL when none wants it. */
struct prober *prober_start(struct realm *realm);

void prober_stop(struct prober **prober);

#endif
