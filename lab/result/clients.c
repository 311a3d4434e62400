/* SPDX-License-Identifier: MIT */
#include "lab/result/clients.h"

#include <stdio.h>

#include "lab/read/exchanges.h"
#include "lib/record/reader.h"

void clients_count_failure(struct variant_summary *variant, const struct exchange *exchange)
{
    variant->client_errors[exchange->error]++;
    variant->client_failures++;
    variant->client_only_failures += !exchange_failed(exchange);
}

bool clients_are_lost(const struct variant_summary *variant)
{
    return (double)variant->client_only_failures > CLIENTS_CLEAN * (double)variant->requests;
}

const char *clients_note(const struct variant_summary *variant, char *out, size_t size)
{
    size_t length = 0;
    out[0] = '\0';
    if (!clients_are_lost(variant))
        return out;
    length += (size_t)snprintf(out, size, "in %s, %llu of %llu requests got no whole answer (",
                               variant->label, (unsigned long long)variant->client_failures,
                               (unsigned long long)variant->requests);
    const char *between = "";
    for (int i = 0; i < CLIENT_ERROR_COUNT && length < size; i++) {
        if (variant->client_errors[i] == 0)
            continue;
        length += (size_t)snprintf(out + length, size - length, "%s%s %llu", between,
                                   client_error_name((enum client_error)i),
                                   (unsigned long long)variant->client_errors[i]);
        between = ", ";
    }
    if (length < size)
        snprintf(out + length, size - length,
                 "), and %llu of them are no failures of the gateway: its failure rate does not "
                 "have them (client_failures does)",
                 (unsigned long long)variant->client_only_failures);
    return out;
}
