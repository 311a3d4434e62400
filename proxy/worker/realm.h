/* SPDX-License-Identifier: MIT */
/* One configuration as one worker sees it: its part of a generation. A request goes by the realm it
 * began in until its end; a client and a connection to an endpoint move on to the current one when
 * they are idle. A realm that is not the current one is released once nothing uses it. */
#ifndef TAILGATE_PROXY_WORKER_REALM_H
#define TAILGATE_PROXY_WORKER_REALM_H

#include "proxy/process/generation.h"
#include "proxy/worker/worker.h"

struct realm {
    struct worker *worker;
    struct generation *generation;
    const struct proxy_config *config;
    struct entrance *entrances;
    struct upstream *upstreams;
    struct passage *passages; /* by route and target */
    struct gate *gates;       /* one per limiter of the generation */
    struct list episodes;     /* see observe/episodes.h */
    size_t users;             /* exchanges, clients, and connections to endpoints */
    struct list node;         /* in worker->realms */
};

/* The worker's part of a generation. Its listening sockets are those the generation has opened for
 * the worker, and what stays open of the worker's realm up to now. */
struct realm *realm_new(struct worker *worker, struct generation *generation);
void realm_release(struct realm *realm);

static inline void realm_join(struct realm *realm)
{
    realm->users++;
}

/* The realm lives at least until the end of the current round. */
static inline void realm_leave(struct realm *realm)
{
    if (--realm->users == 0 && realm != realm->worker->realm)
        soon_ask(&realm->worker->retire);
}

/* Whether clients of the entrance may stay for another request. */
static inline bool entrance_stays(const struct entrance *entrance)
{
    return entrance->successor || entrance->realm == entrance->worker->realm;
}

#endif
