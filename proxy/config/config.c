/* SPDX-License-Identifier: MIT */
#include "proxy/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/http/head.h"
#include "proxy/config/config_route.h"
#include "proxy/config/effect.h"

/* clang-format off */
#define KEY(key_name, key_type, holder, member, ...)                                               \
    {.name = (key_name), .type = (key_type), .offset = offsetof(holder, member), __VA_ARGS__}

static const struct conf_key client_timeout_keys[] = {
    KEY("head", CONF_DURATION, struct client_timeouts, head, .otherwise = "10s",
        .meaning = "From the first byte of a request to the end of its head; 408 when it passes. A TLS "
                   "handshake has as long. 0s = for ever."),
    KEY("body", CONF_DURATION, struct client_timeouts, body, .otherwise = "30s",
        .meaning = "Between two reads of a request's body; 0s = for ever."),
    KEY("send", CONF_DURATION, struct client_timeouts, send, .otherwise = "30s",
        .meaning = "Between two writes of a response that the client does not take; 0s = for ever."),
    KEY("idle", CONF_DURATION, struct client_timeouts, idle, .otherwise = "75s",
        .meaning = "Between two requests of a kept-alive connection; 0s = for ever."),
    KEY("proxy_header", CONF_DURATION, struct client_timeouts, proxy_header, .otherwise = "5s",
        .meaning = "From the connection to the end of its PROXY header, where one is asked for; 0s = "
                   "for ever."),
};
static const struct conf_table client_timeout_table = {
    .name = "client_timeout", .meaning = "How long the gateway waits for a client; 0s = for ever.",
    .size = sizeof(struct client_timeouts), .keys = client_timeout_keys,
    .key_count = ARRAY_LEN(client_timeout_keys), .item_offset = CONF_NO_ITEM,
};

/* `holder` is the struct whose member `at` is the struct request_limits. */
#define REQUEST_LIMIT_KEYS(holder, at)                                                             \
    KEY("target", CONF_SIZE, holder, at target, .otherwise = "8KiB", .min = 64, .max = 1048576,    \
        .meaning = "A longer request target is answered with 414."),                               \
    KEY("fields", CONF_INT, holder, at fields, .otherwise = "128", .min = 1,                       \
        .max = HTTP_MAX_FIELDS,                                                                    \
        .meaning = "A request of more header fields is answered with 431."),                       \
    KEY("request_head", CONF_SIZE, holder, at head, .otherwise = "32KiB", .min = 1024,             \
        .max = 1048576, .meaning = "A larger request head is answered with 431."),                 \
    KEY("request_body", CONF_SIZE, holder, at body, .otherwise = "0",                              \
        .meaning = "A larger request body is answered with 413, a chunked one as soon as it has "  \
                   "grown beyond; bodies are streamed, so a large one costs no memory; 0 = no "    \
                   "limit.")

static const struct conf_key request_limits_keys[] = {REQUEST_LIMIT_KEYS(struct request_limits, )};
static const struct conf_table request_limits_table = {
    .name = "request_limits", .meaning = "Sizes beyond which a request is refused.",
    .size = sizeof(struct request_limits), .keys = request_limits_keys,
    .key_count = ARRAY_LEN(request_limits_keys), .item_offset = CONF_NO_ITEM,
};

static const struct conf_key limits_keys[] = {
    REQUEST_LIMIT_KEYS(struct limits_config, request.),
    KEY("response_head", CONF_SIZE, struct limits_config, response_head, .otherwise = "64KiB",
        .min = 1024, .max = 1048576, .meaning = "A larger response head is answered with 502."),
};
static const struct conf_table limits_table = {
    .name = "limits", .meaning = "Sizes beyond which a message is refused.",
    .size = sizeof(struct limits_config), .keys = limits_keys, .key_count = ARRAY_LEN(limits_keys),
    .item_offset = CONF_NO_ITEM,
};

/* In the order of sets of enum proxy_header_version. */
static const char *const proxy_protocols[] = {"off", "v1", "v2", "any", NULL};
static const char *const proxy_protocols_sent[] = {"off", "v1", "v2", NULL};

static const char *const half_closes[] = {
    [HALF_CLOSE_ABORT] = "abort", [HALF_CLOSE_ALLOW] = "allow", NULL};

