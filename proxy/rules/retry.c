/* SPDX-License-Identifier: MIT */
#include "proxy/rules/retry.h"

/* The condition that a cause meets; 0: it is never tried again. */
static const unsigned conditions[CAUSE_COUNT] = {
    [CAUSE_CONNECT_REFUSED] = RETRY_CONNECT,
    [CAUSE_CONNECT_TIMEOUT] = RETRY_CONNECT,
    [CAUSE_CONNECT_FAILED] = RETRY_CONNECT,
    [CAUSE_REUSED_CLOSED] = RETRY_REUSED_CLOSED,
    [CAUSE_CLOSED_BEFORE_RESPONSE] = RETRY_CLOSED,
    [CAUSE_RESET_BEFORE_RESPONSE] = RETRY_RESET,
    [CAUSE_RESPONSE_TIMEOUT] = RETRY_RESPONSE_TIMEOUT,
    [CAUSE_SEND_TIMEOUT] = RETRY_RESPONSE_TIMEOUT,
    [CAUSE_TLS_FAILED] = RETRY_CONNECT,
};

static bool is_unwanted_status(const struct retry_config *config, int status)
{
    const int64_t *statuses = config->statuses.items;
    for (size_t i = 0; i < config->statuses.count; i++)
        if (statuses[i] == status)
            return true;
    return false;
}

bool retry_wants_cause(const struct retry_config *config, enum cause cause)
{
    return (config->on & conditions[cause]) != 0;
}

bool retry_is_free(enum cause cause)
{
    return conditions[cause] == RETRY_CONNECT && cause != CAUSE_TLS_FAILED;
}

bool retry_wants_response(const struct retry_config *config, const struct http_head *head)
{
    return is_unwanted_status(config, head->status) ||
           (config->header && http_field_named(head, config->header));
}

bool retry_is_safe(const struct retry_config *config, bool idempotent, bool sent)
{
    return !sent || idempotent || config->non_idempotent;
}

duration retry_pause(const struct retry_config *config, enum cause cause, int tries,
                     struct rng *rng)
{
    double longest = (double)config->backoff.ns;
    if (longest <= 0 || cause == CAUSE_REUSED_CLOSED)
        return (duration){0};
    for (int i = 1; i < tries; i++)
        longest *= 2;
    if (longest > (double)config->backoff_longest.ns)
        longest = (double)config->backoff_longest.ns;
    return (duration){(int64_t)(rng_unit(rng) * longest)};
}
