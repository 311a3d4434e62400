/* SPDX-License-Identifier: MIT */
/* The gateway's configuration, as read from its file by the tables in config.c. */
#ifndef TAILGATE_PROXY_CONFIG_CONFIG_H
#define TAILGATE_PROXY_CONFIG_CONFIG_H

#include "lib/base/clock.h"
#include "lib/conf/conf.h"
#include "proxy/config/config_balance.h"
#include "proxy/config/config_breaker.h"
#include "proxy/config/config_endpoint.h"
#include "proxy/config/config_fault.h"
#include "proxy/config/config_flow.h"
#include "proxy/config/config_health.h"
#include "proxy/config/config_origin.h"
#include "proxy/config/config_resolver.h"
#include "proxy/config/config_tls.h"

extern const struct conf_table proxy_conf_table;

/* When a request's resources are given back. */
enum proxy_cleanup { PROXY_CLEANUP_INLINE, PROXY_CLEANUP_DEFERRED, PROXY_CLEANUP_POOLED };

enum retry_condition {
    RETRY_CONNECT = 1,           /* the connection could not be established: nothing was sent */
    RETRY_REUSED_CLOSED = 2,     /* a pooled connection closed before a byte of the response */
    RETRY_CLOSED = 4,            /* a fresh one closed before a byte of the response */
    RETRY_RESET = 8,             /* a fresh one reset before a byte of the response */
    RETRY_RESPONSE_TIMEOUT = 16, /* no response head in time, nor the request taken */
};

struct client_timeouts {
    duration head;         /* from the first byte of a request to the end of its head */
    duration body;         /* between two reads of a request's body */
    duration send;         /* between two writes of a response */
    duration idle;         /* between two requests of a connection */
    duration proxy_header; /* from the connection to the end of its PROXY header */
};

/* How large a request may be. */
struct request_limits {
    uint64_t target; /* bytes */
    uint64_t head;   /* bytes */
    uint64_t body;   /* bytes; 0 = no limit */
    int64_t fields;
};

/* What a client does that shuts its sending side down behind its request. */
enum half_close { HALF_CLOSE_ABORT, HALF_CLOSE_ALLOW };

struct listener_config {
    const char *address;
    const char *mode;     /* of a Unix socket; NULL = what the umask leaves */
    unsigned permissions; /* derived from `mode`; 0 = likewise */
    int proxy_protocol;   /* bit set of enum proxy_header_version; 0 = none */
    int half_close;       /* enum half_close */
    struct client_timeouts timeout;
    struct request_limits limits; /* those its item does not name are the proxy's */
    struct listener_tls_config tls;
    struct origin_config origin;
    const struct cJSON *item;
};

struct upstream_timeouts {
    duration connect;
    duration response; /* from the request sent to the end of the response's head */
    duration idle;     /* between two reads of the response's body, or writes of the request's */
    duration total;    /* the whole exchange, all attempts included */
    duration queue;    /* waiting for a connection */
    duration tunnel;   /* nothing passes through an upgraded connection */
};

struct retry_config {
    int64_t attempts;          /* tries in all */
    unsigned on;               /* enum retry_condition */
    struct conf_list statuses; /* int64_t: responses that are tried again */
    const char *header;        /* a response with this field, too; lower case; NULL = none */
    bool non_idempotent;       /* also what may do its work twice */
    duration per_try; /* from the choice of an endpoint to the end of the response's head */
    duration backoff, backoff_longest;
    double budget; /* retries as a share of requests */
};

struct connections_config {
    int64_t max;   /* per endpoint, across all workers; 0 = no limit */
    int64_t idle;  /* kept open without a request, per endpoint across all workers */
    int64_t queue; /* requests that may wait for a connection, per upstream and worker */
    duration idle_timeout;
    duration keepalive_margin; /* closed so long before the endpoint would */
    duration max_age;          /* 0 = any */
    int64_t max_requests;      /* 0 = any number */
};

/* What is done about responses that come too late. */
struct late_config {
    duration window;     /* how long they are listened for; 0 = not at all */
    int64_t connections; /* at a time, per upstream and worker */
    uint64_t bytes;      /* of a response's head */
};

/* A field that a request must have, or must not. */
struct header_match {
    const char *name;
    const char *exact, *prefix;
    bool present; /* what is asked for when neither `exact` nor `prefix` is */
    const struct cJSON *item;
};

struct header_value {
    const char *name, *value;
    const struct cJSON *item;
};

/* Changes to the fields of a head. What is derived is worked out when the file is read. */
struct header_rules {
    struct conf_list set, add; /* struct header_value */
    struct conf_list remove;   /* const char * */
    const char **dropped;      /* derived: the names that are not passed on */
    size_t dropped_count;
    const char *lines; /* derived: whole lines that are put behind the others */
    size_t lines_length;
};

struct split_config {
    const char *upstream;
    int64_t weight;
    const struct cJSON *item;
};

struct redirect_config {
    int64_t status;
    const char *location; /* NULL: no redirect */
};

struct fixed_response {
    int64_t status; /* 0: no fixed response */
    const char *body, *type;
};