static const struct conf_key listener_keys[] = {
    KEY("address", CONF_ADDRESS, struct listener_config, address, .flags = CONF_REQUIRED,
        .meaning = "Where to accept connections; port 0 chooses a free one."),
    KEY("mode", CONF_STRING, struct listener_config, mode,
        .meaning = "Permissions of a Unix socket in octal, such as \"0660\": who connects must be allowed "
                   "to write. Absent = what the umask leaves."),
    KEY("timeout", CONF_OBJECT, struct listener_config, timeout, .sub = &client_timeout_table,
        .meaning = "How long the gateway waits for a client."),
    KEY("limits", CONF_OBJECT, struct listener_config, limits, .sub = &request_limits_table,
        .meaning = "The keys that stand here hold in place of the proxy's."),
    KEY("tls", CONF_OBJECT, struct listener_config, tls, .sub = &listener_tls_table,
        .meaning = "TLS with clients; absent = none."),
    KEY("proxy_protocol", CONF_ENUM, struct listener_config, proxy_protocol, .otherwise = "off",
        .choices = proxy_protocols,
        .meaning = "Each connection begins with a PROXY header of that version, or is closed. It says "
                   "who the client is, and is believed: let nobody else reach this address."),
    KEY("half_close", CONF_ENUM, struct listener_config, half_close, .otherwise = "abort",
        .choices = half_closes,
        .meaning = "What a client does that shuts its sending side down behind its request. abort: it "
                   "has left, and its request ends with a 499, as with nginx; who closes looks the "
                   "same, and its request is not worked on in vain. allow: it still waits for the "
                   "answer, as \"nc -N\" and some old tools do; then only a reset, or the end of both "
                   "directions, is noticed before it is sent something."),
    KEY("origin", CONF_OBJECT, struct listener_config, origin, .sub = &origin_table,
        .meaning = "How the upstream learns whom a request comes from, and who is believed about it."),
};
/* Three octal digits, behind a zero or not. */
static enum result check_mode(struct conf_read *read, struct listener_config *listener,
                              const struct cJSON *item)
{
    const char *mode = listener->mode;
    size_t length = mode ? strlen(mode) : 0;
    if (!mode)
        return OK;
    if (strncmp(listener->address, "unix:", 5) != 0)
        return conf_fail(read, conf_member(item, "mode"), "\"mode\" is for Unix sockets");
    if (strspn(mode, "01234567") != length || length < 3 || length > 4 ||
        (length == 4 && mode[0] != '0'))
        return conf_fail(read, conf_member(item, "mode"),
                         "\"%s\" are no permissions (expected octal digits such as \"0660\")", mode);
    listener->permissions = (unsigned)strtoul(mode, NULL, 8);
    if ((listener->permissions & 0222) != 0)
        return OK;
    return conf_fail(read, conf_member(item, "mode"),
                     "with \"%s\" nobody may write to the socket, so that nobody can connect", mode);
}
static enum result check_listener(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct listener_config *listener = object;
    const struct effect effects[] = {
        {"proxy_header", listener->proxy_protocol != 0, "without \"proxy_protocol\""}};
    enum result result = check_mode(read, listener, item);
    return result == OK ? effects_check(read, conf_member(item, "timeout"), effects, ARRAY_LEN(effects))
                        : result;
}
static const struct conf_table listener_table = {
    .name = "listener", .meaning = "An address the gateway accepts connections on.",
    .size = sizeof(struct listener_config), .keys = listener_keys,
    .key_count = ARRAY_LEN(listener_keys), .shorthand = "address", .check = check_listener,
    .item_offset = offsetof(struct listener_config, item),
};

