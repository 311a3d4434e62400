/* SPDX-License-Identifier: MIT */
#include "proxy/observe/latency.h"

#include "proxy/observe/endpoint_metrics.h"
#include "proxy/process/proxy.h"

/* The upper ends of the buckets. */
static const struct {
    const char *seconds;
    int64_t ns;
} ends[LATENCY_BUCKET_COUNT] = {
    {"0.00025", 250 * NS_PER_US}, {"0.0005", 500 * NS_PER_US}, {"0.001", NS_PER_MS},
    {"0.0025", 2500 * NS_PER_US}, {"0.005", 5 * NS_PER_MS},    {"0.01", 10 * NS_PER_MS},
    {"0.025", 25 * NS_PER_MS},    {"0.05", 50 * NS_PER_MS},    {"0.1", 100 * NS_PER_MS},
    {"0.25", 250 * NS_PER_MS},    {"0.5", 500 * NS_PER_MS},    {"1", NS_PER_S},
    {"2.5", 2500 * NS_PER_MS},    {"5", 5 * NS_PER_S},         {"10", 10 * NS_PER_S},
    {"30", 30 * NS_PER_S},        {"60", 60 * NS_PER_S},
};

static void add(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_store_explicit(counter, counter_read(counter) + value, memory_order_relaxed);
}

void latency_note(struct latency *latency, duration took)
{
    size_t bucket = 0;
    while (bucket < LATENCY_BUCKET_COUNT && took.ns > ends[bucket].ns)
        bucket++;
    add(&latency->buckets[bucket], 1);
    add(&latency->sum_ns, took.ns > 0 ? (uint64_t)took.ns : 0);
}

static uint64_t sum(const struct proxy *proxy, const struct shared_upstream *upstream,
                    size_t bucket)
{
    uint64_t total = 0;
    for (size_t i = 0; i < proxy->worker_count; i++)
        total += counter_read(&upstream->latency[i].buckets[bucket]);
    return total;
}

static double seconds(const struct proxy *proxy, const struct shared_upstream *upstream)
{
    uint64_t total = 0;
    for (size_t i = 0; i < proxy->worker_count; i++)
        total += counter_read(&upstream->latency[i].sum_ns);
    return (double)total / (double)NS_PER_S;
}

static void begin_line(struct buf *out, const char *suffix, const char *upstream)
{
    buf_printf(out, "tailgate_request_duration_seconds%s", suffix);
    metrics_append_label(out, "{upstream=\"", upstream);
}

static void append_upstream(struct buf *out, const struct proxy *proxy, const char *name,
                            const struct shared_upstream *upstream)
{
    uint64_t total = 0;
    for (size_t i = 0; i <= LATENCY_BUCKET_COUNT; i++) {
        total += sum(proxy, upstream, i);
        begin_line(out, "_bucket", name);
        buf_printf(out, "\",le=\"%s\"} %llu\n", i < LATENCY_BUCKET_COUNT ? ends[i].seconds : "+Inf",
                   (unsigned long long)total);
    }
    begin_line(out, "_sum", name);
    buf_printf(out, "\"} %.6f\n", seconds(proxy, upstream));
    begin_line(out, "_count", name);
    buf_printf(out, "\"} %llu\n", (unsigned long long)total);
}

void latency_metrics_write(struct buf *out, const struct proxy *proxy)
{
    const struct upstream_config *upstreams = proxy->config->upstreams.items;
    buf_append_text(out, "# HELP tailgate_request_duration_seconds from a request's first byte to "
                         "its answer's last, by upstream\n"
                         "# TYPE tailgate_request_duration_seconds histogram\n");
    for (size_t i = 0; i < proxy->config->upstreams.count; i++)
        append_upstream(out, proxy, upstreams[i].name, proxy->generation->upstreams[i].shared);
}
