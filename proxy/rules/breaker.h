/* SPDX-License-Identifier: MIT */
/* A circuit breaker, exact across workers without a lock: everything that decides stands in one
 * atomic word. Closed, it counts calls; with too many bad ones it opens and refuses all for a
 * while; then, half open, it lets some through, and they decide. Pure apart from the atomics. */
#ifndef TAILGATE_PROXY_RULES_BREAKER_H
#define TAILGATE_PROXY_RULES_BREAKER_H

#include "proxy/config/config_breaker.h"
#include "proxy/rules/window.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    _Atomic uint64_t word; /* state, how often it has changed, and the probes when half open */
    _Atomic int64_t open_until;
    struct window errors, slow;
};

/* A call that was let through; a zeroed one was let through by no breaker. */
struct breaker_ticket {
    uint32_t change; /* of the breaker when the call began, plus one */
};

/* What a call came to. Neither: it says nothing about the upstream (the client went away). */
enum breaker_verdict {
    BREAKER_GOOD = 0,
    BREAKER_FAILED = 1,
    BREAKER_SLOW = 2,
    BREAKER_NEITHER = 4
};

/* What a call changed, with the figures that made it change. */
struct breaker_change {
    bool changed;
    enum breaker_state to;
    uint64_t bad, all; /* calls */
    bool slow;         /* it was slow calls that opened it */
};

/* At the start and after a reload; a zeroed one is ready with this, and closed. What it knows
 * stays, unless the window has another length or the breaker is off now. */
void breaker_configure(struct breaker *breaker, const struct breaker_config *config);

enum breaker_state breaker_state(const struct breaker *breaker);

/* Lets a call through, or does not. A ticket that was given must be handed back exactly once. */
bool breaker_admit(struct breaker *breaker, const struct breaker_config *config, mono now,
                   struct breaker_ticket *ticket, struct breaker_change *change);

/* Whether breaker_admit would let a call through. */
bool breaker_would_admit(const struct breaker *breaker, const struct breaker_config *config,
                         mono now);

/* The call has ended. `verdict` is a set of bits: a call can be both slow and failed. */
void breaker_settle(struct breaker *breaker, const struct breaker_config *config, mono now,
                    struct breaker_ticket *ticket, unsigned verdict, struct breaker_change *change);

#endif
