/* SPDX-License-Identifier: MIT */
/* What the requests of a run really met, as arrays to ask "what would this request have met, had it
 * been sent to that endpoint at that moment?" The answer is what the tries that were sent there at
 * about that moment have met, so that requests caught in one pause are caught together, and a try
 * on another endpoint escapes the pause of one. Drawing from all tries of the run as if they were
 * independent, as is often done, takes the pauses apart and promises from retries what they cannot
 * give. */
#ifndef TAILGATE_LAB_ANALYSIS_TRACE_H
#define TAILGATE_LAB_ANALYSIS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/analysis/survival.h"

#define TRACE_NO_TRY UINT32_MAX

/* A try upstream. Spans are in ns and count from its start. */
struct trace_try {
    int64_t at;       /* its start, ns from the start of the round's measured load */
    int64_t sent;     /* until the request was sent; connecting is in it */
    int64_t ended;    /* until the response's head came, however late, or until it failed by itself;
                         of a censored one, as far as it was watched */
    int64_t receive;  /* from the head to the last byte */
    int64_t idle;     /* how long its connection had waited for it; negative: new, or not known */
    uint32_t request; /* whose: index into requests */
    uint16_t number;  /* 1 for the first try of it */
    uint16_t endpoint; /* below endpoint_count */
    uint16_t status;   /* of the response; 0 = none */
    uint8_t cause;     /* enum cause; NONE or UPSTREAM_STATUS: it was answered */
    bool censored;     /* given up before anything came, and not watched for long enough */
};

struct trace_request {
    int64_t intended; /* when it should have been sent, ns from the start of the measured load */
    int64_t lag;      /* how late the generator was */
    int64_t before;   /* from its being sent to its first try, without waiting for a connection;
                         negative: not known */
    int64_t after;    /* from the response's head to its end at the client; negative: not known */
    int64_t fixed;    /* not negative: it never came to a try of this upstream, and what is done
                         with it takes so long whatever the setting */
    int64_t latency;  /* as it was, from the intended moment */
    uint64_t ordinal; /* of the round's arrivals */
    uint32_t first;   /* its first try: index into tries, or TRACE_NO_TRY */
    uint32_t tries;   /* as it was */
    uint16_t worker;  /* of the gateway */
    uint8_t cause;    /* as it was, as are the next two */
    bool failed;      /* a gateway failure */
    bool unanswered;  /* the client had no response */
    bool gave_up;     /* as it waited no longer */
    bool measured;    /* not of the warm-up */
    bool repeatable;  /* it may be sent a second time */
};

/* Tries on one endpoint in one round: tries[from..from+count-1], by rising start. */
struct trace_lane {
    size_t from, count;
};

struct trace_round {
    int64_t number, duration; /* of the measured load, ns */
    size_t from, count;       /* of requests, by rising ordinal */
};

struct trace {
    struct trace_request *requests;
    size_t request_count;
    struct trace_try *tries;
    size_t try_count;
    struct trace_round *rounds;
    size_t round_count;
    size_t endpoint_count;
    bool listened; /* some tries were listened to behind their timeouts: what came of the censored
                      ones can be judged by them */
    /* Made by trace_prepare. */
    struct trace_lane *lanes; /* of round r and endpoint e: lanes[r * endpoint_count + e] */
    struct survival ends;     /* of all tries that did not fail by themselves */
    int64_t stalled; /* who takes longer waits for something that others wait for as well */
    int64_t before, after, failed_after; /* what is usual, where a request's own is not known */
};

/* What a try meets. */
struct trace_meeting {
    int64_t sent, ended, receive; /* as in trace_try; ended INT64_MAX: the data do not say */
    int64_t watched;              /* it certainly lasts so long */
    int64_t idle;
    uint16_t status;
    uint8_t cause;
    bool unresolved; /* it was not watched for long enough, and nothing like it was */
};

/* Sorts the tries and makes the rest; `request_count` and the others are set. */
void trace_prepare(struct trace *trace);
void trace_free(struct trace *trace);

/* What a try on `endpoint` would have met at the moment `at` of a round. `draw` is a random number
 * that is the same whenever the same question is asked. False: nothing was ever sent there in the
 * round. */
bool trace_meet(const struct trace *trace, size_t round, size_t endpoint, int64_t at, uint64_t draw,
                struct trace_meeting *meeting);

/* What the recorded try itself met, had it begun at `at` (which is near). */
void trace_meet_own(const struct trace *trace, size_t round, const struct trace_try *own,
                    int64_t at, uint64_t draw, struct trace_meeting *meeting);

#endif
