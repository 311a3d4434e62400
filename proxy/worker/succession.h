/* SPDX-License-Identifier: MIT */
/* How a worker goes over from one configuration to the next: listening sockets stay open, idle
 * clients and connections move, requests under way end as they began. */
#ifndef TAILGATE_PROXY_WORKER_SUCCESSION_H
#define TAILGATE_PROXY_WORKER_SUCCESSION_H

#include "proxy/worker/realm.h"

/* The generation becomes the worker's current realm. */
void succession_begin(struct worker *worker, struct generation *generation);

/* Releases realms that nothing uses any more (loop_call of worker->retire). */
void succession_end(void *worker);

#endif