static const struct conf_key timeout_keys[] = {
    KEY("connect", CONF_DURATION, struct upstream_timeouts, connect, .otherwise = "1s",
        .meaning = "Establishing a connection, its TLS handshake included; 0s = for as long as the "
                   "system tries."),
    KEY("response", CONF_DURATION, struct upstream_timeouts, response, .otherwise = "15s",
        .meaning = "From the request sent to the end of the response's head; 0s = for ever."),
    KEY("idle", CONF_DURATION, struct upstream_timeouts, idle, .otherwise = "30s",
        .meaning = "Between two reads of the response's body, or two writes of the request's; 0s = for "
                   "ever."),
    KEY("total", CONF_DURATION, struct upstream_timeouts, total, .otherwise = "0s",
        .meaning = "The whole exchange, all attempts included; 0s = for ever."),
    KEY("queue", CONF_DURATION, struct upstream_timeouts, queue, .otherwise = "1s",
        .meaning = "Waiting for a connection when all are in use; 0s = for ever (\"connections\": "
                   "{\"queue\": 0} lets none wait)."),
    KEY("tunnel", CONF_DURATION, struct upstream_timeouts, tunnel, .otherwise = "10m",
        .meaning = "How long nothing may pass, in either direction, through a connection that was "
                   "upgraded (WebSocket); 0s = for ever."),
};
const struct conf_table upstream_timeout_table = {
    .name = "timeout", .meaning = "How long the gateway waits for an upstream; 0s = for ever.",
    .size = sizeof(struct upstream_timeouts), .keys = timeout_keys,
    .key_count = ARRAY_LEN(timeout_keys), .item_offset = CONF_NO_ITEM,
};

/* In the order of the bits of enum retry_condition. */
static const char *const retry_conditions[] = {"connect", "reused_closed", "closed", "reset",
                                               "response_timeout", NULL};
static const struct conf_key retry_keys[] = {
    KEY("attempts", CONF_INT, struct retry_config, attempts, .otherwise = "2", .min = 1, .max = 16,
        .meaning = "Tries in all; 1 = no retry."),
    KEY("on", CONF_FLAGS, struct retry_config, on, .otherwise = "connect,reused_closed",
        .choices = retry_conditions,
        .meaning = "What is tried again: a failed connect or TLS handshake; a pooled connection that "
                   "closes as it is used; a fresh one that closes, or is reset, before a byte of the "
                   "response; no response, or the request not taken, in time. A request that is not "
                   "idempotent and may have been read is not sent twice."),
    KEY("statuses", CONF_LIST, struct retry_config, statuses, .element = CONF_INT, .min = 400,
        .max = 599, .meaning = "Responses with these statuses are tried again, too."),
    KEY("header", CONF_STRING, struct retry_config, header, .flags = CONF_NOT_EMPTY,
        .meaning = "Responses with a field of this name are tried again, too."),
    KEY("non_idempotent", CONF_BOOL, struct retry_config, non_idempotent, .otherwise = "false",
        .meaning = "Also send a request that is not idempotent a second time: it may do its work "
                   "twice."),
    KEY("per_try", CONF_DURATION, struct retry_config, per_try, .otherwise = "0s",
        .meaning = "How long one try may take, from the choice of an endpoint to the end of the "
                   "response's head; 0s = as long as \"timeout\" allows. It is tried again when "
                   "\"on\" names response_timeout."),
    KEY("backoff", CONF_DURATION, struct retry_config, backoff, .otherwise = "0s", .max = 6e10,
        .meaning = "Pause before a further try at most: drawn evenly from zero to this, doubled with "
                   "each try; 0s = at once."),
    KEY("backoff_longest", CONF_DURATION, struct retry_config, backoff_longest, .otherwise = "1s",
        .max = 6e10, .meaning = "What the doubled pause is cut to; 0s = there is no pause."),
    KEY("budget", CONF_SHARE, struct retry_config, budget, .otherwise = "20%", .max = 1,
        .meaning = "Retries at most, as a share of the requests of the last ten seconds, by worker; ten "
                   "are allowed in any case, but none with 0%. A try that could not connect has cost no endpoint "
                   "anything: the next one needs no budget."),
};
static enum result check_retry(struct conf_read *read, void *object, const struct cJSON *item)
{
    struct retry_config *config = object;
    const char *header = config->header;
    if (header && !config_is_token(header))
        return conf_fail(read, conf_member(item, "header"),
                         "\"%s\" cannot be the name of a field", header);
    config->header = header ? config_lower(read, header) : NULL;
    return OK;
}
const struct conf_table upstream_retry_table = {
    .name = "retry", .meaning = "Which failed attempts are tried again.",
    .size = sizeof(struct retry_config), .keys = retry_keys, .key_count = ARRAY_LEN(retry_keys),
    .check = check_retry, .item_offset = CONF_NO_ITEM,
};

