/* SPDX-License-Identifier: MIT */
#include "chaos/link/upstream.h"

#include <stdlib.h>

#include "chaos/link/link.h"
#include "chaos/link/pair.h"
#include "chaos/link/resolve.h"
#include "lib/base/memory.h"

struct lookup {
    struct link *link; /* NULL: abandoned */
};

/* Made once there is a name: who has none needs no resolv.conf. */
static struct resolver *resolver_of(struct links *links)
{
    struct error error;
    if (!links->resolver &&
        resolver_new(&links->resolver, links->loop, &links->resolver_settings, &error) != OK)
        log_error(links->log, NULL, "%s", error.text);
    return links->resolver;
}

static void go_on(struct link *link)
{
    list_foreach_safe (node, &link->pairs) {
        struct pair *pair = list_entry(node, struct pair, node);
        if (pair_waits_for_address(pair))
            pair_connect(pair);
    }
}

static void take(struct link *link, const struct dns_answer *answer)
{
    if (answer->result == DNS_ANSWERED)
        address_of_ip(&link->upstream_address, &answer->records[link->turn % answer->count].ip,
                      resolve_port(link->upstream));
    else
        log_warn(link->links->log, link->name, "%s cannot be looked up: %s", link->upstream,
                 dns_result_text(answer->result));
    bool itself = address_equal(&link->upstream_address, &link->listen_address);
    if (itself) {
        link->upstream_address.length = 0;
        log_error(link->links->log, link->name,
                  "%s is where the link listens: it would lead to itself", link->upstream);
    }
}

static void on_answer(void *arg, const struct dns_answer *answer)
{
    struct lookup *lookup = arg;
    struct link *link = lookup->link;
    free(lookup);
    if (!link)
        return;
    link->lookup = NULL;
    take(link, answer);
    go_on(link);
}

void upstream_look_up(struct link *link)
{
    char host[RESOLVE_HOST];
    struct resolver *resolver = resolver_of(link->links);
    if (link->lookup || link->upstream_address.length > 0)
        return;
    if (!resolver) {
        go_on(link);
        return;
    }
    struct lookup *lookup = mem_alloc(1, sizeof(*lookup));
    lookup->link = link;
    link->lookup = lookup;
    resolver_find_host(resolver, resolve_host(link->upstream, host), on_answer, lookup);
}

void upstream_abandon(struct link *link)
{
    if (link->lookup)
        link->lookup->link = NULL;
    link->lookup = NULL;
}

void upstream_failed(struct link *link)
{
    if (link->upstream_address.length == 0 || !resolve_is_name(link->upstream))
        return;
    link->upstream_address.length = 0;
    link->turn++;
}
