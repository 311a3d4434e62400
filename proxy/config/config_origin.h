/* SPDX-License-Identifier: MIT */
/* The part of the configuration that is about whom a request comes from and through. */
#ifndef TAILGATE_PROXY_CONFIG_CONFIG_ORIGIN_H
#define TAILGATE_PROXY_CONFIG_CONFIG_ORIGIN_H

#include "lib/base/ip.h"
#include "lib/conf/conf.h"

extern const struct conf_table origin_table, identity_table;

/* What becomes of a family of fields on the way up. */
enum origin_mode {
    ORIGIN_APPEND,  /* ours stands behind what a trusted peer sent, and alone otherwise */
    ORIGIN_REPLACE, /* ours alone */
    ORIGIN_REMOVE,  /* none */
    ORIGIN_OFF      /* as it came */
};

/* The family in which a trusted peer is known to say who its client is. */
enum origin_family { ORIGIN_X_FORWARDED, ORIGIN_FORWARDED };

struct origin_config {
    struct conf_list trusted; /* const char * */
    int believe;              /* enum origin_family */
    int x_forwarded;          /* enum origin_mode */
    int forwarded;            /* enum origin_mode */
    /* Derived from `trusted`. */
    const struct ip_network *networks;
    size_t network_count;
    bool trusts_unix;
};

/* Derives the networks from `trusted`, which is in `item`. */
enum result origin_read_networks(struct conf_read *read, struct origin_config *origin,
                                 const struct cJSON *item) MUST_USE;

enum via_directions { VIA_BOTH, VIA_REQUEST, VIA_RESPONSE, VIA_OFF };

enum { IDENTITY_NAME = 64 }; /* characters of a name at most */

struct identity_config {
    const char *name;
    int via; /* enum via_directions */
    bool proxy_status;
    int64_t loop_limit; /* 0 = loops are not looked for */
};

#endif
