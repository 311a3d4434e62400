/* SPDX-License-Identifier: MIT */
#include "chaos/config.h"

#include <string.h>

#include "lib/conf/servers.h"
#include "lib/serve/guard.h"

#define KEYS(array) .keys = (array), .key_count = ARRAY_LEN(array)

/* ---- the API */

static const struct conf_key api_keys[] = {
    {.name = "address",
     .type = CONF_ADDRESS,
     .offset = offsetof(struct chaos_api_config, address),
     .otherwise = "127.0.0.1:8474",
     .meaning = "Where the API listens. Other machines are served only when there is a token."},
    {.name = "token",
     .type = CONF_STRING,
     .offset = offsetof(struct chaos_api_config, token),
     .flags = CONF_NOT_EMPTY,
     .meaning = "What each call must bring as \"Authorization: Bearer TOKEN\"; absent: calls "
                "need nothing of the kind."},
    {.name = "hosts",
     .type = CONF_LIST,
     .offset = offsetof(struct chaos_api_config, hosts),
     .element = CONF_STRING,
     .flags = CONF_NOT_EMPTY,
     .meaning = "Names that calls may have in their Host field, beside those of this machine "
                "itself: a browser that was led here by another name is refused."},
};

static enum result check_api(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct chaos_api_config *api = object;
    if (api->token || guard_is_local(api->address))
        return OK;
    return conf_fail(read, conf_member(item, "address"),
                     "\"address\" is open to other machines: set a \"token\", or listen on "
                     "127.0.0.1, [::1] or a unix socket");
}

static const struct conf_table api_table = {
    .name = "api",
    .meaning = "The HTTP API, which Toxiproxy's clients speak.",
    .size = sizeof(struct chaos_api_config),
    KEYS(api_keys),
    .shorthand = "address",
    .check = check_api,
    .item_offset = CONF_NO_ITEM,
};

/* ---- names */

static const struct conf_key resolver_keys[] = {
    {.name = "servers",
     .type = CONF_LIST,
     .offset = offsetof(struct chaos_resolver_config, servers),
     .element = CONF_STRING,
     .meaning = "Addresses of DNS servers, such as \"10.0.0.2\" or \"127.0.0.1:5353\"; the next is "
                "asked when one does not answer. Empty = those of /etc/resolv.conf."},
    {.name = "timeout",
     .type = CONF_DURATION,
     .offset = offsetof(struct chaos_resolver_config, timeout),
     .otherwise = "1s",
     .min = 1e6,
     .max = 60e9,
     .meaning = "How long the first attempt waits for an answer; doubled with each further one."},
    {.name = "attempts",
     .type = CONF_INT,
     .offset = offsetof(struct chaos_resolver_config, attempts),
     .otherwise = "3",
     .min = 1,
     .max = 10,
     .meaning = "How often each server is asked before nobody knows the name."},
};

static enum result check_resolver(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct chaos_resolver_config *resolver = object;
    return conf_read_servers(read, &resolver->servers, conf_member(item, "servers"),
                             &resolver->server_peers);
}

static const struct conf_table resolver_table = {
    .name = "resolver",
    .meaning = "How the names of upstreams are looked up, beside /etc/hosts, which comes first.",
    .size = sizeof(struct chaos_resolver_config),
    KEYS(resolver_keys),
    .check = check_resolver,
    .item_offset = CONF_NO_ITEM,
};

/* ---- links */

static const struct conf_key link_keys[] = {
    {.name = "listen",
     .type = CONF_STRING,
     .offset = offsetof(struct chaos_link_config, listen),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .meaning =
         "Where clients connect to: an address, HOST:PORT with a host of /etc/hosts, or :PORT "
         "for every address of this machine."},
    {.name = "upstream",
     .type = CONF_STRING,
     .offset = offsetof(struct chaos_link_config, upstream),
     .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
     .meaning =
         "What their connections are taken on to: an address, or HOST:PORT. The host is looked "
         "up when the link first listens, and again when it was not found or cannot be "
         "connected to; connections wait for it, those of other links do not."},
    {.name = "enabled",
     .type = CONF_BOOL,
     .offset = offsetof(struct chaos_link_config, enabled),
     .otherwise = "true",
     .meaning = "Whether it listens from the start."},
    {.name = "faults",
     .type = CONF_LIST,
     .offset = offsetof(struct chaos_link_config, faults),
     .sub = &fault_conf_table,
     .meaning = "What goes wrong on its connections; bytes pass the faults in this order."},
};

