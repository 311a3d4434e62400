/* SPDX-License-Identifier: MIT */
/* What each failed request, and each of the slowest, waited for or met: one class for each, the
 * fault, pause or stall behind it, what turned that into a failure, and a sentence.
 *
 * What is behind a try is chosen among what was in force on its endpoint and can have such a
 * consequence (lab/analysis/effects.h): by the share of the try's time that it covers, its
 * aftermath included (until no more requests than usual are in flight), times its risk: the share
 * of the tries it met that failed because of it, less the share of the others that failed without
 * it. As that depends on what is blamed for the others, both are settled in turns (as in
 * expectation and maximization: Dempster, Laird and Rubin 1977). So what is in force all the time,
 * and mostly harmless, does not take the blame for a pause. A fault that names whom it touched is
 * blamed for those alone. What was recorded comes before what was only seen from outside. A request
 * that no endpoint was tried for is traced back through the state that refused it to the tries that
 * had failed before.
 *
 * Pure arithmetic on arrays: no I/O. Moments are CLOCK_MONOTONIC nanoseconds, lengths nanoseconds.
 */
#ifndef TAILGATE_LAB_ANALYSIS_BLAME_H
#define TAILGATE_LAB_ANALYSIS_BLAME_H

#include "lab/analysis/stalls.h"
#include "lib/record/cause.h"
#include "lib/record/tables.h"

/* clang-format off */
#define BLAME_CLASSES(X)                                                                           \
    X(INJECTED, "injected", "an injected fault")                                                   \
    X(PAUSE, "pause", "a pause that the backend recorded or reported itself")                      \
    X(STALL, "stall", "an endpoint that stood still, as seen from outside; nothing says why")      \
    X(GATEWAY, "gateway", "the gateway itself, which stood still")                                 \
    X(LOCK, "lock", "waiting for locks in the backend, by its own report")                                     \
    X(WORK, "work", "the backend's own work, holding locks or not, by its own report")                                   \
    X(IDLE_RACE, "idle_race", "a pooled connection that the backend closed as it was used")        \
    X(BACKEND, "backend",                                                                          \
      "the backend: it was not found, refused, closed, garbled or answered with an error; nothing "   \
      "says why")      \
    X(LIMIT, "limit", "a limit of the gateway, and nothing behind it that was recorded")           \
    X(QUEUE, "queue", "the gateway's queue")                                                       \
    X(CLIENT, "client", "the client's side: the generator was late or busy, or read slowly")       \
    X(UNATTRIBUTED, "unattributed", "nothing that was recorded explains it")
/* clang-format on */

/* Which requests are judged. */
#define BLAME_PARTS(X)                                                                \
    X(FAILED, "failed") /* in the gateway */                                          \
    X(LOST, "client")   /* had no whole answer, which is no failure of the gateway */ \
    X(SLOW, "slow")     /* one of the slowest */

#define BLAME_PART_ENUM(id, name) BLAME_##id,
enum blame_part { BLAME_PARTS(BLAME_PART_ENUM) BLAME_PART_COUNT };
#undef BLAME_PART_ENUM

#define BLAME_CLASS_ENUM(id, name, meaning) BLAME_##id,
enum blame_class { BLAME_CLASSES(BLAME_CLASS_ENUM) BLAME_CLASS_COUNT };
#undef BLAME_CLASS_ENUM

#define BLAME_EVERYWHERE UINT32_MAX       /* in place of an endpoint: all of them */
#define BLAME_NOWHERE    (UINT32_MAX - 1) /* of what no endpoint is known for */
#define BLAME_NONE       UINT32_MAX       /* in place of an index */
#define BLAME_CHAIN      192
#define BLAME_VERDICT    512

/* Something that went wrong, for a while, on an endpoint or everywhere. */
struct blame_span {
    int64_t from, to;
    int64_t settled; /* the end of its aftermath; blame_judge sets it */
    uint32_t endpoint;
    enum blame_class class; /* INJECTED, PAUSE, STALL or GATEWAY */
    const char *name, *target, *kind;
    unsigned effects;
    bool on_the_way; /* before the backend: its own account of its time has nothing of it */
    bool precise;    /* tries and requests that it touched say so themselves */
    double risks[2]; /* how many more of the tries it met timed out, or failed in other ways, than
                        of others; blame_judge sets them */
};

