/* SPDX-License-Identifier: MIT */
#include "proxy/config/config_fault.h"

#include <stdio.h>
#include <string.h>

#include "proxy/config/config.h"

/* ---- faults that requests ask for */

static const struct conf_key fault_headers_keys[] = {
    {.name = "trusted",
     .type = CONF_LIST,
     .offset = offsetof(struct fault_headers_config, trusted),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .element = CONF_STRING,
     .meaning = "Networks and addresses of the clients that may ask, such as \"10.0.0.0/8\" or "
                "\"2001:db8::1\", and \"unix\" for whoever comes through a Unix socket."},
    {.name = "max_share",
     .type = CONF_SHARE,
     .offset = offsetof(struct fault_headers_config, max_share),
     .otherwise = "100%",
     .max = 1,
     .meaning = "No fault gets a larger share of the requests that ask for it."},
    {.name = "max_delay",
     .type = CONF_DURATION,
     .offset = offsetof(struct fault_headers_config, max_delay),
     .otherwise = "10s",
     .max = 3.6e12,
     .meaning = "No delay, hold or timeout that is asked for is longer."},
    {.name = "max_time",
     .type = CONF_DURATION,
     .offset = offsetof(struct fault_headers_config, max_time),
     .otherwise = "30s",
     .min = 1e6,
     .max = 3.6e12,
     .meaning = "No fault that is asked for goes on for longer: a rate, or the pieces of a slicer, "
                "then let the rest pass at once, and a blackhole closes the connection. DELETE "
                "/faults on the admin address ends them before."},
    {.name = "max_active",
     .type = CONF_INT,
     .offset = offsetof(struct fault_headers_config, max_active),
     .otherwise = "100",
     .max = 1000000000,
     .meaning = "At most so many requests are touched at a time by what they asked for; 0 = no "
                "limit."},
};

static enum result check_fault_headers(struct conf_read *read, void *object,
                                       const struct cJSON *item)
{
    struct fault_headers_config *config = object;
    config->clients.trusted = config->trusted;
    return origin_read_networks(read, &config->clients, item);
}

const struct conf_table fault_headers_table = {
    .name = "fault_headers",
    .meaning =
        "Who may ask for faults on single requests, by header fields: \"X-Tailgate-Fault-KIND: "
        "VALUE; NAME=VALUE\", with the value of the kind's first parameter in front and "
        "others, or \"share\", behind it, and Envoy's x-envoy-fault-delay-request, "
        "-abort-request and -throughput-response, each with its -percentage. The fields are "
        "not passed on, whoever sent them. Records call such a fault \"" FAULT_ASKED_NAME "\".",
    .size = sizeof(struct fault_headers_config),
    .keys = fault_headers_keys,
    .key_count = ARRAY_LEN(fault_headers_keys),
    .check = check_fault_headers,
    .item_offset = CONF_NO_ITEM,
};

/* ---- what a fault is for */

static bool has_route(const struct proxy_config *config, const struct fault_match *match)
{
    const struct route_config *routes = config->routes.items;
    size_t i = 0;
    while (i < config->routes.count &&
           !fault_match_route(match, routes[i].name,
                              routes[i].exact ? routes[i].exact : routes[i].path))
        i++;
    return i < config->routes.count;
}

static bool has_endpoint_in(const struct upstream_config *upstream, const struct fault_match *match)
{
    const struct conf_list *list =
        upstream->configured.count > 0 ? &upstream->configured : &upstream->endpoints;
    const struct endpoint_config *endpoints = list->items;
    for (size_t i = 0; i < list->count; i++)
        if (fault_match_endpoint(match, endpoints[i].dns ? endpoints[i].dns : endpoints[i].address))
            return true;
    return false;
}

static bool has_endpoint(const struct proxy_config *config, const struct fault_match *match)
{
    const struct upstream_config *upstreams = config->upstreams.items;
    for (size_t i = 0; i < config->upstreams.count; i++)
        if (fault_match_upstream(match, upstreams[i].name) && has_endpoint_in(&upstreams[i], match))
            return true;
    return false;
}

static const char *unknown_target(const struct proxy_config *config,
                                  const struct fault_match *match)
{
    if (match->route && !has_route(config, match))
        return "route";
    if (match->upstream && proxy_config_upstream(config, match->upstream) < 0)
        return "upstream";
    if (match->endpoint && !has_endpoint(config, match))
        return "endpoint";
    return NULL;
}

/* ---- the whole fault */

bool config_fault_fits(const struct proxy_config *config, const struct fault_config *fault,
                       char problem[FAULT_PROBLEM], const struct cJSON **at)
{
    const struct fault_row *row = fault_row((enum fault_kind)fault->kind);
    const struct cJSON *match = conf_member(fault->item, "match");
    const char *unknown = unknown_target(config, &fault->match);
    *at = fault->item;
    problem[0] = '\0';
    if (strcmp(fault->name, FAULT_ASKED_NAME) == 0) {
        *at = conf_member(fault->item, "name");
        snprintf(problem, FAULT_PROBLEM, "\"%s\" is what faults are called that requests ask for",
                 fault->name);
    } else if (strlen(fault->name) > FAULT_NAME_LONGEST) {
        *at = conf_member(fault->item, "name");
        snprintf(problem, FAULT_PROBLEM,
                 "a fault's name has %d bytes at most: the admin address could not call it",
                 FAULT_NAME_LONGEST);
    } else if (strchr(fault->name, ',')) {
        *at = conf_member(fault->item, "name");
        snprintf(problem, FAULT_PROBLEM,
                 "a fault's name has no comma: records have one between names");
    } else if (row->class == FAULT_CLASS_PROCESSES) {
        *at = conf_member(fault->item, "kind");
        snprintf(problem, FAULT_PROBLEM,
                 "%s is done to whole processes, which a gateway cannot (an experiment can)",
                 row->name);
    } else if (unknown) {
        *at = conf_member(match, unknown);
        snprintf(problem, FAULT_PROBLEM, "there is no such %s in this gateway%s", unknown,
                 strcmp(unknown, "endpoint") == 0 && fault->match.upstream ? "'s upstream" : "");
    }
    return !problem[0];
}

static const struct fault_config *namesake(const struct proxy_config *config, size_t number)
{
    const struct fault_config *faults = config->faults.items;
    for (size_t i = 0; i < number; i++)
        if (strcmp(faults[i].name, faults[number].name) == 0)
            return &faults[i];
    return NULL;
}

enum result config_check_faults(struct conf_read *read, const struct proxy_config *config)
{
    const struct fault_config *faults = config->faults.items;
    char problem[FAULT_PROBLEM];
    const struct cJSON *at;
    for (size_t i = 0; i < config->faults.count; i++) {
        if (i == FAULTS_MAX)
            return conf_fail(read, faults[i].item, "there are more than %d faults", FAULTS_MAX);
        if (namesake(config, i))
            return conf_fail(read, faults[i].item,
                             "two faults are called \"%.64s\" (give one of them another \"name\")",
                             faults[i].name);
        if (!config_fault_fits(config, &faults[i], problem, &at))
            return conf_fail(read, at ? at : faults[i].item, "%s", problem);
    }
    return OK;
}
