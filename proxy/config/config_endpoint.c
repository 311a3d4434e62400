/* SPDX-License-Identifier: MIT */
#include "proxy/config/config_endpoint.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "lib/base/ip.h"
#include "lib/net/address.h"

/* Letters, digits, "-" and "_", as many as a label may have. */
static size_t label_length(const char *text, const char *end)
{
    size_t length = 0;
    while (text + length < end &&
           (isalnum((unsigned char)text[length]) || text[length] == '-' || text[length] == '_'))
        length++;
    return length <= DNS_LABEL_MAX ? length : 0;
}

/* Labels with dots between; the last one is no number, as that of an address would be. */
static bool is_name(const char *text, const char *end)
{
    if (end - text > DNS_NAME_MAX)
        return false;
    for (;;) {
        size_t length = label_length(text, end);
        if (length == 0)
            return false;
        if (text + length == end)
            return strspn(text, "0123456789") < length;
        if (text[length] != '.')
            return false;
        text += length + 1;
    }
}

/* Behind the two labels that begin with "_", as in "_http._tcp.orders"; NULL: it is no service. */
static const char *domain_of_service(const char *host)
{
    const char *transport = host[0] == '_' ? strchr(host, '.') : NULL;
    const char *domain = transport && transport[1] == '_' ? strchr(transport + 1, '.') : NULL;
    return domain ? domain + 1 : NULL;
}

/* Without the dot at the end that a whole name may have. */
static const char *keep_host(struct conf_read *read, const char *text, const char *end)
{
    if (end > text && end[-1] == '.')
        end--;
    return is_name(text, end) ? arena_text(conf_read_arena(read), text, (size_t)(end - text))
                              : NULL;
}

static const char *join_port(struct conf_read *read, const char *host, const char *port)
{
    size_t length = strlen(host), behind = strlen(port);
    char *text = arena_alloc(conf_read_arena(read), length + behind + 1);
    memcpy(text, host, length);
    memcpy(text + length, port, behind + 1);
    return text;
}

static enum result fail(struct conf_read *read, const struct cJSON *at, const char *text)
{
    struct ip_peer peer;
    if (ip_peer_parse(&peer, text, strlen(text)))
        return conf_fail(read, at,
                         "\"%s\" is an address, not a name: say \"address\" instead of "
                         "\"dns\"",
                         text);
    return conf_fail(read, at,
                     "\"%s\" is no name that DNS could know (expected a name and a port, such as "
                     "\"orders.internal:9001\", or that of SRV records, which say the ports, such "
                     "as \"_http._tcp.orders.internal\")",
                     text);
}

static enum result read_name(struct conf_read *read, struct endpoint_config *endpoint,
                             const struct cJSON *item)
{
    const struct cJSON *at = conf_member(item, "dns");
    struct endpoint_name *from = &endpoint->from;
    const char *colon = strrchr(endpoint->dns, ':');
    const char *end = colon ? colon : endpoint->dns + strlen(endpoint->dns);
    from->host = keep_host(read, endpoint->dns, end);
    if (!from->host)
        return fail(read, at, endpoint->dns);
    from->domain = domain_of_service(from->host);
    bool service = from->domain != NULL;
    if (service ? colon != NULL
                : !colon || !ip_port_parse(&from->port, colon + 1, strlen(colon + 1)) ||
                      from->port == 0)
        return fail(read, at, endpoint->dns);
    if (service && conf_member(item, "weight"))
        return conf_fail(read, conf_member(item, "weight"),
                         "\"weight\" has no effect here: SRV records have weights of their own");
    if (!service)
        from->domain = from->host;
    from->authority = service ? from->domain : join_port(read, from->host, colon);
    endpoint->name = endpoint->dns;
    return OK;
}

static enum result check_address(struct conf_read *read, const struct endpoint_config *endpoint,
                                 const struct cJSON *item)
{
    const char *text = endpoint->address;
    struct ip_peer peer;
    if (!ip_peer_parse(&peer, text, strlen(text)) || peer.port != 0)
        return OK;
    return conf_fail(read, conf_member(item, "address"),
                     "nobody can be reached at \"%s\": there is no port 0", text);
}

static enum result check_endpoint(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct endpoint_config *endpoint = object;
    if (endpoint->address && endpoint->dns)
        return conf_fail(read, conf_member(item, "dns"),
                         "\"address\" and \"dns\" exclude each other");
    if (!endpoint->address && !endpoint->dns)
        return conf_fail(read, NULL, "\"address\" is missing (or \"dns\")");
    endpoint->name = endpoint->address;
    return endpoint->dns ? read_name(read, endpoint, item) : check_address(read, endpoint, item);
}

static bool are_one(const struct endpoint_config *a, const struct endpoint_config *b)
{
    struct address one, other;
    if (a->dns || b->dns)
        return a->dns && b->dns && a->from.port == b->from.port &&
               strcasecmp(a->from.host, b->from.host) == 0;
    return address_parse(&one, a->address) && address_parse(&other, b->address) &&
           address_equal(&one, &other);
}

enum result endpoints_check(struct conf_read *read, const struct conf_list *endpoints,
                            const struct cJSON *items)
{
    const struct endpoint_config *all = endpoints->items;
    for (size_t i = 1; i < endpoints->count; i++)
        for (size_t j = 0; j < i; j++)
            if (are_one(&all[i], &all[j]))
                return conf_fail(read, cJSON_GetArrayItem(items, (int)i),
                                 "the endpoint %s is there twice, as %s before (for a larger share "
                                 "of the requests, give it a \"weight\")",
                                 all[i].name, all[j].name);
    return OK;
}

/* clang-format off */
static const struct conf_key endpoint_keys[] = {
    {.name = "address", .type = CONF_ADDRESS, .offset = offsetof(struct endpoint_config, address),
     .meaning = "The endpoint's address.",
     .hint = "or a name, as in {\"dns\": \"orders.internal:9001\"}"},
    {.name = "dns", .type = CONF_STRING, .offset = offsetof(struct endpoint_config, dns),
     .flags = CONF_NOT_EMPTY,
     .meaning = "Instead of `address`: a name and a port, such as \"orders.internal:9001\". Every "
                "address that DNS knows of the name is an endpoint, for as long as the answer says: "
                "see `resolver`. A name such as \"_http._tcp.orders.internal\" without a port asks for "
                "SRV records; those of the lowest priority say names, ports and weights. A certificate "
                "must be for the name that stands here (of a service: what follows \"_tcp.\")."},
    {.name = "weight", .type = CONF_INT, .offset = offsetof(struct endpoint_config, weight),
     .otherwise = "1", .min = 1, .max = 1000,
     .meaning = "Share of the requests relative to the other endpoints; each address of a name has "
                "it."},
};
/* clang-format on */

const struct conf_table endpoint_conf_table = {
    .name = "endpoint",
    .meaning = "One server of an upstream, or all that a name stands for.",
    .size = sizeof(struct endpoint_config),
    .keys = endpoint_keys,
    .key_count = ARRAY_LEN(endpoint_keys),
    .shorthand = "address",
    .check = check_endpoint,
    .item_offset = CONF_NO_ITEM,
};
