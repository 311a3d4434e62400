/* SPDX-License-Identifier: MIT */
#include "lab/analysis/replay.h"

#include <stdlib.h>

#include "lab/analysis/replay_state.h"
#include "lib/base/memory.h"

/* ---- the load generator */

static void send_request(struct replay *replay, uint32_t subject)
{
    const struct trace_request *request = replay_request(replay, subject);
    struct live *live = &replay->lives[subject];
    live->phase = TRAVELS;
    live->has_client = true;
    replay->clients_busy++;
    if (request->fixed >= 0) {
        replay_enter(replay, DONE_FIXED, subject, replay->now + request->fixed, 0, 0);
        return;
    }
    int64_t before = request->before >= 0 ? request->before : replay->trace->before;
    replay_enter(replay, REACHED, subject, replay->now + before, 0, 0);
}

static void arrive(struct replay *replay, uint32_t subject)
{
    if (replay->world->client_timeout > 0)
        replay_enter(replay, CLIENT_DEADLINE, subject,
                     replay_request(replay, subject)->intended + replay->world->client_timeout, 0,
                     0);
    if (replay->clients_busy < replay->world->clients)
        send_request(replay, subject);
    else
        replay->waiting[replay->waiting_to++] = subject;
}

static void free_client(struct replay *replay)
{
    replay->clients_busy--;
    while (replay->waiting_from < replay->waiting_to) {
        uint32_t subject = replay->waiting[replay->waiting_from++];
        if (replay->lives[subject].phase == OVER)
            continue;
        send_request(replay, subject);
        return;
    }
}

/* ---- the end of a request */

static void drop_flight(struct replay *replay, struct flight *flight)
{
    if (!flight->used)
        return;
    flight->used = false;
    replay_free_place(replay, flight->endpoint);
}

void replay_end(struct replay *replay, uint32_t subject, enum cause cause, int status,
                int64_t client_done)
{
    struct live *live = &replay->lives[subject];
    if (live->phase == IN_QUEUE)
        replay->queued--;
    live->phase = OVER;
    replay->outcomes[replay->first + subject] =
        (struct replay_outcome){.latency = client_done - replay_request(replay, subject)->intended,
                                .cause = (uint8_t)cause,
                                .failed = cause_is_gateway_failure(cause, status),
                                .unanswered = cause == CAUSE_CLIENT_ABORT,
                                .gave_up = cause == CAUSE_CLIENT_ABORT,
                                .unresolved = live->unresolved && cause != CAUSE_NONE,
                                .tries = (uint8_t)live->tries};
    if (live->has_client)
        replay_enter(replay, CLIENT_FREE, subject, client_done, 0, 0);
    for (size_t i = 0; i < TRIES_AT_ONCE; i++)
        drop_flight(replay, &live->flights[i]);
}

void replay_fail(struct replay *replay, uint32_t subject, enum cause cause)
{
    replay_end(replay, subject, cause, cause_row(cause)->status,
               replay->now + replay->trace->failed_after);
}

static void end_fixed(struct replay *replay, uint32_t subject)
{
    const struct trace_request *request = replay_request(replay, subject);
    replay_end(replay, subject, (enum cause)request->cause, 0, replay->now);
    struct replay_outcome *outcome = &replay->outcomes[replay->first + subject];
    outcome->failed = request->failed;
    outcome->unanswered = request->unanswered;
    outcome->gave_up = request->gave_up;
    outcome->tries = (uint8_t)request->tries;
}

/* A gateway hears a little later than its client that it is over. */
#define HEARS_LATER (20 * NS_PER_MS)

/* The client waits no longer: for what might have been answered, where nobody knows. */
static void give_up(struct replay *replay, uint32_t subject)
{
    struct live *live = &replay->lives[subject];
    int64_t known = replay->now - HEARS_LATER;
    for (size_t i = 0; i < TRIES_AT_ONCE; i++)
        live->unresolved |= live->flights[i].used && live->flights[i].known_until < known;
    replay_end(replay, subject, CAUSE_CLIENT_ABORT, 0, replay->now);
}

