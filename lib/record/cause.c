/* SPDX-License-Identifier: MIT */
#include "lib/record/cause.h"

#include <stddef.h>
#include <string.h>

/* clang-format off */
#define CAUSE_ROW(id, name, status, envoy, haproxy, proxy_status, meaning, advice) \
    [CAUSE_##id] = {name, status, envoy, haproxy, proxy_status, meaning, advice},
/* clang-format on */

static const struct cause_row rows[CAUSE_COUNT] = {CAUSES(CAUSE_ROW)};

const struct cause_row *cause_row(enum cause cause)
{
    size_t index = (size_t)cause;
    return &rows[index < CAUSE_COUNT ? index : CAUSE_NONE];
}

enum cause cause_by_name(const char *name)
{
    for (size_t i = 0; i < CAUSE_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return (enum cause)i;
    return CAUSE_COUNT;
}

static bool is_failure_status(int status)
{
    return status >= 502 && status <= 504;
}

bool cause_is_gateway_failure(enum cause cause, int status)
{
    if (is_failure_status(status) || cause == CAUSE_UNKNOWN)
        return true; /* "unknown" is said of failures alone */
    /* Another status with a cause that answers 502 to 504: the head was already sent when it
     * happened, so that the exchange was cut short. An injected abort chooses its status freely and
     * always answers itself. */
    return cause != CAUSE_FAULT_ABORT && is_failure_status(cause_row(cause)->status);
}
