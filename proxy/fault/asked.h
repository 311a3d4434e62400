/* SPDX-License-Identifier: MIT */
/* Faults that requests ask for themselves, by fields of their heads:
 *
 *     X-Tailgate-Fault-KIND: VALUE; NAME=VALUE; ...
 *
 * KIND is that of the configuration, with "-" or "_"; the value without a name is that of the
 * kind's first parameter, and "share" may stand among the names. Envoy's
 * x-envoy-fault-abort-request, -delay-request (ms) and -throughput-response (KiB/s) are understood,
 * each with its -percentage. Only clients that the configuration trusts are heard, within its caps.
 */
#ifndef TAILGATE_PROXY_FAULT_ASKED_H
#define TAILGATE_PROXY_FAULT_ASKED_H

#include "proxy/fault/engine.h"

struct exchange;
struct http_head;

/* At most so many for one request. */
enum { ASKED_MAX = 8 };

/* What one request has asked for. */
struct asked {
    struct culprit *culprits[ASKED_MAX];
    size_t count;
};

/* Whether the field is one of those above: for the gateway, and not passed on. */
bool asked_is_field(const char *name, size_t length);

/* Reads what a request asks for into exchange->asked; where the configuration allows it. */
void asked_read(struct exchange *exchange, const struct http_head *head);

/* The exchange ends. */
void asked_free(struct asked **asked);

#endif
