/* SPDX-License-Identifier: MIT */
#include "proxy/observe/endpoint_metrics.h"

/* An endpoint by its place in the configuration. */
struct place {
    size_t upstream, endpoint;
};

static struct shared_endpoint *endpoint_at(const struct proxy *proxy, struct place at)
{
    return proxy->generation->upstreams[at.upstream].endpoints[at.endpoint];
}

static uint64_t attempts(const struct proxy *proxy, struct place at)
{
    const struct shared_endpoint *endpoint = endpoint_at(proxy, at);
    uint64_t total = 0;
    for (size_t i = 0; i < proxy->worker_count; i++)
        total += counter_read(&endpoint->counters[i].attempts);
    return total;
}

static uint64_t connections(const struct proxy *proxy, struct place at)
{
    int open = atomic_load(&endpoint_at(proxy, at)->connections);
    return open > 0 ? (uint64_t)open : 0;
}

static uint64_t fit(const struct proxy *proxy, struct place at)
{
    return health_is_fit(&endpoint_at(proxy, at)->health);
}

static const struct {
    const char *name, *type, *meaning;
    uint64_t (*value)(const struct proxy *proxy, struct place at);
} rows[] = {
    {"endpoint_attempts_total", "counter", "tries by endpoint", attempts},
    {"endpoint_connections", "gauge", "connections by endpoint, open or being opened", connections},
    {"endpoint_fit", "gauge", "1: used; 0: ejected, or its health checks fail", fit},
};

void metrics_append_label(struct buf *out, const char *before, const char *value)
{
    buf_append_text(out, before);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            buf_append_text(out, "\\");
        buf_append(out, value, 1);
    }
}

static void append_row(struct buf *out, const struct proxy *proxy, size_t row)
{
    const struct upstream_config *upstreams = proxy->config->upstreams.items;
    buf_printf(out, "# HELP tailgate_%s %s\n# TYPE tailgate_%s %s\n", rows[row].name,
               rows[row].meaning, rows[row].name, rows[row].type);
    for (size_t i = 0; i < proxy->config->upstreams.count; i++) {
        const struct endpoint_config *endpoints = upstreams[i].endpoints.items;
        for (size_t j = 0; j < upstreams[i].endpoints.count; j++) {
            struct place at = {i, j};
            buf_printf(out, "tailgate_%s", rows[row].name);
            metrics_append_label(out, "{upstream=\"", upstreams[i].name);
            metrics_append_label(out, "\",endpoint=\"", endpoints[j].name);
            buf_printf(out, "\"} %llu\n", (unsigned long long)rows[row].value(proxy, at));
        }
    }
}

static void append_breakers(struct buf *out, const struct proxy *proxy)
{
    const struct upstream_config *upstreams = proxy->config->upstreams.items;
    buf_append_text(out, "# HELP tailgate_breaker_state 0: closed; 1: open; 2: half open\n"
                         "# TYPE tailgate_breaker_state gauge\n");
    for (size_t i = 0; i < proxy->config->upstreams.count; i++) {
        metrics_append_label(out, "tailgate_breaker_state{upstream=\"", upstreams[i].name);
        buf_printf(out, "\"} %d\n",
                   (int)breaker_state(&proxy->generation->upstreams[i].shared->breaker));
    }
}

void endpoint_metrics_write(struct buf *out, const struct proxy *proxy)
{
    append_breakers(out, proxy);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        append_row(out, proxy, i);
}
