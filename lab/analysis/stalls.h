/* SPDX-License-Identifier: MIT */
/* Stalls seen from outside: the moments when every request in flight on one endpoint stopped
 * moving, found in the gateway's records of its tries alone.
 *
 * What a try waits for (the first byte of its response, then the last) comes with a hazard that
 * depends on how long it has waited (lab/analysis/hazard.h, fitted to the endpoint's own tries).
 * The moves of all tries on an endpoint are then a counting process with a multiplicative intensity
 * (Aalen 1978), and the intensity summed over a gap between two moves, its surprise, is distributed
 * as Exp(1) as long as everybody waits for himself (time rescaling: Papangelou 1972, Ogata 1988).
 * So a gap says by itself how improbable it is: few requests in flight, a low rate, a handler that
 * takes long or a drain add little to it. Where moves come in batches, gaps are longer than that,
 * and all are measured by the gaps that the endpoint usually has. Of the many gaps of a run those
 * are stalls that keep the false discovery rate below STALL_FALSE_SHARE (Benjamini and Hochberg
 * 1995). What the stalls did to the hazards is then taken out of them, and the search repeated.
 *
 * A wait that was given up tells that it was not answered so soon, and nothing else: where nearly
 * all of them were, one after the other for several times as long as any waited, and hardly any
 * moved at the end, the endpoint may just as well have become slower than anybody waits for (a
 * hedge cancels what it has outrun). That is no evidence that it stood still, and no stall.
 *
 * Pure arithmetic on arrays: no I/O. */
#ifndef TAILGATE_LAB_ANALYSIS_STALLS_H
#define TAILGATE_LAB_ANALYSIS_STALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STALL_FALSE_SHARE 0.001
#define STALL_LEAST_HELD  3 /* fewer requests are no evidence of a common cause */
#define STALL_LEAST_NS    INT64_C(1000000)
#define STALL_LEAST_MOVES 50 /* an endpoint that moved less often is not judged */

/* What is waited for. A body counts from 1 ms behind its first byte, when it still goes on then. */
enum stall_phase { STALL_HEAD, STALL_BODY, STALL_PHASES };

/* A try as it waits for one thing on one endpoint. Moments are CLOCK_MONOTONIC nanoseconds. */
struct stall_wait {
    int64_t from, until;
    uint32_t endpoint; /* from 0 */
    uint16_t phase;    /* enum stall_phase */
    bool moved;        /* it came; else the wait was given up (a timeout, an abort): censored */
};

/* What stood still, as far as the records tell. */
#define STALL_SCOPES(X)                                                                          \
    X(ENDPOINT, "endpoint", "one endpoint, while the gateway went on")                           \
    X(COMMON, "common",                                                                          \
      "every endpoint that had requests in flight, while the gateway went on: what they share")  \
    X(GATEWAY, "gateway",                                                                        \
      "the gateway itself or its whole machine: nothing at all happened in it meanwhile")        \
    X(UNCLEAR, "unclear",                                                                        \
      "an endpoint or the gateway: as many requests were in flight as ever, so that no further " \
      "ones would have come either way")

#define STALL_SCOPE_ENUM(id, name, meaning) STALL_##id,
enum stall_scope { STALL_SCOPES(STALL_SCOPE_ENUM) STALL_SCOPE_COUNT };
#undef STALL_SCOPE_ENUM

#define STALL_NO_ENDPOINT UINT32_MAX /* of a stall of the gateway */

struct stall {
    uint32_t endpoint;
    enum stall_scope scope;
    int64_t began;       /* the expected moment, given that nothing moved from then on */
    int64_t began_after; /* the last move before it: it cannot have begun earlier */
    int64_t ended;       /* the first move behind it */
    bool open;           /* its end was not seen: it lasted at least until `ended` */
    uint32_t held;       /* tries that waited in it */
    uint32_t given_up;   /* of these: before it ended */
    uint32_t together;   /* of these: moved within a tenth of its length, or 2 ms, of its end */
    double surprise;     /* -log of the chance of such a gap by itself */
    double confidence;   /* 1 - the smallest false discovery rate at which it is still found */
};

/* What the finder knows of an endpoint. */
struct stall_endpoint {
    size_t waits, moves;
    int64_t median; /* of the waits for a first byte, without those in stalls */
    double
        usual;   /* how many times the expected gap the usual ones are: 1 when all is independent */
    double tail; /* the shape of longer gaps: 1 when exponential, less when heavier */
    bool judged; /* false: too few moves to say anything */
};

/* What happened on one endpoint, by time. */
struct stall_view {
    const struct stall_wait *waits; /* by rising `from`: part of what was given to stalls_find */
    size_t count;
    int64_t *ends; /* of all waits */
    size_t end_count;
    int64_t *moves; /* the ends at which something came */
    size_t move_count;
};

struct stalls {
    struct stall_view *views; /* one for each endpoint */
    struct stall *items;      /* by beginning */
    size_t count;
    struct stall_endpoint *endpoints;
    size_t endpoint_count;
};

/* Sorts `waits` in place, which have to outlive the result. Release with stalls_free. */
void stalls_find(struct stalls *stalls, struct stall_wait *waits, size_t count, size_t endpoints);
void stalls_free(struct stalls *stalls);

const char *stall_scope_name(enum stall_scope scope);

#endif
