/* SPDX-License-Identifier: MIT */
#include "proxy/process/shared.h"

#include <stdlib.h>

#include "lib/base/memory.h"

struct shared_endpoint *shared_endpoint_new(const struct address *address, size_t workers)
{
    struct shared_endpoint *endpoint = mem_alloc(1, sizeof(*endpoint));
    endpoint->address = *address;
    endpoint->counters = mem_alloc(workers, sizeof(*endpoint->counters));
    endpoint->uses = 1;
    health_leave(&endpoint->health, NULL);
    return endpoint;
}

struct shared_upstream *shared_upstream_new(size_t workers)
{
    struct shared_upstream *upstream = mem_alloc(1, sizeof(*upstream));
    upstream->idle = mem_alloc(workers, sizeof(*upstream->idle));
    upstream->latency = mem_alloc(workers, sizeof(*upstream->latency));
    upstream->uses = 1;
    return upstream;
}

void shared_endpoint_drop(struct shared_endpoint *endpoint, struct shared_upstream *upstream)
{
    if (!endpoint || --endpoint->uses > 0)
        return;
    health_forget(&endpoint->health, &upstream->group);
    free(endpoint->counters);
    free(endpoint);
}

void shared_upstream_drop(struct shared_upstream *upstream)
{
    if (!upstream || --upstream->uses > 0)
        return;
    free(upstream->idle);
    free(upstream->latency);
    free(upstream);
}
