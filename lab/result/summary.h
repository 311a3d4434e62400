/* SPDX-License-Identifier: MIT */
/* What a run amounts to: the figures of each variant, over all rounds and measured requests. Times
 * count from the intended moment of a request; a request that was given up counts with the time
 * until then. */
#ifndef TAILGATE_LAB_RESULT_SUMMARY_H
#define TAILGATE_LAB_RESULT_SUMMARY_H

#include <stdint.h>

#include "lab/plan/plan.h"
#include "lab/read/exchanges.h"
#include "lib/base/hist.h"
#include "lib/record/cause.h"
#include "lib/record/tables.h"

#define SUMMARY_STATUSES 1000

struct sqlite3;

/* What the processes say of themselves, in ms; NaN where nobody said it. Of the backends' phases,
 * the mean of the tries whose response had a Server-Timing; CPU time by measured request. */
struct inside_figures {
    double queue_ms, lock_ms, work_ms, gc_ms, cleanup_ms;
    double span_ms; /* all phases together */
    double gateway_cpu_ms, backend_cpu_ms;
};

/* Whether so many requests have a percentile: else it is that of the slowest alone. */
static inline bool summary_has_quantile(double requests, double quantile)
{
    return quantile <= 0 || requests * (1 - quantile) > 1 - 1e-6;
}

struct variant_summary {
    const char *label;
    uint64_t requests; /* measured: one client record each */
    uint64_t queued;   /* of these waited in the generator until one of its connections was free */
    double mean_ms, p50_ms, p90_ms, p95_ms, p99_ms, p999_ms, max_ms;
    double throughput_rps; /* answered below 500 within the measured time */
    uint64_t collections;  /* of all backends together */
    double collections_per_s;
    uint64_t statuses[SUMMARY_STATUSES]; /* of complete responses, as the client saw them */
    uint64_t client_errors[CLIENT_ERROR_COUNT];
    uint64_t client_failures; /* measured requests without a whole answer: the sum of these */
    double client_failure_rate;
    uint64_t client_only_failures; /* of them, those that are no failures of the gateway */
    uint64_t gateway_requests;     /* rows of the gateway that belong to measured requests */
    uint64_t gateway_failures;
    double failure_rate;          /* gateway failures by measured requests */
    uint64_t causes[CAUSE_COUNT]; /* of the gateway's rows; CAUSE_NONE counts failures alone */
    double busy_share;            /* of all cores, in the busiest round */
    struct hist *latency;
    struct hist *lag;             /* how late the generator itself was */
    struct inside_figures inside; /* read when it is asked for: summary_inside.h */
    struct cJSON *blame;          /* what is behind its failures: lab/result/blame_summary.h */
    struct cJSON *matrix;         /* what its gateway made of them, or NULL: lab/result/matrix.h */
    struct cJSON *faults;         /* which were injected: summary_faults.h */
};

/* Whether a percentile is among the requests that got no whole answer: they count with the time
 * until they were given up, and how long they would have taken is not known. Then it is a lower
 * bound. */
static inline bool summary_is_bound(const struct variant_summary *variant, double quantile)
{
    return quantile > 0 && variant->requests > 0 &&
           (double)variant->client_failures >= (1 - quantile) * (double)variant->requests;
}

/* The figure, or NaN where the requests are too few for it; a quantile of 0 takes one. */
double summary_carried(const struct variant_summary *variant, double quantile, double figure);

struct verdict {
    const struct expectation *expectation;
    size_t variant;
    double value;                  /* NaN: there is none, and it does not hold */
    double limit;                  /* what it was compared with; NaN likewise */
    bool value_bound, limit_bound; /* they are lower bounds, which the verdict does not hang on */
    char lacks[320];               /* why one of the two is missing, or says too little; or "" */
    bool holds;
};

struct summary {
    const struct plan *plan;
    const struct exchanges *exchanges;
    const char *started; /* UTC */
    const char *problem; /* why the run was cut short; NULL = it is complete */
    struct variant_summary *variants;
    struct verdict *verdicts; /* of a complete run */
    size_t verdict_count;
    struct claim_result *claims; /* one for each of the plan's: claim_result.h */
    uint64_t records_dropped;
    uint64_t tallied;              /* measured requests, by the generator's own count */
    struct cJSON *differences;     /* texts: where tally, client and gateway do not agree */
    double lag_p99_ms, lag_max_ms; /* how late the generator itself was */
    double busy_share;             /* in the busiest round */
    struct cJSON *processes;       /* CPU seconds of each process, over all rounds */
    struct cJSON *finding;         /* of its investigation, or NULL: lab/investigate/finding.h */
    struct cJSON *notes;           /* texts: what makes the figures less trustworthy */
};

/* Set plan, exchanges, started, problem and records_dropped first. */
enum result summary_read(struct summary *summary, struct sqlite3 *db, struct error *error) MUST_USE;
void summary_free(struct summary *summary);

/* The figures of a variant's round, or of all rounds (-1), without blame and faults. Free `latency`
 * and `lag`. */
enum result summary_read_part(struct variant_summary *variant, const struct exchanges *exchanges,
                              size_t number, int64_t round, struct sqlite3 *db,
                              struct error *error) MUST_USE;

/* Counts a request that the gateway ended so. */
void summary_count_cause(struct variant_summary *variant, enum cause cause, int status);

/* Sets what follows from the latencies and counts: percentiles and the failure rate. */
void summary_set_shares(struct variant_summary *variant);

/* Whether every expectation holds. */
bool summary_holds(const struct summary *summary);

/* summary.json as a tree; free it with cJSON_Delete. */
struct cJSON *summary_json(const struct summary *summary);

/* Whether anything was measured of a variant of a summary.json: one that never ran, or whose
 * gateway never did, has no figures. */
bool summary_is_measured(const struct cJSON *variant);

/* Whether one of its verdicts is none, for the data say too little: then it does not hold. */
bool summary_is_withheld(const struct cJSON *verdict);

/* Whether a latency of such a variant, "p99", is a lower bound. */
bool summary_latency_is_bound(const struct cJSON *variant, const char *key);

#endif
