/* SPDX-License-Identifier: MIT */
/* Where the keys of a consistent hash lead: a table of places, each of which belongs to a peer. A
 * peer's places follow from its name alone, so that every worker and every gateway agrees, and a
 * peer that comes or goes moves few keys but its own. Pure. */
#ifndef TAILGATE_PROXY_RULES_PLACEMENT_H
#define TAILGATE_PROXY_RULES_PLACEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "proxy/config/config_balance.h"

/* A peer as it is told to the balance and its placement. `name` outlives neither. */
struct peer_spec {
    const char *name;
    int64_t weight; /* 1 and more */
};

struct placement {
    enum placement_kind kind;
    uint16_t *peers; /* of each place */
    uint64_t *at;    /* ring: where each place is, rising */
    size_t length;
};

void placement_init(struct placement *placement, enum placement_kind kind,
                    const struct peer_spec *specs, size_t count);
/* Harmless on a zeroed one. */
void placement_release(struct placement *placement);

/* The key's place; those behind it, all the way round, are the next best. */
size_t placement_find(const struct placement *placement, uint64_t key);

#endif
