/* SPDX-License-Identifier: MIT */
/* Who may change a running process by HTTP: somebody on this machine, or somebody who knows a
 * token; never a browser on behalf of another site. */
#ifndef TAILGATE_LIB_SERVE_GUARD_H
#define TAILGATE_LIB_SERVE_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/http/head.h"

struct guard {
    const char *address;      /* that is listened on, as it is configured */
    const char *token;        /* that each call must bring; NULL: none */
    const char *const *hosts; /* names that calls may have in their Host field, beside those of this
                                 machine itself */
    size_t host_count;
};

/* What a call is refused with. */
struct guard_refusal {
    int status;
    const char *text; /* without an end of line */
};

/* Whether an address can be reached from this machine alone: 127.0.0.0/8, [::1], a unix socket. */
bool guard_is_local(const char *address);

/* NULL when the call may pass: it is not a browser's on behalf of another site, came by a name of
 * this machine, and has the token, where there is one. */
const struct guard_refusal *guard_check(const struct guard *guard, const struct http_head *head);

#endif