static enum result check_link(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct chaos_link_config *link = object;
    const struct fault_config *faults = link->faults.items;
    enum result result = OK;
    for (size_t i = 0; i < link->faults.count && result == OK; i++)
        result = fault_check_carried(read, &faults[i]);
    for (size_t i = 0; i < link->faults.count && result == OK; i++)
        if (fault_problem_on_link(&faults[i]))
            return conf_fail(read, conf_member(faults[i].item, "match"), "%s",
                             fault_problem_on_link(&faults[i]));
    for (size_t i = 0; i < link->faults.count && result == OK; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(faults[i].name, faults[j].name) == 0)
                return conf_fail(read, faults[i].item,
                                 "there is a fault \"%s\" on this link already: give it another "
                                 "\"name\"",
                                 faults[i].name);
    return result;
}

static const struct conf_table link_table = {
    .name = "link",
    .meaning = "A listener and the upstream its connections are taken on to.",
    .size = sizeof(struct chaos_link_config),
    .name_offset = offsetof(struct chaos_link_config, name),
    KEYS(link_keys),
    .check = check_link,
    .item_offset = CONF_NO_ITEM,
};

/* ---- the whole */

static const struct conf_key chaos_keys[] = {
    {.name = "name",
     .type = CONF_STRING,
     .offset = offsetof(struct chaos_config, name),
     .otherwise = "chaos",
     .flags = CONF_NOT_EMPTY | CONF_AT_START,
     .meaning = "What the process is called in log lines and records."},
    {.name = "api",
     .type = CONF_OBJECT,
     .offset = offsetof(struct chaos_config, api),
     .sub = &api_table,
     .flags = CONF_AT_START,
     .meaning = "The HTTP API by which links and faults are changed while they run."},
    {.name = "resolver",
     .type = CONF_OBJECT,
     .offset = offsetof(struct chaos_config, resolver),
     .sub = &resolver_table,
     .flags = CONF_AT_START,
     .meaning = "How the names of upstreams are looked up."},
    {.name = "seed",
     .type = CONF_INT,
     .offset = offsetof(struct chaos_config, seed),
     .flags = CONF_AT_START,
     .max = 9007199254740991.0,
     .meaning = "Of all that is random: the same seed touches the same connections."},
    {.name = "links",
     .type = CONF_MAP,
     .offset = offsetof(struct chaos_config, links),
     .sub = &link_table,
     .meaning = "The links, by name. The API adds more."},
    {.name = "buffer",
     .type = CONF_SIZE,
     .offset = offsetof(struct chaos_config, buffer),
     .flags = CONF_AT_START,
     .otherwise = "1MiB",
     .min = 4096,
     .max = 1 << 30,
     .meaning = "Bytes that faults may hold of one direction of a connection; then its sender has "
                "to wait. It limits the rate at a long latency: 1 MiB at 100 ms is 10 MiB/s."},
    {.name = "stay_awake",
     .type = CONF_DURATION,
     .offset = offsetof(struct chaos_config, stay_awake),
     .flags = CONF_AT_START,
     .otherwise = "100us",
     .max = 10e6,
     .meaning = "How long the process stays awake behind bytes that came after a quiet moment (of "
                "eight times as long), to meet what answers them without the time that waking "
                "takes. It costs up to so much of a core's time in each exchange of an idle link, "
                "and is given up where it does not pay; a busy link never does it. 0 = it sleeps "
                "at once."},
    {.name = "record",
     .type = CONF_STRING,
     .offset = offsetof(struct chaos_config, record),
     .flags = CONF_NOT_EMPTY | CONF_AT_START,
     .meaning = "Folder for the records of which fault touched which connection; absent: nothing "
                "is recorded."},
};

const struct conf_table chaos_conf_table = {
    .name = "chaos",
    .meaning = "TCP links with faults on them, and the API that drives them.",
    .size = sizeof(struct chaos_config),
    KEYS(chaos_keys),
    .item_offset = CONF_NO_ITEM,
};