static const struct conf_key connections_keys[] = {
    KEY("max", CONF_INT, struct connections_config, max, .otherwise = "1024", .max = 1000000,
        .meaning = "Connections to one endpoint at most, across all workers; 0 = no limit."),
    KEY("idle", CONF_INT, struct connections_config, idle, .otherwise = "256", .max = 1000000,
        .meaning = "Idle connections kept per endpoint, across all workers; 0 = no reuse."),
    KEY("queue", CONF_INT, struct connections_config, queue, .otherwise = "1024", .max = 1000000,
        .meaning = "Requests that may wait for a connection, per upstream and worker; 0 = none, they are "
                   "refused at once."),
    KEY("idle_timeout", CONF_DURATION, struct connections_config, idle_timeout, .otherwise = "4s",
        .meaning = "How long an idle connection is kept: below the backend's own keep-alive timeout, "
                   "or it closes connections as they are reused. 0s = none is kept, as with \"idle\" 0."),
    KEY("keepalive_margin", CONF_DURATION, struct connections_config, keepalive_margin,
        .otherwise = "500ms",
        .meaning = "An endpoint that announces Keep-Alive: timeout=N is not sent a request on a "
                   "connection idle for longer than N less this. Its max=M is kept to as well. 0s = until "
                   "N has passed."),
    KEY("max_age", CONF_DURATION, struct connections_config, max_age, .otherwise = "0s",
        .meaning = "An older connection carries no further request; 0s = any age."),
    KEY("max_requests", CONF_INT, struct connections_config, max_requests, .otherwise = "0",
        .max = 1000000000, .meaning = "Requests a connection carries at most; 0 = any number."),
};
static enum result check_connections(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct connections_config *config = object;
    const struct effect effects[] = {
        {"queue", config->max > 0, "when \"max\" is 0: no request waits for a connection"},
        {"idle_timeout", config->idle > 0, "when \"idle\" is 0: no idle connection is kept"},
        {"idle", config->idle == 0 || config->idle_timeout.ns > 0,
         "when \"idle_timeout\" is 0s: no idle connection is kept"},
    };
    return effects_check(read, item, effects, ARRAY_LEN(effects));
}
static const struct conf_table connections_table = {
    .name = "connections", .meaning = "Connections to an upstream's endpoints.",
    .size = sizeof(struct connections_config), .keys = connections_keys,
    .key_count = ARRAY_LEN(connections_keys), .check = check_connections,
    .item_offset = CONF_NO_ITEM,
};

static const struct conf_key late_keys[] = {
    KEY("window", CONF_DURATION, struct late_config, window, .otherwise = "0s",
        .meaning = "How long it is listened for a response behind a timeout or the client's going; the "
                   "endpoint sees its connection closed so much later. 0s = not at all. Only what is "
                   "recorded (\"record\") is listened for."),
    KEY("connections", CONF_INT, struct late_config, connections, .otherwise = "256", .min = 1,
        .max = 100000, .meaning = "Connections that are listened to at a time, per upstream and worker; "
                                 "those beyond are closed and counted."),
    KEY("bytes", CONF_SIZE, struct late_config, bytes, .otherwise = "64KiB", .min = 256, .max = 1 << 30,
        .meaning = "Of a response's head; one that is longer counts as come."),
};
static const struct conf_table late_table = {
    .name = "late", .meaning = "Listening for responses that come too late, so that records say how late.",
    .size = sizeof(struct late_config), .keys = late_keys, .key_count = ARRAY_LEN(late_keys),
    .item_offset = CONF_NO_ITEM,
};

static enum result check_upstream(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct upstream_config *upstream = object;
    bool both = upstream->endpoints.count > 0 && upstream->endpoints_file;
    if (upstream->endpoints.count > 0 || upstream->endpoints_file)
        return both ? conf_fail(read, conf_member(item, "endpoints_file"),
                                "\"endpoints\" and \"endpoints_file\" exclude each other")
                    : endpoints_check(read, &upstream->endpoints, conf_member(item, "endpoints"));
    return conf_fail(read, NULL, "\"endpoints\" is missing (or \"endpoints_file\")");
}

