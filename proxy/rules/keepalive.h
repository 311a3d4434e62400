/* SPDX-License-Identifier: MIT */
/* How long an endpoint says it keeps an idle connection, and for how many requests. Pure. */
#ifndef TAILGATE_PROXY_RULES_KEEPALIVE_H
#define TAILGATE_PROXY_RULES_KEEPALIVE_H

#include "lib/base/clock.h"
#include "lib/http/head.h"

struct keepalive {
    duration timeout; /* negative: nothing is said */
    int64_t requests; /* further ones on this connection; negative: nothing is said */
};

static const struct keepalive keepalive_unknown = {{-1}, -1};

/* `Keep-Alive: timeout=N, max=M` of a response; what cannot be read is left out. */
struct keepalive keepalive_read(const struct http_head *head);

#endif
