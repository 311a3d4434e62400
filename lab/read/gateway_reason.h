/* SPDX-License-Identifier: MIT */
/* What other gateways say of a request that failed, in our words: lib/record/cause.h read the other
 * way round, and the sentences of nginx's error log. Several causes can have one word for them.
 * Pure. */
#ifndef TAILGATE_LAB_READ_GATEWAY_REASON_H
#define TAILGATE_LAB_READ_GATEWAY_REASON_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/record/cause.h"

#define GATEWAY_CAUSES 4

/* The causes that a word may stand for; none: nothing is known. */
struct gateway_causes {
    enum cause of[GATEWAY_CAUSES];
    size_t count;
};

/* `status` is the one that the gateway sent; 0 or less: none. */

/* nginx: a message of its error log ("" when there is none), and the status of the last upstream
 * (0: none). */
struct gateway_causes gateway_cause_nginx(const char *message, int status, int upstream_status);

/* HAProxy: its termination state ("SC", "SC--"), and whether a server had been chosen. */
struct gateway_causes gateway_cause_haproxy(const char *state, int status, bool server);

/* Envoy: its response flags ("UF,URX") and the details of its response code. */
struct gateway_causes gateway_cause_envoy(const char *flags, const char *details, int status);

/* Takes a cause out that it cannot have been. */
void gateway_causes_exclude(struct gateway_causes *causes, enum cause cause);

/* "closed_before_response or reused_closed"; "unknown" without any, "none" for CAUSE_NONE. */
const char *gateway_causes_text(const struct gateway_causes *causes, char *out, size_t size);

#endif
