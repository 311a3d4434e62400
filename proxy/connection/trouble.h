/* SPDX-License-Identifier: MIT */
/* Why an endpoint cannot be reached: the log says so when it begins and once a minute while it
 * lasts, at most once a second for each cause when it comes and goes, and when it is over. */
#ifndef TAILGATE_PROXY_CONNECTION_TROUBLE_H
#define TAILGATE_PROXY_CONNECTION_TROUBLE_H

#include "lib/base/log_pace.h"
#include "lib/record/cause.h"

struct pool;

enum trouble {
    TROUBLE_REFUSED,
    TROUBLE_TIMEOUT,
    TROUBLE_OTHER,
    TROUBLE_DESCRIPTORS,
    TROUBLE_TLS,
    TROUBLE_COUNT
};

enum { TROUBLE_REASON = 120 };

/* Of one endpoint, as one worker sees it. A zeroed one is ready. */
struct troubles {
    struct log_pace paces[TROUBLE_COUNT];
    unsigned lasting;            /* bits of enum trouble */
    enum cause cause;            /* of the last one */
    char reason[TROUBLE_REASON]; /* of the last one: what may stand in a quoted string */
};

/* Another failure, of a cause for which there is no connection. `reason` is what the system or the
 * TLS library says; NULL = no more is known. */
void trouble_note(struct pool *pool, enum cause cause, const char *reason);

/* The reason of the last failure, if that was its cause; NULL = there is none to tell. */
const char *trouble_reason(const struct pool *pool, enum cause cause);

/* A connection was made; with TLS, its handshake has succeeded. */
void trouble_over_connecting(struct pool *pool);
void trouble_over_securing(struct pool *pool);

#endif
