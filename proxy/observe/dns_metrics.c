/* SPDX-License-Identifier: MIT */
#include "proxy/observe/dns_metrics.h"

#include "proxy/observe/endpoint_metrics.h"

static void write_head(struct buf *out, const char *name, const char *type, const char *meaning)
{
    buf_printf(out, "# HELP tailgate_%s %s\n# TYPE tailgate_%s %s\n", name, meaning, name, type);
}

static void write_counter(struct buf *out, const char *name, const char *meaning, uint64_t value)
{
    write_head(out, name, "counter", meaning);
    buf_printf(out, "tailgate_%s %llu\n", name, (unsigned long long)value);
}

static uint64_t addresses(const struct dns_name *name)
{
    return name->targets.count;
}

static uint64_t failing(const struct dns_name *name)
{
    return name->failing;
}

static const struct {
    const char *name, *meaning;
    uint64_t (*value)(const struct dns_name *name);
} rows[] = {
    {"dns_addresses", "addresses that a name stands for", addresses},
    {"dns_failing", "1: the last lookup of the name failed, and its addresses may be old", failing},
};

static void write_names(struct buf *out, const struct directory *directory)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        write_head(out, rows[i].name, "gauge", rows[i].meaning);
        list_foreach (node, &directory->names) {
            const struct dns_name *name = list_entry(node, struct dns_name, node);
            buf_printf(out, "tailgate_%s", rows[i].name);
            metrics_append_label(out, "{name=\"", name->host);
            buf_printf(out, "\"} %llu\n", (unsigned long long)rows[i].value(name));
        }
    }
}

static void write_failures(struct buf *out, const struct directory *directory)
{
    write_head(out, "dns_failures_total", "counter", "lookups that failed or found no address");
    for (int result = DNS_ANSWERED + 1; result < DNS_CANCELLED; result++)
        buf_printf(out, "tailgate_dns_failures_total{reason=\"%s\"} %llu\n",
                   dns_result_name((enum dns_result)result),
                   (unsigned long long)directory->results[result]);
}

void dns_metrics_write(struct buf *out, const struct proxy *proxy)
{
    const struct directory *directory = &proxy->directory;
    if (list_empty(&directory->names) && directory->lookups == 0)
        return;
    write_counter(out, "dns_lookups_total", "lookups of endpoints' names that have ended",
                  directory->lookups);
    write_failures(out, directory);
    write_counter(out, "dns_addresses_cut_total",
                  "addresses left out of answers (resolver.max_addresses)", directory->cut);
    write_counter(out, "dns_updates_refused_total", "changed answers that could not be taken over",
                  proxy->answers_refused);
    write_names(out, directory);
}
