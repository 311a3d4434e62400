/* SPDX-License-Identifier: MIT */
/* Which failed tries may be followed by another, and after what pause. Pure. */
#ifndef TAILGATE_PROXY_RULES_RETRY_H
#define TAILGATE_PROXY_RULES_RETRY_H

#include <stdbool.h>

#include "lib/base/rng.h"
#include "lib/http/head.h"
#include "lib/record/cause.h"
#include "proxy/config/config.h"

/* Whether the configuration wants another try after a failure of that cause. */
bool retry_wants_cause(const struct retry_config *config, enum cause cause);

/* Whether such a failure has cost no endpoint anything: there was no connection to send the request
 * over. Another try adds no load then, so it needs no budget. */
bool retry_is_free(enum cause cause);

/* Whether it wants another try instead of that response. */
bool retry_wants_response(const struct retry_config *config, const struct http_head *head);

/* Whether some response may be tried again. */
static inline bool retry_looks_at_responses(const struct retry_config *config)
{
    return config->statuses.count > 0 || config->header;
}

/* Whether sending the request again can do no harm the configuration does not accept: nothing of it
 * was sent, or it is idempotent (RFC 9110 9.2.2), or the configuration says so. */
bool retry_is_safe(const struct retry_config *config, bool idempotent, bool sent);

/* The pause before a further try, `tries` having failed so far: evenly drawn from zero to the base
 * doubled with each try, up to the longest. A pooled connection that was closed is no reason to
 * wait. */
duration retry_pause(const struct retry_config *config, enum cause cause, int tries,
                     struct rng *rng);

#endif