static const struct conf_key upstream_keys[] = {
    KEY("endpoints", CONF_LIST, struct upstream_config, endpoints,
        .flags = CONF_NOT_EMPTY, .sub = &endpoint_conf_table,
        .meaning = "The servers that answer."),
    KEY("endpoints_file", CONF_STRING, struct upstream_config, endpoints_file,
        .flags = CONF_NOT_EMPTY,
        .meaning = "Instead of `endpoints`: a file that holds {\"endpoints\": [...]}. When it changes, "
                   "those that are new join and those that went are drained; what is wrong with it is "
                   "logged, and the old ones stay."),
    KEY("balance", CONF_OBJECT, struct upstream_config, balance, .sub = &balance_conf_table,
        .meaning = "How an endpoint is chosen; a string is the rule."),
    KEY("timeout", CONF_OBJECT, struct upstream_config, timeout, .sub = &upstream_timeout_table,
        .meaning = "How long the gateway waits for the upstream."),
    KEY("retry", CONF_OBJECT, struct upstream_config, retry, .sub = &upstream_retry_table,
        .meaning = "Which failed attempts are tried again."),
    KEY("connections", CONF_OBJECT, struct upstream_config, connections, .sub = &connections_table,
        .meaning = "Connections to the endpoints."),
    KEY("late", CONF_OBJECT, struct upstream_config, late, .sub = &late_table,
        .meaning = "What is found out of a try that was given up."),
    KEY("proxy_protocol", CONF_ENUM, struct upstream_config, proxy_protocol, .otherwise = "off",
        .choices = proxy_protocols_sent,
        .meaning = "A PROXY header of that version in front of each connection tells the endpoint who "
                   "the client is. Such a connection carries the requests of one client connection "
                   "alone, and is closed with it."),
    KEY("tls", CONF_OBJECT, struct upstream_config, tls, .sub = &upstream_tls_table,
        .meaning = "TLS with the endpoints, for which {} is enough; absent = none."),
    KEY("health", CONF_OBJECT, struct upstream_config, health, .sub = &health_conf_table,
        .meaning = "Which endpoints are fit to be used."),
    KEY("breaker", CONF_OBJECT, struct upstream_config, breaker, .sub = &breaker_conf_table,
        .meaning = "When the upstream is left alone for a while."),
    KEY("hedge", CONF_OBJECT, struct upstream_config, hedge, .sub = &hedge_conf_table,
        .meaning = "When a request without an answer is sent once more; absent = never."),
    KEY("concurrency", CONF_OBJECT, struct upstream_config, concurrency,
        .sub = &concurrency_conf_table,
        .meaning = "How many requests are under way at a time; absent = no limit."),
};
static const struct conf_table upstream_table = {
    .name = "upstream", .meaning = "A service and the endpoints that provide it.",
    .size = sizeof(struct upstream_config), .name_offset = offsetof(struct upstream_config, name),
    .keys = upstream_keys, .key_count = ARRAY_LEN(upstream_keys), .check = check_upstream,
    .item_offset = offsetof(struct upstream_config, item),
};

static const struct conf_key admin_keys[] = {
    KEY("address", CONF_ADDRESS, struct admin_config, address, .flags = CONF_REQUIRED,
        .meaning = "Where /metrics and /ready are served, and /faults, by which faults are listed, "
                   "added, changed and removed; loopback unless you know better. Other machines "
                   "can call /faults only when there is a token."),
    KEY("token", CONF_STRING, struct admin_config, token, .flags = CONF_NOT_EMPTY,
        .meaning = "What each call to /faults must bring as \"Authorization: Bearer TOKEN\"; absent: "
                   "calls need nothing of the kind."),
    KEY("hosts", CONF_LIST, struct admin_config, hosts, .element = CONF_STRING,
        .flags = CONF_NOT_EMPTY,
        .meaning = "Names that calls to /faults may have in their Host field, beside those of this "
                   "machine itself: a browser that was led here by another name is refused."),
};
static const struct conf_table admin_table = {
    .name = "admin", .meaning = "The admin address.", .size = sizeof(struct admin_config),
    .keys = admin_keys, .key_count = ARRAY_LEN(admin_keys), .shorthand = "address",
    .item_offset = CONF_NO_ITEM,
};