/* A try that failed, or that belongs to a case. */
struct blame_try {
    uint32_t owner; /* the case, or BLAME_NONE */
    uint32_t endpoint, upstream;
    uint16_t number;
    enum cause outcome;
    int64_t from, until;
    int64_t late, listened; /* negative: not known, not listened */
    int64_t backend_queue, backend_lock, backend_work, backend_gc, backend_cleanup;
    bool gave_up;       /* the backend, by its own timeout */
    const char *faults; /* names with commas between; NULL: none */
};

struct blame_state {
    int64_t at;
    enum state_kind kind;
    const char *subject;
    int64_t value; /* of an ejection: how many failures led to it */
};

struct blame_case {
    struct blame_trace {
        char text[33];
    } trace;
    enum blame_part part;
    uint32_t upstream; /* or BLAME_NONE */
    enum cause cause;
    int status;
    enum client_error error; /* as the client saw it */
    bool recorded;           /* by the gateway; else all that is known is what the client saw */
    bool unsent;             /* it never left the load generator */
    int64_t due;             /* when it should have been sent */
    int64_t from, until;     /* in the gateway */
    int64_t queue, deliver;  /* negative: not reached */
    int64_t latency;         /* as the client saw it; negative: not known */
    uint32_t touched;        /* a span that names this request, or BLAME_NONE */

    /* Set by blame_judge. */
    enum blame_class class;
    uint32_t span;                       /* what is behind it, or BLAME_NONE */
    uint32_t other;                      /* what is behind another of its tries, or BLAME_NONE */
    uint32_t state;                      /* what refused it, or BLAME_NONE */
    uint32_t failures;                   /* tries that had failed before that */
    enum cause failure;                  /* how, mostly */
    bool mixed;                          /* some failed otherwise */
    int64_t held;                        /* for how long the span held its tries */
    bool gave_up;                        /* its last try: the backend, by its own timeout */
    bool meanwhile;                      /* all that is known of the span is that it was in force */
    bool aftermath;                      /* it met more of what followed the span than of it */
    int64_t overlaps[BLAME_CLASS_COUNT]; /* how long what was in force overlapped its tries, by
                                            class; LOCK, WORK: by the backend's report */
    int64_t timeout;      /* how long its last try lasted, when that was given up; else -1 */
    int64_t true_wait;    /* how long it would have lasted; -1: not known */
    int8_t would_succeed; /* within its time without the span: 1, 0; -1: not known, also of
                             an aftermath: nobody knows how long that was */
};

struct blame_book {
    struct blame_case *cases;
    size_t case_count;
    struct blame_try *tries; /* sorted by blame_judge */
    size_t try_count;
    struct blame_span *spans; /* sorted by blame_judge before `touched` is read: see blame_sort */
    size_t span_count;
    const struct blame_state *states; /* by time */
    size_t state_count;
    const char *const *endpoints, *const *upstreams; /* by number */
    size_t endpoint_count, upstream_count;
    const struct stalls *stalls;

    /* Set by blame_judge; blame_free frees them. */
    int64_t *reach;        /* of the spans up to each, the latest end */
    uint32_t *upstream_of; /* each endpoint's; BLAME_NONE: not known, BLAME_NOWHERE: of several */
};

/* Puts the spans into the order that `touched` refers to. */
void blame_sort(struct blame_book *book);

/* Judges every case. Free with blame_free. */
void blame_judge(struct blame_book *book);

/* What blame_judge has added; what the book was given stays its giver's. */
void blame_free(struct blame_book *book);

const char *blame_part_name(enum blame_part part);
const char *blame_class_name(enum blame_class class);
const char *blame_class_meaning(enum blame_class class);

/* "pause gc > 5 x response_timeout > endpoint_ejected > no_endpoint" */
void blame_chain(char out[BLAME_CHAIN], const struct blame_book *book,
                 const struct blame_case *item);

/* The verdict as a sentence. */
void blame_verdict(char out[BLAME_VERDICT], const struct blame_book *book,
                   const struct blame_case *item);

#endif
