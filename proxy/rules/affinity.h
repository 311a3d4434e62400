/* SPDX-License-Identifier: MIT */
/* The key by which a consistent hash keeps requests to their endpoint. Pure. */
#ifndef TAILGATE_PROXY_RULES_AFFINITY_H
#define TAILGATE_PROXY_RULES_AFFINITY_H

#include "lib/base/ip.h"
#include "lib/base/rng.h"
#include "lib/http/head.h"
#include "proxy/config/config_balance.h"

/* A client by its address without the port; 0 for one that has none (a unix socket). */
uint64_t affinity_of_client(const struct ip_peer *client);

/* Of a request from `client`, which is what affinity_of_client says. One that lacks the header
 * field, the cookie or an address gets any key. */
uint64_t affinity_key(const struct balance_config *config, const struct http_head *head,
                      uint64_t client, struct rng *rng);

#endif
