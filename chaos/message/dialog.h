/* SPDX-License-Identifier: MIT */
/* The HTTP/1.1 requests and responses of one connection, and the faults that touch them. A dialog
 * stands at the head of a connection's two streams, before the faults on their bytes: requests go
 * up one, responses come down the other. Who owns the streams goes on pushing, running and taking
 * as without it, and need only run both whenever either has moved, since a reply that comes from
 * here appears in the downward one. Pure, as the streams are.
 *
 * Bytes may come in any pieces. A request's head is held until it is whole, then the owner is asked
 * which faults touch it. Nothing else is held or changed unless a fault does it. What cannot be
 * followed passes untouched from there on: bytes that are no HTTP/1.1, a connection that has
 * changed its protocol, a head of 60 KiB and more. Methods are in upper case. */
#ifndef TAILGATE_CHAOS_MESSAGE_DIALOG_H
#define TAILGATE_CHAOS_MESSAGE_DIALOG_H

#include "chaos/stream/stream.h"
#include "lib/http/head.h"

struct dialog;

/* A request whose head has gone in. Valid during the call. */
struct dialog_request {
    const struct http_head *head; /* its target is resolved (http_resolve_target) */
    uint64_t number;              /* from 0, on this connection */
};

/* A fault touched a request, and does so no longer. */
struct dialog_touched {
    unsigned id;
    uint64_t key; /* as it was given */
    mono since;
    uint8_t trace_id[16]; /* of the request; all zero: it has none that is valid */
};

struct dialog_events {
    /* A request has come: its owner calls dialog_touch, if at all, within this call. It may also
     * add stages to the streams. */
    void (*ask)(struct dialog *dialog, const struct dialog_request *request, mono now, void *owner);
    /* The last byte of a touched request's response has gone on, or the fault has let go of it, or
     * the connection ends: once for each dialog_touch. May be NULL. It may take stages out of the
     * streams and must leave the dialog alone. */
    void (*done)(const struct dialog_touched *touched, mono now, void *owner);
};

/* `up` and `down` must be there until dialog_free. Made in the midst of a connection it takes part
 * from the next request on. `events` must outlive it. Nobody else may use UINT_MAX as the id of a
 * stage of these streams. */
struct dialog *dialog_new(struct stream *up, struct stream *down,
                          const struct dialog_events *events, void *owner);
/* What it held goes on at once; must come before the streams are released. */
void dialog_free(struct dialog *dialog, mono now);

/* Within `ask` alone: a fault touches the request. `id` names the fault in later calls, `key` is
 * what it was drawn by, `rng` what its lengths are drawn from. The fault is read as long as it
 * touches, and is one on messages; one on bytes may be given too, only to hear when the request is
 * over. Each fault touches a request once. */
void dialog_touch(struct dialog *dialog, unsigned id, const struct fault_config *fault,
                  uint64_t key, const struct rng *rng, mono now);

/* The fault is another one of the same kind from now on. What waits because of it waits anew. */
void dialog_change(struct dialog *dialog, unsigned id, const struct fault_config *fault, mono now);
/* The fault is gone: what it held goes on, what it has not done yet it will not do. Both are
 * harmless when it touches nothing. */
void dialog_let_go(struct dialog *dialog, unsigned id, mono now);

/* Whether the fault touches a request that is under way. */
bool dialog_is_touched(const struct dialog *dialog, unsigned id);

/* Whether nothing is under way, so that the dialog can be freed without losing its place. */
bool dialog_is_idle(const struct dialog *dialog);

#endif
