/* SPDX-License-Identifier: MIT */
#include "lab/result/summary_route.h"

#include <string.h>

#include "lab/result/clients.h"

static void count(struct variant_summary *summary, const struct exchange *exchange)
{
    summary->requests++;
    hist_record(summary->latency, duration_ns(exchange->latency));
    hist_record(summary->lag, duration_ns(exchange->lag));
    if (exchange_answered(exchange))
        summary->statuses[exchange->status < SUMMARY_STATUSES ? exchange->status : 0]++;
    else
        clients_count_failure(summary, exchange);
    summary_count_cause(summary, (enum cause)exchange->cause, exchange->gateway_status);
}

void summary_route_count(struct variant_summary *summary, const struct exchanges *exchanges,
                         size_t variant, int64_t number, const char *route)
{
    *summary = (struct variant_summary){.label = route, .latency = hist_new(), .lag = hist_new()};
    size_t name = 0;
    while (name < exchanges->names.count && strcmp(exchanges->names.items[name], route) != 0)
        name++;
    for (size_t i = 0; i < exchanges->count; i++) {
        const struct exchange_round *round = &exchanges->rounds[i];
        if (!exchange_round_is(round, variant, number))
            continue;
        for (size_t at = 0; at < round->count; at++)
            if (round->items[at].rows > 0 && !round->items[at].warmup &&
                round->items[at].route == name)
                count(summary, &round->items[at]);
    }
    summary_set_shares(summary);
}