#define FORMAT_NAME(id, name) [ACCESS_##id] = name,
static const char *const access_formats[] = {ACCESS_FORMATS(FORMAT_NAME) NULL};
static const struct conf_key access_log_keys[] = {
    KEY("path", CONF_STRING, struct access_log_config, path,
        .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
        .meaning = "The file that lines are appended to; \"-\" is standard output."),
    KEY("format", CONF_ENUM, struct access_log_config, format, .otherwise = "json",
        .choices = access_formats,
        .meaning = "The request record as JSON, HAProxy's httplog (its counts of connections are those "
                   "of one worker), Envoy's default format, or nginx's combined with rt, uct, uht and "
                   "urt, the times of the request and its upstream, behind it."),
};
static const struct conf_table access_log_table = {
    .name = "access_log", .meaning = "Where a line goes for each request, and how it looks.",
    .size = sizeof(struct access_log_config), .keys = access_log_keys,
    .key_count = ARRAY_LEN(access_log_keys), .shorthand = "path", .item_offset = CONF_NO_ITEM,
};

static const char *const cleanup_names[] = {"inline", "deferred", "pooled", NULL};
static const struct conf_key proxy_keys[] = {
    KEY("name", CONF_STRING, struct proxy_config, name, .otherwise = "proxy",
        .flags = CONF_NOT_EMPTY | CONF_AT_START, .meaning = "The process's name in records and log lines."),
    KEY("workers", CONF_INT, struct proxy_config, workers, .otherwise = "0", .max = 256,
        .flags = CONF_AT_START, .meaning = "Threads that serve; 0 = one per core."),
    KEY("listeners", CONF_LIST, struct proxy_config, listeners,
        .flags = CONF_REQUIRED | CONF_NOT_EMPTY, .sub = &listener_table,
        .meaning = "Where to accept connections."),
    KEY("routes", CONF_LIST, struct proxy_config, routes, .flags = CONF_REQUIRED | CONF_NOT_EMPTY,
        .sub = &route_table, .meaning = "Which requests go where."),
    KEY("upstreams", CONF_MAP, struct proxy_config, upstreams,
        .flags = CONF_REQUIRED | CONF_NOT_EMPTY, .sub = &upstream_table,
        .meaning = "The services behind the gateway, by name."),
    KEY("cleanup", CONF_ENUM, struct proxy_config, cleanup, .otherwise = "pooled",
        .choices = cleanup_names,
        .flags = CONF_AT_START, .meaning = "When a request's resources are given back: at their last use (inline), when the "
                   "whole exchange has ended (deferred), or at their last use and recycled (pooled)."),
    KEY("timeout_status", CONF_INT, struct proxy_config, timeout_status, .otherwise = "504",
        .min = 500, .max = 599, .meaning = "Status that answers an upstream's timeout."),
    KEY("record", CONF_STRING, struct proxy_config, record, .flags = CONF_NOT_EMPTY | CONF_AT_START,
        .meaning = "Folder for the records, which \"tailgate export\" reads; a relative path is one from "
                   "the folder the gateway was started in. Without it nothing is recorded."),
    KEY("record_limit", CONF_SIZE, struct proxy_config, record_limit, .otherwise = "0",
        .flags = CONF_AT_START, .meaning = "Bytes of records at most; what comes after is dropped and counted; 0 = no limit."),
    KEY("access_log", CONF_OBJECT, struct proxy_config, access_log, .sub = &access_log_table,
        .flags = CONF_AT_START, .meaning = "One line per request. The file is opened anew on SIGUSR1."),
    KEY("user", CONF_STRING, struct proxy_config, user, .flags = CONF_NOT_EMPTY | CONF_AT_START,
        .meaning = "Who the process becomes once its ports are open and its keys are read, when it is "
                   "started as root. Records and logs are written as this user, and a reload reads the "
                   "configuration and keys as this user."),
    KEY("group", CONF_STRING, struct proxy_config, group, .flags = CONF_NOT_EMPTY | CONF_AT_START,
        .meaning = "The group it becomes a member of with `user`; absent = the user's own."),
    KEY("watch", CONF_DURATION, struct proxy_config, watch, .otherwise = "1s", .min = 10e6, .max = 3600e9,
        .meaning = "How often files of endpoints are looked at."),
    KEY("resolver", CONF_OBJECT, struct proxy_config, resolver, .sub = &resolver_conf_table,
        .meaning = "How the names of endpoints are looked up."),
    KEY("drain", CONF_DURATION, struct proxy_config, drain, .otherwise = "30s",
        .meaning = "How long requests in flight may go on after SIGTERM; 0s = they are cut at once."),
    KEY("seed", CONF_INT, struct proxy_config, seed, .otherwise = "0", .max = 9007199254740991.0,
        .flags = CONF_AT_START, .meaning = "Seed of every random draw; 0 = a different one at each start."),
    KEY("limits", CONF_OBJECT, struct proxy_config, limits, .sub = &limits_table,
        .meaning = "Sizes beyond which a message is refused."),
    KEY("identity", CONF_OBJECT, struct proxy_config, identity, .sub = &identity_table,
        .meaning = "How the gateway names itself in the messages it passes on."),
    KEY("admin", CONF_OBJECT, struct proxy_config, admin, .sub = &admin_table,
        .flags = CONF_AT_START, .meaning = "The admin address; absent = none."),
    KEY("faults", CONF_LIST, struct proxy_config, faults, .sub = &fault_conf_table,
        .meaning = "What goes wrong on purpose between the gateway and its endpoints, as if it were the "
                   "network or they: every try that is touched says so in its record. At most 64. "
                   "Health checks are not touched."),
    KEY("fault_headers", CONF_OBJECT, struct proxy_config, fault_headers, .sub = &fault_headers_table,
        .meaning = "Who may ask for faults by header fields; absent = nobody."),
};
/* clang-format on */

