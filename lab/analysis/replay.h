/* SPDX-License-Identifier: MIT */
/* The requests of a run once more, at another setting: an event simulation of the load generator's
 * connections, the gateway's timeouts, retries, hedges, budgets and connection limit, in which each
 * try meets what the trace says (trace.h). The first try of a request at the setting of the run
 * meets what it really met. What is not in it: that more load makes the backends slower, and that
 * endpoints are ejected or breakers open at other moments. */
#ifndef TAILGATE_LAB_ANALYSIS_REPLAY_H
#define TAILGATE_LAB_ANALYSIS_REPLAY_H

#include "lab/analysis/trace.h"

enum { REPLAY_STATUSES = 8 };

/* What can be set; spans in ns. */
struct replay_setting {
    int64_t response, per_try, total, queue_wait; /* 0 = for ever */
    int64_t attempts;                             /* tries in all */
    uint64_t causes;                    /* a bit for each enum cause that is tried again */
    uint16_t statuses[REPLAY_STATUSES]; /* responses that are; 0 ends them */
    double retry_budget;
    int64_t backoff, backoff_longest;
    int64_t hedge_delay, hedge_max; /* 0 = no hedging */
    double hedge_budget;
    int64_t max_connections; /* to one endpoint; 0 = no limit */
    int64_t queue;           /* requests that may wait for one */
    int64_t idle_timeout;    /* 0 = no connection is kept */
};

enum replay_balance { REPLAY_AS_RECORDED, REPLAY_TWO_CHOICES, REPLAY_LEAST };

/* What stays as it is. */
struct replay_world {
    int64_t clients;        /* connections of the load generator */
    int64_t client_timeout; /* from the intended moment; 0 = for ever */
    enum replay_balance balance;
    uint64_t seed;
};

struct replay_outcome {
    int64_t latency; /* ns from the intended moment */
    uint8_t cause;   /* enum cause */
    bool failed;     /* a gateway failure */
    bool unanswered; /* the client had no response */
    bool gave_up;    /* as it waited no longer: nobody failed it, and it is no success */
    bool unresolved; /* it failed or was given up, and perhaps would not have been: the data do not
                        say */
    uint8_t tries;
};

/* `outcomes` has room for each request of the trace. Returns how many tries on one endpoint were
 * under way at once, at most. */
size_t replay_run(const struct trace *trace, const struct replay_world *world,
                  const struct replay_setting *setting, struct replay_outcome *outcomes);

#endif
