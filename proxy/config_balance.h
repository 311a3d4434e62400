/* SPDX-License-Identifier: MIT */
/* The part of the configuration that is about the choice of an endpoint. */
#ifndef TAILGATE_PROXY_CONFIG_BALANCE_H
#define TAILGATE_PROXY_CONFIG_BALANCE_H

#include "lib/conf/conf.h"

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
