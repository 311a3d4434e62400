/* SPDX-License-Identifier: MIT */
/* Which endpoint the next request goes to: one table of algorithms over what one worker has seen of
 * its endpoints. Pure: the caller brings the clock and the generator of random numbers, excludes
 * endpoints that cannot be used, and says what became of requests. */
#ifndef TAILGATE_PROXY_RULES_BALANCE_H
#define TAILGATE_PROXY_RULES_BALANCE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "proxy/config/config_balance.h"
#include "proxy/rules/placement.h"

/* An endpoint in one worker's eyes. */
struct balance_peer {
    uint32_t weight;
    int active;        /* requests under way */
    uint64_t excluded; /* the choice it is left out of */
    double ewma;       /* ns; jumps up to a slow response, sinks slowly; 0 = nothing seen */
    mono ewma_at;
    int64_t half;  /* number of the half window that sum[0] and count[0] are of */
    double sum[2]; /* response times of this half of the window and the one before */
    uint64_t count[2];
};

struct balance {
    enum balance_algorithm algorithm;
    struct rng *rng;
    struct balance_peer *peers;
    size_t count;
    uint64_t choice; /* number of the current choice */
    size_t left;     /* peers that are not excluded from it */
    uint16_t *order; /* round robin: peers, each as often as its weight, spread evenly */
    size_t order_length, next;
    struct placement placement; /* consistent hash */
    double bound;               /* of a peer's requests, in even parts; 0 = none */
};

/* `count` may be 0: nobody can be chosen. `specs` are read during the call only; `rng` stays the
 * caller's. */
void balance_init(struct balance *balance, const struct balance_config *config, struct rng *rng,
                  const struct peer_spec *specs, size_t count);
void balance_release(struct balance *balance);

/* A peer goes on with what was seen of another, which was the same endpoint. */
void balance_inherit(struct balance_peer *peer, const struct balance_peer *from);

/* Whose turn is the first. */
void balance_start_at(struct balance *balance, size_t turn);

/* A choice begins: nobody is excluded. */
static inline void balance_begin(struct balance *balance)
{
    balance->choice++;
    balance->left = balance->count;
}

/* The next best peer, or -1 when all are excluded. `key` is looked at by a consistent hash alone.
 */
int balance_choose(struct balance *balance, uint64_t key, mono now);

/* Leaves a peer, which was not left out yet, out of the current choice. */
static inline void balance_exclude(struct balance *balance, size_t peer)
{
    balance->peers[peer].excluded = balance->choice;
    balance->left--;
}

/* Whether the algorithm wants to be told of response times. */
bool balance_learns(const struct balance *balance);

/* A request took so long to its response's first byte; a failed one counts as at least a second,
 * and as more the more of them there are. Only for an algorithm that learns. */
void balance_learn(struct balance *balance, size_t peer, duration took, bool failed, mono now);

#endif
