/* SPDX-License-Identifier: MIT */
#include "proxy/process/lookup.h"

#include <stdlib.h>

#include "lib/base/memory.h"

/* A server of a service; a name without one is its own server. */
struct server {
    char *host;
    uint16_t port, weight;
};

struct lookup {
    struct lookup **slot; /* NULL: abandoned */
    lookup_call *call;
    void *arg;
    struct resolver *resolver;
    enum dns_family family;
    size_t limit;
    bool service;
    char *host;
    struct server *servers;
    size_t server_count, server; /* the one that is asked about */
    size_t turn;                 /* and the family, in its order */
    bool found;                  /* addresses of it */
    struct lookup_news news;
};

/* In which order types are asked for, and whether the first that is there is enough. */
static const struct {
    enum dns_type types[2];
    size_t count;
    bool one_is_enough;
} families[DNS_FAMILY_COUNT] = {
    [DNS_FAMILY_PREFER_IPV4] = {{DNS_TYPE_A, DNS_TYPE_AAAA}, 2, true},
    [DNS_FAMILY_PREFER_IPV6] = {{DNS_TYPE_AAAA, DNS_TYPE_A}, 2, true},
    [DNS_FAMILY_IPV4] = {{DNS_TYPE_A}, 1, true},
    [DNS_FAMILY_IPV6] = {{DNS_TYPE_AAAA}, 1, true},
    [DNS_FAMILY_BOTH] = {{DNS_TYPE_A, DNS_TYPE_AAAA}, 2, false},
};

static void release(struct lookup *lookup)
{
    for (size_t i = 0; i < lookup->server_count; i++)
        free(lookup->servers[i].host);
    free(lookup->servers);
    targets_release(&lookup->news.targets);
    free(lookup->host);
    free(lookup);
}

static void end(struct lookup *lookup, enum dns_result result, const char *of)
{
    lookup->news.result = result;
    lookup->news.of = of;
    lookup->news.cut += targets_arrange(&lookup->news.targets, lookup->limit);
    if (lookup->slot) {
        *lookup->slot = NULL;
        lookup->call(lookup->arg, &lookup->news);
    }
    release(lookup);
}

/* ---- addresses */

static void on_addresses(void *arg, const struct dns_answer *answer);

static const char *asked(const struct lookup *lookup)
{
    const char *host = lookup->servers[lookup->server].host;
    return host ? host : lookup->host;
}

static void ask_addresses(struct lookup *lookup)
{
    resolver_ask(lookup->resolver, asked(lookup), families[lookup->family].types[lookup->turn],
                 on_addresses, lookup);
}

static void take_addresses(struct lookup *lookup, const struct dns_answer *answer)
{
    const struct server *server = &lookup->servers[lookup->server];
    for (size_t i = 0; i < answer->count; i++)
        targets_add(&lookup->news.targets,
                    &(struct target){answer->records[i].ip, server->port, server->weight});
    if (answer->ttl < lookup->news.ttl)
        lookup->news.ttl = answer->ttl;
    lookup->found = true;
}

static void ask_next(struct lookup *lookup)
{
    bool enough = lookup->found && families[lookup->family].one_is_enough;
    if (!enough && ++lookup->turn < families[lookup->family].count) {
        ask_addresses(lookup);
        return;
    }
    lookup->turn = 0;
    lookup->found = false;
    if (++lookup->server < lookup->server_count)
        ask_addresses(lookup);
    else if (lookup->news.targets.count > 0)
        end(lookup, DNS_ANSWERED, NULL);
    else
        end(lookup, DNS_NO_DATA, lookup->host);
}

static void on_addresses(void *arg, const struct dns_answer *answer)
{
    struct lookup *lookup = arg;
    /* A server that is still named and has gone does not take the others with it. */
    bool without =
        answer->result == DNS_NO_DATA || (answer->result == DNS_NO_NAME && lookup->service);
    if (answer->result == DNS_ANSWERED)
        take_addresses(lookup, answer);
    if ((answer->result != DNS_ANSWERED && !without) || !lookup->slot)
        end(lookup, answer->result, asked(lookup));
    else
        ask_next(lookup);
}

/* ---- services */

static void on_services(void *arg, const struct dns_answer *answer)
{
    struct lookup *lookup = arg;
    size_t count = answer->count;
    if (answer->result != DNS_ANSWERED) {
        end(lookup, answer->result, lookup->host);
        return;
    }
    struct dns_record *records = mem_alloc(count, sizeof(*records));
    for (size_t i = 0; i < count; i++)
        records[i] = answer->records[i];
    count = targets_choose_services(records, count);
    lookup->news.cut = count > lookup->limit ? count - lookup->limit : 0;
    count -= lookup->news.cut;
    lookup->servers = mem_alloc(count, sizeof(*lookup->servers));
    for (size_t i = 0; i < count; i++)
        lookup->servers[i] =
            (struct server){mem_text(records[i].target), records[i].port, records[i].weight};
    lookup->server_count = count;
    lookup->news.ttl = answer->ttl;
    free(records);
    if (count > 0)
        ask_addresses(lookup);
    else
        end(lookup, DNS_NO_DATA, lookup->host);
}

/* ---- the whole */

void lookup_start(struct lookup **slot, struct resolver *resolver, const struct lookup_order *order,
                  lookup_call *call, void *arg)
{
    struct lookup *lookup = mem_alloc(1, sizeof(*lookup));
    *lookup = (struct lookup){.slot = slot,
                              .call = call,
                              .arg = arg,
                              .resolver = resolver,
                              .family = order->family,
                              .limit = order->limit,
                              .service = order->service,
                              .host = mem_text(order->host),
                              .news = {.ttl = UINT32_MAX}};
    *slot = lookup;
    if (order->service) {
        resolver_ask(resolver, lookup->host, DNS_TYPE_SRV, on_services, lookup);
        return;
    }
    lookup->servers = mem_alloc(1, sizeof(*lookup->servers));
    lookup->server_count = 1;
    ask_addresses(lookup);
}

void lookup_abandon(struct lookup **slot)
{
    if (*slot)
        (*slot)->slot = NULL;
    *slot = NULL;
}
