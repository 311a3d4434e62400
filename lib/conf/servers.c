/* SPDX-License-Identifier: MIT */
#include "lib/conf/servers.h"

#include <string.h>

#include "lib/base/memory.h"

enum result conf_read_servers(struct conf_read *read, const struct conf_list *texts,
                              const struct cJSON *at, const struct ip_peer **peers)
{
    const char *const *items = texts->items;
    size_t count = texts->count;
    struct ip_peer *made = count ? arena_alloc(conf_read_arena(read), count * sizeof(*made)) : NULL;
    for (size_t i = 0; i < count; i++)
        if (!ip_peer_parse(&made[i], items[i], strlen(items[i])))
            return conf_fail(read, at,
                             "\"%s\" is not the address of a DNS server (expected an IPv4 or IPv6 "
                             "address, with or without a port, such as \"127.0.0.1:5353\" or "
                             "\"[::1]:5353\")",
                             items[i]);
    *peers = made;
    return OK;
}
