/* SPDX-License-Identifier: MIT */
/* How names are looked up: the configuration's "resolver" object. */
#ifndef TAILGATE_PROXY_CONFIG_CONFIG_RESOLVER_H
#define TAILGATE_PROXY_CONFIG_CONFIG_RESOLVER_H

#include "lib/base/clock.h"
#include "lib/base/ip.h"
#include "lib/conf/conf.h"

extern const struct conf_table resolver_conf_table;

/* Which addresses of a name are used: identifier, name in the configuration. */
#define DNS_FAMILIES(X)           \
    X(PREFER_IPV4, "prefer_ipv4") \
    X(PREFER_IPV6, "prefer_ipv6") X(IPV4, "ipv4") X(IPV6, "ipv6") X(BOTH, "both")

#define DNS_FAMILY_ENUM(id, name) DNS_FAMILY_##id,
enum dns_family { DNS_FAMILIES(DNS_FAMILY_ENUM) DNS_FAMILY_COUNT };
#undef DNS_FAMILY_ENUM

struct resolver_config {
    struct conf_list servers;           /* const char * */
    const struct ip_peer *server_peers; /* derived from `servers` */
    int family;                         /* enum dns_family */
    duration timeout;                   /* of the first attempt */
    int64_t attempts;
    duration ttl_min, ttl_max;
    duration retry;        /* from a failed lookup to the next */
    duration wait;         /* for the first answer, at the start and in a reload */
    int64_t max_addresses; /* of a name */
};

#endif
