/* SPDX-License-Identifier: MIT */
/* The configuration of `tailgate chaos`. */
#ifndef TAILGATE_CHAOS_CONFIG_H
#define TAILGATE_CHAOS_CONFIG_H

#include "chaos/fault/fault.h"
#include "lib/base/ip.h"

struct chaos_api_config {
    const char *address;
    const char *token;      /* NULL: none is asked for */
    struct conf_list hosts; /* const char * */
};

/* Who is asked for the names of upstreams. */
struct chaos_resolver_config {
    struct conf_list servers;           /* const char *; empty: those of /etc/resolv.conf */
    const struct ip_peer *server_peers; /* derived from `servers` */
    duration timeout;
    int64_t attempts;
};

struct chaos_link_config {
    const char *name;
    const char *listen, *upstream;
    bool enabled;
    struct conf_list faults; /* struct fault_config */
};

struct chaos_config {
    const char *name;
    struct chaos_api_config api;
    struct chaos_resolver_config resolver;
    int64_t seed;
    uint64_t buffer;
    duration stay_awake;    /* 0: never */
    const char *record;     /* NULL: nothing is recorded */
    struct conf_list links; /* struct chaos_link_config */
};

extern const struct conf_table chaos_conf_table;

#endif
