/* SPDX-License-Identifier: MIT */
#include "proxy/observe/fault_metrics.h"

#include "proxy/observe/endpoint_metrics.h"
#include "proxy/process/proxy.h"

static long long is_on(const struct fault_common *common)
{
    return atomic_load(&common->on);
}

static long long touched(const struct fault_common *common)
{
    return (long long)atomic_load(&common->touched);
}

static long long active(const struct fault_common *common)
{
    return (long long)atomic_load(&common->active);
}

static const struct {
    const char *name, *type, *meaning;
    long long (*value)(const struct fault_common *common);
} rows[] = {
    {"fault_on", "gauge", "whether an injected fault is on", is_on},
    {"fault_touched_total", "counter", "connections or requests that it has touched", touched},
    {"fault_active", "gauge", "those that it touches now", active},
};

void fault_metrics_write(struct buf *out, const struct proxy *proxy)
{
    const struct fault_set *set = &proxy->faults.current;
    for (size_t row = 0; row < ARRAY_LEN(rows) && set->count > 0; row++) {
        buf_printf(out, "# HELP tailgate_%s %s\n# TYPE tailgate_%s %s\n", rows[row].name,
                   rows[row].meaning, rows[row].name, rows[row].type);
        for (size_t i = 0; i < set->count; i++) {
            const struct fault_rule *rule = set->rules[i];
            buf_printf(out, "tailgate_%s", rows[row].name);
            metrics_append_label(out, "{fault=\"", rule->common->name);
            metrics_append_label(out, "\",kind=\"",
                                 fault_row((enum fault_kind)rule->fault->config.kind)->name);
            buf_printf(out, "\"} %lld\n", rows[row].value(rule->common));
        }
    }
}
