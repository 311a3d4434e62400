/* SPDX-License-Identifier: MIT */
#include "proxy/config/config_balance.h"

#include <string.h>

#include "proxy/config/config_route.h"

/* clang-format off */
#define KEY(key_name, key_type, holder, member, ...)                                               \
    {.name = (key_name), .type = (key_type), .offset = offsetof(holder, member), __VA_ARGS__}

#define BALANCE_NAME(id, name) [BALANCE_##id] = (name),
static const char *const rules[BALANCE_COUNT + 1] = {BALANCES(BALANCE_NAME)};
#define PLACEMENT_NAME(id, name) [PLACEMENT_##id] = (name),
static const char *const tables[PLACEMENT_COUNT + 1] = {PLACEMENTS(PLACEMENT_NAME)};
static const char *const hash_keys[] = {
    [HASH_CLIENT] = "client", [HASH_PATH] = "path", [HASH_HEADER] = "header",
    [HASH_COOKIE] = "cookie", NULL};

static const struct conf_key balance_keys[] = {
    KEY("rule", CONF_ENUM, struct balance_config, rule, .otherwise = "round_robin",
        .choices = rules,
        .meaning = "In turn (round_robin); at random; the less busy of two drawn (two_choices); the "
                   "least busy of all; the one of two drawn with the lower product of requests under "
                   "way and recent worst response time (peak_ewma); the lowest product of requests "
                   "under way and mean response time (shortest_response); by the hash of a key. "
                   "Weights count in all; what is busy or slow is what the worker itself sees."),
    KEY("by", CONF_ENUM, struct balance_config, by, .otherwise = "client", .choices = hash_keys,
        .meaning = "consistent_hash: what keeps to its endpoint: a client's address, a path, a header "
                   "field's or a cookie's value."),
    KEY("name", CONF_STRING, struct balance_config, name, .flags = CONF_NOT_EMPTY,
        .meaning = "Name of that header field or cookie; a request without it goes to any endpoint."),
    KEY("table", CONF_ENUM, struct balance_config, table, .otherwise = "ring", .choices = tables,
        .meaning = "consistent_hash: ring moves only the keys of an endpoint that comes or goes; "
                   "maglev has evener shares, and moves a few per cent of the others, too."),
    KEY("bound", CONF_SHARE, struct balance_config, bound, .otherwise = "0%", .max = 100,
        .meaning = "consistent_hash: an endpoint with more than this share of the even part of the "
                   "requests under way is passed over (125% lets it have a quarter more); 0% = never."),
};
/* clang-format on */

static enum result check_hash(struct conf_read *read, struct balance_config *config,
                              const struct cJSON *item)
{
    bool named = config->by == HASH_HEADER || config->by == HASH_COOKIE;
    const struct cJSON *name = conf_member(item, "name");
    if (named != (config->name != NULL))
        return conf_fail(read, named ? item : name, "a hash by %s has %s \"name\"",
                         hash_keys[config->by], named ? "to have a" : "no");
    if (named && !config_is_token(config->name))
        return conf_fail(read, name, "\"%s\" cannot be the name of a %s", config->name,
                         hash_keys[config->by]);
    if (config->bound > 0 && config->bound < 1)
        return conf_fail(
            read, conf_member(item, "bound"),
            "\"bound\" must be 100%% or more (or 0%%: no bound): with less, there is no "
            "room for all requests");
    if (config->by == HASH_HEADER)
        config->name = config_lower(read, config->name);
    return OK;
}

static enum result check_balance(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct balance_config *config = object;
    static const char *const of_hash[] = {"by", "name", "table", "bound"};
    if (config->rule == BALANCE_CONSISTENT_HASH)
        return check_hash(read, config, item);
    for (size_t i = 0; i < ARRAY_LEN(of_hash); i++)
        if (conf_member(item, of_hash[i]))
            return conf_fail(read, conf_member(item, of_hash[i]),
                             "\"%s\" is for the rule consistent_hash, not for %s", of_hash[i],
                             rules[config->rule]);
    return OK;
}

const struct conf_table balance_conf_table = {
    .name = "balance",
    .meaning = "How an endpoint is chosen.",
    .size = sizeof(struct balance_config),
    .keys = balance_keys,
    .key_count = ARRAY_LEN(balance_keys),
    .shorthand = "rule",
    .check = check_balance,
    .item_offset = CONF_NO_ITEM,
};
