/* SPDX-License-Identifier: MIT */
/* The part of the configuration that is about the choice of an endpoint. */
#ifndef TAILGATE_PROXY_CONFIG_CONFIG_BALANCE_H
#define TAILGATE_PROXY_CONFIG_CONFIG_BALANCE_H

#include "lib/conf/conf.h"

/* Rules: identifier, name in the configuration. What each does stands in proxy/rules/balance.c. */
#define BALANCES(X)                           \
    X(ROUND_ROBIN, "round_robin")             \
    X(RANDOM, "random")                       \
    X(TWO_CHOICES, "two_choices")             \
    X(LEAST_REQUESTS, "least_requests")       \
    X(PEAK_EWMA, "peak_ewma")                 \
    X(SHORTEST_RESPONSE, "shortest_response") \
    X(CONSISTENT_HASH, "consistent_hash")

#define BALANCE_ENUM(id, name) BALANCE_##id,
enum balance_algorithm { BALANCES(BALANCE_ENUM) BALANCE_COUNT };
#undef BALANCE_ENUM

/* Tables of a consistent hash. ring: Karger et al., "Consistent hashing and random trees", 1997.
 * maglev: Eisenbud et al., "Maglev: a fast and reliable software network load balancer", 2016:
 * evener shares and one look, but a few per cent of the other peers' keys move, too. identifier,
 * name in the configuration */
#define PLACEMENTS(X) \
    X(RING, "ring")   \
    X(MAGLEV, "maglev")

#define PLACEMENT_ENUM(id, name) PLACEMENT_##id,
enum placement_kind { PLACEMENTS(PLACEMENT_ENUM) PLACEMENT_COUNT };
#undef PLACEMENT_ENUM

enum hash_key { HASH_CLIENT, HASH_PATH, HASH_HEADER, HASH_COOKIE };

struct balance_config {
    int rule;         /* enum balance_algorithm */
    int by;           /* enum hash_key; consistent_hash only, as all below */
    const char *name; /* of the header field (in lower case) or cookie */
    int table;        /* enum placement_kind */
    double bound;     /* 1.25: no endpoint has more than 1.25 times its part; 0 = no bound */
};

extern const struct conf_table balance_conf_table;

#endif