/* An upstream a route may lead to, with the timeouts, retries and hedging that hold on the way. */
struct route_target {
    size_t upstream; /* index */
    uint64_t weight;
    const struct upstream_timeouts *timeout;
    const struct retry_config *retry;
    const struct hedge_config *hedge;
    bool own_timeouts, own_hedge; /* they are not the upstream's */
};

/* Protocols of one route that a client may change to: they are kept as bits of an unsigned. */
enum { ROUTE_MAX_UPGRADES = 32 };

/* Which requests it takes, and what becomes of them. */
struct route_config {
    const char *name; /* in records */
    const char *host; /* NULL: any */
    const char *path; /* prefix */
    const char *exact;
    struct conf_list methods; /* const char * */
    struct conf_list headers; /* struct header_match */
    const char *upstream;     /* or else a split, a redirect or a response */
    struct conf_list split;   /* struct split_config */
    struct redirect_config redirect;
    struct fixed_response respond;
    struct header_rules request_headers, response_headers;
    struct conf_list upgrade; /* const char *; at most ROUTE_MAX_UPGRADES */
    struct rate_limit_config rate_limit;
    struct concurrency_config concurrency;
    struct upstream_timeouts timeout; /* those its item names stand in place of the upstream's */
    struct retry_config retry;        /* likewise */
    struct hedge_config hedge;        /* likewise */
    const struct cJSON *item;         /* where it was read from, for messages */
    /* Derived. */
    size_t host_length, path_length; /* of `exact`, or of `path` */
    struct route_target *targets;
    size_t target_count;
    size_t first_target; /* its number among the targets of all routes */
    uint64_t total_weight;
};

/* The routes in the order in which they are tried. */
struct routing {
    size_t *ranked;      /* indexes into proxy_config.routes */
    size_t target_count; /* of all routes */
    bool by_host;        /* some route looks at the host */
};

/* What tells a file from its successor. */
struct file_mark {
    uint64_t device, inode, size;
    int64_t changed; /* ns */
};

struct upstream_config {
    const char *name;
    const struct cJSON *item;
    /* struct endpoint_config; those of the file when there is one. Once the configuration is to be
     * used, addresses stand in place of names, and what was there is `configured`. */
    struct conf_list endpoints, configured;
    const char *endpoints_file; /* NULL: they stand in the configuration */
    struct file_mark file_mark; /* derived: of the file, before it was read */
    struct balance_config balance;
    struct upstream_timeouts timeout;
    struct retry_config retry;
    struct connections_config connections;
    struct late_config late;
    struct hedge_config hedge;
    struct concurrency_config concurrency;
    int proxy_protocol; /* enum proxy_header_version; 0 = none */
    struct upstream_tls_config tls;
    struct health_config health;
    struct breaker_config breaker;
};

struct admin_config {
    const char *address;    /* NULL: no admin address */
    const char *token;      /* that calls about faults must bring; NULL: none */
    struct conf_list hosts; /* const char * */
};

/* Formats of the access log: identifier and name in the configuration. */
#define ACCESS_FORMATS(X)                                                \
    X(JSON, "json")         /* the request record; made by lib/record */ \
    X(HTTPLOG, "httplog")   /* HAProxy's `option httplog` */             \
    X(ENVOY, "envoy")       /* Envoy's default format */                 \
    X(COMBINED, "combined") /* nginx's combined, with the upstream's times behind it */

#define ACCESS_FORMAT_ENUM(id, name) ACCESS_##id,
enum access_format { ACCESS_FORMATS(ACCESS_FORMAT_ENUM) ACCESS_FORMAT_COUNT };
#undef ACCESS_FORMAT_ENUM

struct access_log_config {
    const char *path; /* "-" is standard output, NULL: no access log */
    int format;       /* enum access_format */
};

struct limits_config {
    struct request_limits request;
    uint64_t response_head; /* bytes */
};

struct proxy_config {
    const char *name;
    int64_t workers; /* 0 = one per core */
    struct conf_list listeners;
    struct conf_list
        credential_fields; /* const char *, derived: what listeners call the fields that
                              tell of clients' certificates; no client writes them */
    struct conf_list routes;
    struct routing routing; /* derived from `routes` */
    struct conf_list upstreams;
    int cleanup; /* enum proxy_cleanup */
    int64_t timeout_status;
    const char *record; /* folder of segments, NULL = nothing is recorded */
    uint64_t record_limit;
    struct access_log_config access_log;
    duration watch; /* between two looks at files of endpoints */
    struct resolver_config resolver;
    duration drain;
    const char *user, *group; /* NULL: those it was started as; the user's own */
    int64_t seed;
    struct limits_config limits;
    struct identity_config identity;
    struct admin_config admin;
    struct conf_list faults; /* struct fault_config */
    struct fault_headers_config fault_headers;
};

/* Index of the named upstream, or -1. */
int proxy_config_upstream(const struct proxy_config *config, const char *name);

/* Index of the route that is called as route `number` of another configuration, or -1. Of several
 * of one name the first goes with the first. */
int proxy_config_route(const struct proxy_config *config, const struct proxy_config *other,
                       size_t number);

#endif
