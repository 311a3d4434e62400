/* SPDX-License-Identifier: MIT */
#include "chaos/api/metrics.h"

#include <string.h>

static struct link *link_at(struct list *node)
{
    return list_entry(node, struct link, node);
}

static void write_family(struct buf *out, const char *name, const char *type, const char *meaning)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, meaning, name, type);
}

/* A label's value, escaped as JSON is; what JSON escapes beyond that does not stand in names. */
static void write_label(struct buf *out, const char *label, const char *value)
{
    buf_printf(out, "%s=\"", label);
    buf_append_json(out, value, strlen(value));
    buf_append_text(out, "\"");
}

static void write_bytes(struct buf *out, const struct links *links, const char *family,
                        const char *meaning,
                        uint64_t (*count)(const struct link *link, enum fault_stream stream))
{
    write_family(out, family, "counter", meaning);
    list_foreach (node, &links->all) {
        const struct link *link = link_at(node);
        for (int i = FAULT_STREAM_UPSTREAM; i <= FAULT_STREAM_DOWNSTREAM; i++) {
            buf_printf(out, "%s{direction=\"%s\",", family,
                       fault_stream_name((enum fault_stream)i));
            write_label(out, "proxy", link->name);
            buf_append_text(out, ",");
            write_label(out, "listener", link->listen ? link->listen : "");
            buf_append_text(out, ",");
            write_label(out, "upstream", link->upstream ? link->upstream : "");
            buf_printf(out, "} %llu\n", (unsigned long long)count(link, (enum fault_stream)i));
        }
    }
}

static void write_links(struct buf *out, const struct links *links, const char *family,
                        const char *type, const char *meaning, size_t member)
{
    write_family(out, family, type, meaning);
    list_foreach (node, &links->all) {
        const struct link *link = link_at(node);
        buf_printf(out, "%s{", family);
        write_label(out, "link", link->name);
        buf_printf(
            out, "} %llu\n",
            (unsigned long long)*(const uint64_t *)(const void *)((const char *)link + member));
    }
}

static void write_faults(struct buf *out, const struct links *links, const char *family,
                         const char *type, const char *meaning, size_t member)
{
    write_family(out, family, type, meaning);
    list_foreach (node, &links->all) {
        const struct link *link = link_at(node);
        list_foreach (fault, &link->faults) {
            const struct live_fault *live = list_entry(fault, struct live_fault, node);
            buf_printf(out, "%s{", family);
            write_label(out, "link", link->name);
            buf_append_text(out, ",");
            write_label(out, "fault", live_config(live)->name);
            buf_printf(
                out, ",kind=\"%s\"} %llu\n",
                fault_row((enum fault_kind)live_config(live)->kind)->name,
                (unsigned long long)*(const uint64_t *)(const void *)((const char *)live + member));
        }
    }
}

void chaos_metrics_write(struct buf *out, const struct links *links)
{
    write_bytes(out, links, "toxiproxy_proxy_received_bytes_total",
                "bytes read from the side that sends", link_received);
    write_bytes(out, links, "toxiproxy_proxy_sent_bytes_total",
                "bytes written to the side that receives", link_sent);
    write_links(out, links, "tailgate_link_connections_total", "counter", "connections accepted",
                offsetof(struct link, accepted));
    write_links(out, links, "tailgate_link_connections", "gauge", "connections that are open",
                offsetof(struct link, open));
    write_links(out, links, "tailgate_link_unreached_total", "counter",
                "connections that found no upstream", offsetof(struct link, unreached));
    write_links(out, links, "tailgate_link_requests_total", "counter",
                "requests that were seen, by links with faults that are drawn for requests",
                offsetof(struct link, requests));
    write_faults(out, links, "tailgate_fault_connections_total", "counter",
                 "connections, or requests, that a fault has touched",
                 offsetof(struct live_fault, touched));
    write_faults(out, links, "tailgate_fault_connections", "gauge",
                 "connections, or requests, that a fault touches now",
                 offsetof(struct live_fault, active));
}
