/* SPDX-License-Identifier: MIT */
/* The trace of a variant, read from the run's database. */
#ifndef TAILGATE_LAB_READ_TRACE_READ_H
#define TAILGATE_LAB_READ_TRACE_READ_H

#include "lab/analysis/trace.h"
#include "lab/read/recorded_run.h"

/* Of a longer run the beginning of each round is read: so many requests of all rounds together. */
#define TRACE_MOST 120000

struct trace_source {
    int variant;
    const char *upstream;      /* whose tries are meant */
    int64_t response, per_try; /* the timeouts that the run had, ns; 0 = for ever */
};

/* Of so many of something, so many are not as they should be. */
struct trace_flaw {
    size_t count, of;
};

/* What reading found out beside the trace. */
struct trace_facts {
    char upstream[128];
    bool cut;                   /* only the beginning of each round was read */
    size_t elsewhere;           /* measured requests that went to no try of the upstream */
    size_t shut_out;            /* of these: no endpoint, a breaker, a limit */
    size_t given_up;            /* tries that timed out or whose client left */
    size_t heard_late;          /* of these: the response came while it was listened for */
    size_t hedge_lost;          /* tries that were left for a faster one, and not heard of again */
    int64_t listened;           /* the longest that any was listened for */
    size_t ejections;           /* endpoints ejected, breakers opened */
    int64_t lag_p99;            /* how late the load generator was */
    size_t reuses;              /* tries on connections that had been idle for a known time */
    struct trace_flaw clients;  /* requests that the load generator counted: without a record */
    struct trace_flaw requests; /* those that were answered well: without one of the gateway's */
    struct trace_flaw tries;    /* those that the gateway's requests say they had: the same */
    struct trace_flaw beyond;   /* measured requests: due outside of their round */
};

/* Puts the name of the upstream that most requests went to into the facts. */
enum result trace_find_upstream(struct trace_facts *facts, const struct recorded_run *run,
                                int variant, struct error *error) MUST_USE;

/* Adds to the facts. FAILED_INPUT when there is nothing to be read: no
 * request, or two clocks are mixed. What is flawed is read as it stands. */
enum result trace_read(struct trace *trace, struct trace_facts *facts,
                       const struct recorded_run *run, const struct trace_source *source,
                       struct error *error) MUST_USE;

#endif