int proxy_config_upstream(const struct proxy_config *config, const char *name)
{
    const struct upstream_config *upstreams = config->upstreams.items;
    for (size_t i = 0; i < config->upstreams.count; i++)
        if (strcmp(upstreams[i].name, name) == 0)
            return (int)i;
    return -1;
}

int proxy_config_route(const struct proxy_config *config, const struct proxy_config *other,
                       size_t number)
{
    const struct route_config *routes = config->routes.items, *others = other->routes.items;
    size_t ordinal = 0;
    for (size_t i = 0; i < number; i++)
        ordinal += strcmp(others[i].name, others[number].name) == 0;
    for (size_t i = 0; i < config->routes.count; i++)
        if (strcmp(routes[i].name, others[number].name) == 0 && ordinal-- == 0)
            return (int)i;
    return -1;
}

/* What a listener says nothing of is as the proxy has it. */
static void complete_limits(struct proxy_config *config)
{
    struct listener_config *listeners = config->listeners.items;
    for (size_t i = 0; i < config->listeners.count; i++) {
        struct request_limits limits = config->limits.request;
        config_take_given(&request_limits_table, conf_member(listeners[i].item, "limits"),
                          &listeners[i].limits, &limits);
        listeners[i].limits = limits;
    }
}

/* As http_name_reads_as wants it. */
static const char *folded(struct conf_read *read, const char *name)
{
    char *text = arena_text(conf_read_arena(read), config_lower(read, name), strlen(name));
    for (char *at = text; *at; at++)
        if (*at == '_')
            *at = '-';
    return text;
}

/* Of all listeners together. */
static void note_credential_fields(struct conf_read *read, struct proxy_config *config)
{
    const struct listener_config *listeners = config->listeners.items;
    struct conf_list *fields = &config->credential_fields;
    const char **names =
        arena_alloc(conf_read_arena(read), 3 * config->listeners.count * sizeof(*names));
    fields->items = names;
    for (size_t i = 0; i < config->listeners.count; i++) {
        if (listeners[i].tls.subject_field)
            names[fields->count++] = folded(read, listeners[i].tls.subject_field);
        if (!listeners[i].tls.certificate_field)
            continue;
        names[fields->count++] = folded(read, listeners[i].tls.certificate_field);
        if (strcmp(names[fields->count - 1], "client-cert") == 0)
            names[fields->count++] = "client-cert-chain"; /* RFC 9440 2.4 */
    }
}

static enum result check_proxy(struct conf_read *read, void *object, const struct cJSON *item)
{
    const struct proxy_config *config = object;
    if (config->group && !config->user)
        return conf_fail(read, conf_member(item, "group"),
                         "\"group\" goes with \"user\", which is missing");
    complete_limits(object);
    note_credential_fields(read, object);
    enum result result = routing_build(read, object);
    return result == OK ? config_check_faults(read, config) : result;
}

const struct conf_table proxy_conf_table = {
    .name = "proxy",
    .meaning = "A gateway: where it listens, what it routes where, and how long it waits.",
    .size = sizeof(struct proxy_config),
    .keys = proxy_keys,
    .key_count = ARRAY_LEN(proxy_keys),
    .check = check_proxy,
    .item_offset = CONF_NO_ITEM,
};
