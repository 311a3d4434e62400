/* SPDX-License-Identifier: MIT */
/* A fault on a link that runs: when it is on, and which connections it touches. */
#ifndef TAILGATE_CHAOS_FAULT_LIVE_H
#define TAILGATE_CHAOS_FAULT_LIVE_H

#include "chaos/fault/fault.h"
#include "chaos/fault/schedule.h"
#include "lib/base/list.h"

struct live_fault {
    struct list node; /* in its link */
    struct fault *fault;
    unsigned id;   /* unique on its link */
    char *draws;   /* what its random numbers are named: "link/fault" */
    uint16_t name; /* in records */
    uint64_t seed;
    struct schedule schedule;
    struct occurrence occurrence; /* the one that is on, or next */
    mono epoch;                   /* from which its times count; not set: they do not yet */
    mono expires;                 /* not set: it does not */
    bool has_occurrence;
    bool on;
    uint64_t active; /* connections, or requests, it touches now */
    uint64_t touched;
    uint64_t matched; /* requests it was asked about while it was on */
};

/* Takes over the fault. `link` and `seed` are what its draws are made of. */
struct live_fault *live_new(struct fault *fault, const char *link, uint64_t seed);
void live_free(struct live_fault *live);

/* Its times count from then. */
void live_start(struct live_fault *live, mono epoch);

/* It is another fault of the same name and kind from now on; what it was is freed. Its schedule
 * counts on from where it did. */
void live_change(struct live_fault *live, struct fault *fault, mono now);

/* Finds out whether it is on. */
void live_turn(struct live_fault *live, mono now);

/* When live_turn, or live_touches, may say something else; INT64_MAX when never. */
mono live_next(const struct live_fault *live, mono now);

/* The share of the connections that it touches now, its ramp considered. */
double live_share(const struct live_fault *live, mono now);

/* Whether it touches a connection that it does not touch yet; `already`: that it does. */
bool live_touches(const struct live_fault *live, uint64_t ordinal, bool already, mono now);

/* What a request is drawn by. With a trace id the link does not count: a request is touched or not
 * wherever a gateway brings it, so that its balance changes nothing. */
struct live_draw {
    uint64_t key; /* draw_key_of_try, or the request's number on its link */
    bool traced;
};

/* Whether it touches a new request that it matches: `number` others have come before while it was
 * on. */
bool live_touches_request(const struct live_fault *live, const struct live_draw *draw,
                          uint64_t number, mono now);

/* What that request's random numbers are named. */
const char *live_draws(const struct live_fault *live, const struct live_draw *draw);

/* Whether it touches every connection there is. */
bool live_touches_all(const struct live_fault *live, mono now);

static inline const struct fault_config *live_config(const struct live_fault *live)
{
    return &live->fault->config;
}

/* Whether it is drawn for requests rather than connections. */
static inline bool live_is_per_request(const struct live_fault *live)
{
    return live->fault->config.per == FAULT_PER_REQUEST;
}

#endif
