/* SPDX-License-Identifier: MIT */
/* An endpoint as the configuration has it: an address, or a name that DNS knows the addresses of.
 */
#ifndef TAILGATE_PROXY_CONFIG_CONFIG_ENDPOINT_H
#define TAILGATE_PROXY_CONFIG_CONFIG_ENDPOINT_H

#include "lib/conf/conf.h"

extern const struct conf_table endpoint_conf_table;

/* The characters of a name, RFC 1035 2.3.4. */
enum { DNS_NAME_MAX = 253, DNS_LABEL_MAX = 63 };

/* What a "dns" says. */
struct endpoint_name {
    const char *host;      /* what is asked for, without a dot at its end */
    const char *domain;    /* whose certificate is expected: the host, or the service's domain */
    const char *authority; /* for Host fields */
    uint16_t port;         /* host order; 0: SRV records say the ports */
};

struct endpoint_config {
    const char *address;       /* NULL: DNS says it */
    const char *dns;           /* NULL: the address is fixed */
    struct endpoint_name from; /* derived from `dns` */
    const char *name;          /* derived: in records, logs and metrics */
    int64_t weight;
};

static inline bool endpoint_is_service(const struct endpoint_config *endpoint)
{
    return endpoint->dns && endpoint->from.port == 0;
}

/* Each of them once: an endpoint that stood there twice would have two pools and two healths. The
 * list is the one that `items` was read from. */
enum result endpoints_check(struct conf_read *read, const struct conf_list *endpoints,
                            const struct cJSON *items) MUST_USE;

/* What a Host field calls it. */
static inline const char *endpoint_authority(const struct endpoint_config *endpoint)
{
    return endpoint->dns ? endpoint->from.authority : endpoint->address;
}

#endif
