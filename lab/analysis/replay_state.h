/* SPDX-License-Identifier: MIT */
/* A round being replayed, as the parts of the replay share it: replay.c has the load generator and
 * the run of time, replay_try.c the choice of an endpoint and what a try meets, replay_turn.c what
 * follows from how it ended. */
#ifndef TAILGATE_LAB_ANALYSIS_REPLAY_STATE_H
#define TAILGATE_LAB_ANALYSIS_REPLAY_STATE_H

#include "lab/analysis/agenda.h"
#include "lab/analysis/replay.h"
#include "lib/base/budget.h"
#include "lib/base/hash.h"
#include "lib/record/cause.h"

enum { TRIES_AT_ONCE = 6, MOST_TRIED = 64, WORKERS = 64 };

enum event_kind {
    CLIENT_DEADLINE, /* the load generator gives the request up */
    REACHED,         /* the gateway has it */
    DONE_FIXED,
    TRY_OVER,
    HEDGE_DUE,
    RETRY_DUE,
    QUEUE_OVER,
    TOTAL_OVER,
    PLACE_FREE, /* the response was read: the connection to the endpoint is free */
    CLIENT_FREE
};

enum phase { WAITS_FOR_CLIENT, TRAVELS, IN_QUEUE, UNDER_WAY, OVER };

/* A try under way. */
struct flight {
    bool used;
    uint16_t endpoint;
    uint16_t status;
    uint8_t cause;
    bool unresolved;
    int64_t known_until; /* the moment up to which it certainly is not answered, where the data do
                            not say when it is; INT64_MAX: they do */
    int64_t receive;
    uint32_t serial;
};

/* A request under way. */
struct live {
    enum phase phase;
    uint32_t serial; /* of what it waits for in a queue or a pause */
    uint16_t tries, hedges, last;
    uint64_t tried; /* endpoints, as bits */
    bool has_client, unresolved;
    struct flight flights[TRIES_AT_ONCE];
};

/* A round being replayed. */
struct replay {
    const struct trace *trace;
    const struct replay_world *world;
    const struct replay_setting *setting;
    size_t round;
    size_t first; /* request of the round */
    struct replay_outcome *outcomes;
    struct live *lives; /* of its requests */
    struct agenda agenda;
    int64_t now;
    int64_t clients_busy;
    uint32_t *waiting, *queue; /* for a generator's connection; for one to an endpoint */
    size_t waiting_from, waiting_to, queue_from, queue_to, queued;
    size_t *busy; /* tries by endpoint */
    size_t busiest;
    uint32_t serial;
    struct budget retries[WORKERS], hedges[WORKERS];
};

static inline const struct trace_request *replay_request(const struct replay *replay,
                                                         uint32_t subject)
{
    return &replay->trace->requests[replay->first + subject];
}

static inline void replay_enter(struct replay *replay, enum event_kind kind, uint32_t subject,
                                int64_t at, uint32_t serial, size_t detail)
{
    agenda_enter(&replay->agenda, (struct agenda_event){.at = at,
                                                        .subject = subject,
                                                        .kind = (uint16_t)kind,
                                                        .detail = (uint16_t)detail,
                                                        .serial = serial});
}

/* A random number that depends on what is asked alone: settings differ by what they do, and not by
 * luck. */
static inline uint64_t replay_draw(const struct replay *replay, uint32_t subject, uint64_t what)
{
    uint64_t mixed = hash_mix(replay->world->seed + replay->round);
    return hash_mix(hash_mix(mixed ^ subject) + what);
}

static inline struct budget *replay_budget(struct replay *replay, struct budget *budgets,
                                           uint32_t subject)
{
    return &budgets[replay_request(replay, subject)->worker % WORKERS];
}

/* Budgets count seconds of a clock that never was negative. */
static inline mono replay_clock(const struct replay *replay)
{
    return (mono){replay->now + 3600 * NS_PER_S};
}

/* replay.c: the request ends, for its client at `client_done`; or fails now with a status that
 * follows from the cause. */
void replay_end(struct replay *replay, uint32_t subject, enum cause cause, int status,
                int64_t client_done);
void replay_fail(struct replay *replay, uint32_t subject, enum cause cause);

/* replay_try.c: the endpoint of the next try, or -1 when no place is free. */
int replay_choose(const struct replay *replay, uint32_t subject);
void replay_begin_try(struct replay *replay, uint32_t subject, size_t endpoint);
/* A try, or a place in the queue. */
void replay_start_try(struct replay *replay, uint32_t subject);
void replay_plan_hedge(struct replay *replay, uint32_t subject);
/* A try on the endpoint is over: whoever waits first is served. */
void replay_free_place(struct replay *replay, size_t endpoint);

/* replay_turn.c: what happens to a request that is under way. */
void replay_reach(struct replay *replay, uint32_t subject);
void replay_finish_try(struct replay *replay, uint32_t subject, size_t slot, uint32_t serial);
void replay_hedge(struct replay *replay, uint32_t subject);

#endif
