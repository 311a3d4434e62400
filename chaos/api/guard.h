/* SPDX-License-Identifier: MIT */
/* Who may call the API. */
#ifndef TAILGATE_CHAOS_API_GUARD_H
#define TAILGATE_CHAOS_API_GUARD_H

#include "chaos/config.h"
#include "lib/http/head.h"

/* What a call is refused with. */
struct guard_refusal {
    int status;
    const char *text;
};

/* NULL when the call may pass: it is not a browser's on behalf of another site, came by a name of
 * this machine, and has the token, where there is one. */
const struct guard_refusal *guard_check(const struct chaos_api_config *config,
                                        const struct http_head *head);

#endif