/* ---- the run of time */

static void happen(struct replay *replay, const struct agenda_event *event)
{
    uint32_t subject = event->subject;
    struct live *live = &replay->lives[subject];
    if (event->kind == PLACE_FREE) {
        replay_free_place(replay, event->detail);
        return;
    }
    if (event->kind == CLIENT_FREE) {
        free_client(replay);
        return;
    }
    if (live->phase == OVER)
        return;
    bool current = live->serial == event->serial;
    if (event->kind == CLIENT_DEADLINE)
        give_up(replay, subject);
    else if (event->kind == REACHED)
        replay_reach(replay, subject);
    else if (event->kind == DONE_FIXED)
        end_fixed(replay, subject);
    else if (event->kind == TRY_OVER)
        replay_finish_try(replay, subject, event->detail, event->serial);
    else if (event->kind == HEDGE_DUE)
        replay_hedge(replay, subject);
    else if (event->kind == RETRY_DUE && current)
        replay_start_try(replay, subject);
    else if (event->kind == QUEUE_OVER && current && live->phase == IN_QUEUE)
        replay_fail(replay, subject, CAUSE_QUEUE_TIMEOUT);
    else if (event->kind == TOTAL_OVER)
        replay_fail(replay, subject, CAUSE_TOTAL_TIMEOUT);
}

static void run_round(struct replay *replay)
{
    const struct trace_round *round = &replay->trace->rounds[replay->round];
    struct agenda_event event;
    bool any = agenda_next(&replay->agenda, &event);
    for (uint32_t next = 0; next < round->count || any;) {
        const struct trace_request *request = replay_request(replay, next);
        int64_t arrival = next < round->count ? request->intended + request->lag : INT64_MAX;
        if (any && event.at <= arrival) {
            replay->now = event.at;
            happen(replay, &event);
            any = agenda_next(&replay->agenda, &event);
            continue;
        }
        /* The event that was looked at is entered again: the arrival may bring an earlier one. */
        if (any)
            agenda_enter(&replay->agenda, event);
        replay->now = arrival > replay->now ? arrival : replay->now;
        arrive(replay, next++);
        any = agenda_next(&replay->agenda, &event);
    }
}

/* Who waits for ever, as nothing ever ends the wait, has waited until the last moment at least. */
static void end_rest(struct replay *replay)
{
    for (uint32_t i = 0; i < replay->trace->rounds[replay->round].count; i++)
        if (replay->lives[i].phase != OVER)
            replay->outcomes[replay->first + i] = (struct replay_outcome){
                .latency = replay->now - replay_request(replay, i)->intended,
                .cause = CAUSE_CLIENT_ABORT,
                .unanswered = true,
                .gave_up = true,
                .unresolved = true};
}

size_t replay_run(const struct trace *trace, const struct replay_world *world,
                  const struct replay_setting *setting, struct replay_outcome *outcomes)
{
    size_t busiest = 0;
    for (size_t i = 0; i < trace->round_count; i++) {
        size_t count = trace->rounds[i].count;
        struct replay replay = {.trace = trace,
                                .world = world,
                                .setting = setting,
                                .round = i,
                                .first = trace->rounds[i].from,
                                .outcomes = outcomes,
                                .lives = mem_alloc(count + 1, sizeof(*replay.lives)),
                                .waiting = mem_alloc(count + 1, sizeof(*replay.waiting)),
                                .queue = mem_alloc(count + 1, sizeof(*replay.queue)),
                                .busy = mem_alloc(trace->endpoint_count + 1, sizeof(*replay.busy))};
        run_round(&replay);
        end_rest(&replay);
        busiest = replay.busiest > busiest ? replay.busiest : busiest;
        agenda_free(&replay.agenda);
        free(replay.lives);
        free(replay.waiting);
        free(replay.queue);
        free(replay.busy);
    }
    return busiest;
}
