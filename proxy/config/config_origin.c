/* SPDX-License-Identifier: MIT */
#include "proxy/config/config_origin.h"

#include <string.h>

#include "proxy/config/config_route.h"
#include "proxy/config/effect.h"

/* clang-format off */
#define KEY(key_name, key_type, holder, member, ...)                                               \
    {.name = (key_name), .type = (key_type), .offset = offsetof(holder, member), __VA_ARGS__}

static const char *const family_names[] = {"x_forwarded", "forwarded", NULL};
static const char *const mode_names[] = {"append", "replace", "remove", "off", NULL};

static const struct conf_key origin_keys[] = {
    KEY("trusted", CONF_LIST, struct origin_config, trusted, .element = CONF_STRING,
        .meaning = "Networks and addresses of the gateways in front, such as \"10.0.0.0/8\" or "
                   "\"2001:db8::1\", and \"unix\" for whoever comes through a Unix socket. What they "
                   "say about their clients is believed: in records and the access log, and towards "
                   "the upstream. Empty = nobody."),
    KEY("believe", CONF_ENUM, struct origin_config, believe, .otherwise = "x_forwarded",
        .choices = family_names,
        .meaning = "Which fields trusted peers are known to set: X-Forwarded-For or Forwarded. The "
                   "others could come from any client through them, and are taken for that."),
    KEY("x_forwarded", CONF_ENUM, struct origin_config, x_forwarded, .otherwise = "append",
        .choices = mode_names,
        .meaning = "X-Forwarded-For, -Proto, -Host and -Port for the upstream: \"append\" puts the "
                   "peer behind what a trusted one sent (whose -Proto, -Host and -Port stay) and drops "
                   "what others sent, \"replace\" drops it always, \"remove\" sends none, \"off\" "
                   "passes on what came, also from those who are not trusted."),
    KEY("forwarded", CONF_ENUM, struct origin_config, forwarded, .otherwise = "remove",
        .choices = mode_names,
        .meaning = "Likewise the Forwarded field (RFC 7239), with for, host and proto."),
};

enum result origin_read_networks(struct conf_read *read, struct origin_config *origin,
                                 const struct cJSON *item)
{
    const char *const *texts = origin->trusted.items;
    size_t count = origin->trusted.count;
    struct ip_network *networks =
        count ? arena_alloc(conf_read_arena(read), count * sizeof(*networks)) : NULL;
    origin->networks = networks;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts[i], "unix") == 0)
            origin->trusts_unix = true;
        else if (!ip_network_parse(&networks[origin->network_count++], texts[i]))
            return conf_fail(read, conf_member(item, "trusted"),
                             "\"%s\" is no network (expected an IPv4 or IPv6 address, or one with "
                             "the length of its prefix and no bit set behind it, such as "
                             "\"10.0.0.0/8\", or \"unix\")",
                             texts[i]);
    }
    return OK;
}

static enum result check_origin(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct origin_config *origin = object;
    enum result result = origin_read_networks(read, origin, item);
    if (result != OK)
        return result;
    const struct effect effects[] = {
        {"believe", origin->trusted.count > 0, "without \"trusted\": nobody is believed"}};
    return effects_check(read, item, effects, ARRAY_LEN(effects));
}

const struct conf_table origin_table = {
    .name = "origin",
    .meaning = "How the upstream learns whom a request comes from, and who is believed about it.",
    .size = sizeof(struct origin_config), .keys = origin_keys, .key_count = ARRAY_LEN(origin_keys),
    .check = check_origin, .item_offset = CONF_NO_ITEM,
};

static const char *const via_names[] = {"both", "request", "response", "off", NULL};
static const struct conf_key identity_keys[] = {
    KEY("name", CONF_STRING, struct identity_config, name, .flags = CONF_NOT_EMPTY,
        .otherwise = "tailgate", .meaning = "What the gateway calls itself in messages."),
    KEY("via", CONF_ENUM, struct identity_config, via, .otherwise = "both", .choices = via_names,
        .meaning = "In which messages a Via field (RFC 9110 7.6.3) names the gateway: some servers "
                   "do not compress for requests that have one."),
    KEY("proxy_status", CONF_BOOL, struct identity_config, proxy_status, .otherwise = "true",
        .meaning = "Whether the gateway's own errors say in a Proxy-Status field (RFC 9209) what went "
                   "wrong."),
    KEY("loop_limit", CONF_INT, struct identity_config, loop_limit, .otherwise = "0", .max = 100,
        .meaning = "A request whose Via and CDN-Loop fields (RFC 8586) name this gateway as often is "
                   "answered with 502: it goes round in a circle. Where \"via\" keeps requests free of "
                   "Via, CDN-Loop names the gateway. Give each gateway of a chain a name of its own. "
                   "0 = circles are not looked for."),
};

static enum result check_identity(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct identity_config *identity = object;
    char first = identity->name[0];
    bool fits = strlen(identity->name) <= IDENTITY_NAME;
    /* Both a pseudonym of Via and a token of structured fields (RFC 8941 3.3.4). */
    if (fits && config_is_token(identity->name) &&
        ((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z')))
        return OK;
    return conf_fail(read, conf_member(item, "name"),
                     "\"%s\" cannot name a gateway in a message (expected a letter, and then "
                     "letters, digits, \"-\", \"_\" or \".\", up to %d in all)",
                     identity->name, IDENTITY_NAME);
}

const struct conf_table identity_table = {
    .name = "identity", .meaning = "How the gateway names itself in the messages it passes on.",
    .size = sizeof(struct identity_config), .keys = identity_keys,
    .key_count = ARRAY_LEN(identity_keys), .shorthand = "name", .check = check_identity,
    .item_offset = CONF_NO_ITEM,
};
/* clang-format on */
