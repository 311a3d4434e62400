/* SPDX-License-Identifier: MIT */
#include "proxy/config/config_resolver.h"

#include "lib/conf/servers.h"

/* clang-format off */
#define KEY(key_name, key_type, member, ...)                                                       \
    {.name = (key_name), .type = (key_type), .offset = offsetof(struct resolver_config, member),   \
     __VA_ARGS__}

#define FAMILY_NAME(id, name) [DNS_FAMILY_##id] = name,
static const char *const families[] = {DNS_FAMILIES(FAMILY_NAME) NULL};

static const struct conf_key keys[] = {
    KEY("servers", CONF_LIST, servers, .element = CONF_STRING,
        .meaning = "Addresses of DNS servers, such as \"10.0.0.2\" or \"127.0.0.1:5353\"; the next is "
                   "asked when one does not answer. Empty = those of /etc/resolv.conf, as it is when "
                   "the gateway starts or this object changes."),
    KEY("family", CONF_ENUM, family, .otherwise = "prefer_ipv4", .choices = families,
        .meaning = "Which addresses of a name are used: those of one family if it has any, and of the "
                   "other if not; those of one family alone; or both, so that a server with an address "
                   "of each is two endpoints."),
    KEY("timeout", CONF_DURATION, timeout, .otherwise = "1s", .min = 1e6, .max = 60e9,
        .meaning = "How long the first attempt waits for an answer; doubled with each further one."),
    KEY("attempts", CONF_INT, attempts, .otherwise = "3", .min = 1, .max = 10,
        .meaning = "How often each server is asked before a lookup has failed."),
    KEY("ttl_min", CONF_DURATION, ttl_min, .otherwise = "1s", .min = 10e6, .max = 86400e9,
        .meaning = "An answer is used at least so long, whatever its time to live says."),
    KEY("ttl_max", CONF_DURATION, ttl_max, .otherwise = "5m", .min = 10e6, .max = 86400e9,
        .meaning = "And at most so long: then the name is looked up again."),
    KEY("retry", CONF_DURATION, retry, .otherwise = "1s", .min = 10e6, .max = 3600e9,
        .meaning = "After a lookup that failed, or found no address, the name is looked up again so "
                   "much later. Until then the addresses it had stay in use."),
    KEY("wait", CONF_DURATION, wait, .otherwise = "5s", .max = 600e9,
        .meaning = "How long the start, and a reload, wait for names that were never looked up. After "
                   "that, requests to an upstream without an endpoint fail with the cause dns_failed "
                   "until the first answer comes."),
    KEY("max_addresses", CONF_INT, max_addresses, .otherwise = "64", .min = 1, .max = 256,
        .meaning = "Addresses taken from what a name stands for at most; those left out are counted "
                   "and logged."),
};
/* clang-format on */

static enum result check(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct resolver_config *resolver = object;
    if (resolver->ttl_min.ns > resolver->ttl_max.ns)
        return conf_fail(read,
                         conf_member(item, conf_member(item, "ttl_min") ? "ttl_min" : "ttl_max"),
                         "\"ttl_min\" is longer than \"ttl_max\"");
    return conf_read_servers(read, &resolver->servers, conf_member(item, "servers"),
                             &resolver->server_peers);
}

const struct conf_table resolver_conf_table = {
    .name = "resolver",
    .meaning = "How the names of endpoints are looked up.",
    .size = sizeof(struct resolver_config),
    .keys = keys,
    .key_count = ARRAY_LEN(keys),
    .check = check,
    .item_offset = CONF_NO_ITEM,
};
