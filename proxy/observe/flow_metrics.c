/* SPDX-License-Identifier: MIT */
#include "proxy/observe/flow_metrics.h"

#include <string.h>

#include "proxy/observe/endpoint_metrics.h"
#include "proxy/process/limiters.h"
#include "proxy/process/proxy.h"

static const struct {
    const char *name, *meaning;
    size_t offset; /* of the atomic_int in struct limiter */
} rows[] = {
    {"concurrency_limit", "requests that may be under way at a time",
     offsetof(struct limiter, permits.limit)},
    {"concurrency_in_flight", "those that are", offsetof(struct limiter, permits.in_flight)},
    {"concurrency_waiting", "requests that wait for one of them to end",
     offsetof(struct limiter, waiting)},
};

/* Of routes several may have one name: those say their place in the file as well. */
static bool has_namesake(const struct proxy_config *config, size_t number)
{
    const struct route_config *routes = config->routes.items;
    for (size_t i = 0; i < config->routes.count; i++)
        if (i != number && strcmp(routes[i].name, routes[number].name) == 0)
            return true;
    return false;
}

/* Of limiter `number`: upstreams come first. */
static void append_labels(struct buf *out, const struct proxy_config *config, size_t number,
                          const char *name)
{
    size_t upstreams = config->upstreams.count;
    metrics_append_label(out, number < upstreams ? "{upstream=\"" : "{route=\"", name);
    if (number >= upstreams && has_namesake(config, number - upstreams))
        buf_printf(out, "\",place=\"%zu", number - upstreams + 1);
}

void flow_metrics_write(struct buf *out, const struct proxy *proxy)
{
    const struct generation *generation = atomic_load(&proxy->generation);
    size_t count = limiters_count(&generation->config);
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        buf_printf(out, "# HELP tailgate_%s %s\n# TYPE tailgate_%s gauge\n", rows[row].name,
                   rows[row].meaning, rows[row].name);
        for (size_t i = 0; i < count; i++) {
            const struct limiter *limiter = generation->limiters[i];
            if (!limiter)
                continue;
            const char *at = (const char *)limiter + rows[row].offset;
            buf_printf(out, "tailgate_%s", rows[row].name);
            append_labels(out, &generation->config, i, limiter_name(&generation->config, i));
            buf_printf(out, "\"} %d\n", atomic_load((const atomic_int *)(const void *)at));
        }
    }
}
