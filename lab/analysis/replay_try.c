/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "lab/analysis/replay_state.h"

/* A try that begins this near to the recorded one is that one. */
#define SAME_MOMENT (20 * NS_PER_MS)

/* ---- which endpoint */

static bool has_place(const struct replay *replay, size_t endpoint)
{
    const struct trace *trace = replay->trace;
    if (trace->lanes[replay->round * trace->endpoint_count + endpoint].count == 0)
        return false; /* it is not there in this round, or nothing is known of it */
    int64_t max = replay->setting->max_connections;
    return max <= 0 || replay->busy[endpoint] < (size_t)max;
}

static bool was_tried(const struct live *live, size_t endpoint)
{
    return endpoint < MOST_TRIED && (live->tried >> endpoint & 1);
}

static size_t pick(const struct replay *replay, const size_t *found, size_t count, uint64_t draw)
{
    size_t chosen = found[draw % count];
    if (replay->world->balance == REPLAY_TWO_CHOICES) {
        size_t other = found[hash_mix(draw) % count];
        return replay->busy[other] < replay->busy[chosen] ? other : chosen;
    }
    for (size_t i = 0; i < count && replay->world->balance == REPLAY_LEAST; i++)
        if (replay->busy[found[i]] < replay->busy[chosen])
            chosen = found[i];
    return chosen;
}

/* Of those with a free place: one that was not tried, if there is any. -1: none has. */
int replay_choose(const struct replay *replay, uint32_t subject)
{
    const struct live *live = &replay->lives[subject];
    const struct trace_request *request = replay_request(replay, subject);
    if (live->tries == 0 && request->first != TRACE_NO_TRY &&
        replay->world->balance == REPLAY_AS_RECORDED) {
        size_t recorded = replay->trace->tries[request->first].endpoint;
        if (has_place(replay, recorded))
            return (int)recorded;
    }
    size_t found[MOST_TRIED], count = 0, spare = SIZE_MAX;
    for (size_t i = 0; i < replay->trace->endpoint_count && count < MOST_TRIED; i++) {
        if (!has_place(replay, i))
            continue;
        if (!was_tried(live, i))
            found[count++] = i;
        else if (spare == SIZE_MAX || spare == live->last)
            spare = i;
    }
    if (count > 0)
        return (int)pick(replay, found, count, replay_draw(replay, subject, live->tries));
    return spare == SIZE_MAX ? -1 : (int)spare;
}

static void note_tried(const struct replay *replay, struct live *live, size_t endpoint)
{
    if (endpoint < MOST_TRIED)
        live->tried |= UINT64_C(1) << endpoint;
    live->last = (uint16_t)endpoint;
    if ((size_t)__builtin_popcountll(live->tried) >= replay->trace->endpoint_count)
        live->tried = endpoint < MOST_TRIED ? UINT64_C(1) << endpoint : 0;
}

/* ---- a try */

/* The connection was closed under it, as it had been idle for too long. At a shorter idle timeout
 * it would have got a new one, and met what others meet. */
static bool closed_while_idle(const struct replay_setting *setting,
                              const struct trace_meeting *meeting)
{
    return meeting->cause == CAUSE_REUSED_CLOSED && meeting->idle >= setting->idle_timeout;
}

static void meet(const struct replay *replay, uint32_t subject, size_t endpoint,
                 struct trace_meeting *meeting)
{
    const struct trace_request *request = replay_request(replay, subject);
    const struct live *live = &replay->lives[subject];
    uint64_t draw = replay_draw(replay, subject, UINT64_C(1) << 32 | live->tries);
    const struct trace_try *own = live->tries == 0 && request->first != TRACE_NO_TRY
                                      ? &replay->trace->tries[request->first]
                                      : NULL;
    if (own && own->endpoint == endpoint && llabs(own->at - replay->now) <= SAME_MOMENT)
        trace_meet_own(replay->trace, replay->round, own, replay->now, draw, meeting);
    else if (!trace_meet(replay->trace, replay->round, endpoint, replay->now, draw, meeting))
        *meeting = (struct trace_meeting){.ended = INT64_MAX, .unresolved = true};
    for (int i = 0; i < 8 && closed_while_idle(replay->setting, meeting); i++) {
        draw = hash_mix(draw);
        (void)trace_meet(replay->trace, replay->round, endpoint, replay->now, draw, meeting);
    }
}

static int64_t sooner(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* How long the gateway waits for it. */
static int64_t limit_of(const struct replay_setting *setting, const struct trace_meeting *meeting)
{
    int64_t limit = setting->response > 0 ? meeting->sent + setting->response : INT64_MAX;
    return setting->per_try > 0 ? sooner(limit, setting->per_try) : limit;
}

void replay_begin_try(struct replay *replay, uint32_t subject, size_t endpoint)
{
    struct live *live = &replay->lives[subject];
    struct trace_meeting meeting;
    meet(replay, subject, endpoint, &meeting);
    size_t slot = 0;
    while (live->flights[slot].used)
        slot++;
    int64_t limit = limit_of(replay->setting, &meeting);
    bool in_time = meeting.ended <= limit;
    live->flights[slot] = (struct flight){
        .used = true,
        .endpoint = (uint16_t)endpoint,
        .status = meeting.status,
        .cause = (uint8_t)(in_time ? meeting.cause : CAUSE_RESPONSE_TIMEOUT),
        .unresolved = !in_time && meeting.unresolved && limit > meeting.watched,
        .known_until = meeting.unresolved ? replay->now + meeting.watched : INT64_MAX,
        .receive = meeting.receive,
        .serial = ++replay->serial};
    live->phase = UNDER_WAY;
    live->tries++;
    note_tried(replay, live, endpoint);
    if (++replay->busy[endpoint] > replay->busiest)
        replay->busiest = replay->busy[endpoint];
    int64_t wait = sooner(meeting.ended, limit);
    if (wait < INT64_MAX)
        replay_enter(replay, TRY_OVER, subject, replay->now + wait, replay->serial, slot);
}

static void wait_in_queue(struct replay *replay, uint32_t subject)
{
    struct live *live = &replay->lives[subject];
    if (replay->queued >= (size_t)replay->setting->queue) {
        replay_fail(replay, subject, CAUSE_QUEUE_FULL);
        return;
    }
    live->phase = IN_QUEUE;
    live->serial = ++replay->serial;
    replay->queue[replay->queue_to++ % (replay->trace->rounds[replay->round].count + 1)] = subject;
    replay->queued++;
    if (replay->setting->queue_wait > 0)
        replay_enter(replay, QUEUE_OVER, subject, replay->now + replay->setting->queue_wait,
                     live->serial, 0);
}

void replay_plan_hedge(struct replay *replay, uint32_t subject)
{
    if (replay->setting->hedge_delay > 0 && replay->setting->hedge_max > 0)
        replay_enter(replay, HEDGE_DUE, subject, replay->now + replay->setting->hedge_delay, 0, 0);
}

void replay_start_try(struct replay *replay, uint32_t subject)
{
    struct live *live = &replay->lives[subject];
    int endpoint = replay_choose(replay, subject);
    if (endpoint < 0) {
        wait_in_queue(replay, subject);
        return;
    }
    if (live->tries == 0) {
        budget_earn(replay_budget(replay, replay->hedges, subject), replay_clock(replay),
                    replay->setting->hedge_budget);
        replay_plan_hedge(replay, subject);
    }
    replay_begin_try(replay, subject, (size_t)endpoint);
}

/* Whoever waits first is served first. */
void replay_free_place(struct replay *replay, size_t endpoint)
{
    replay->busy[endpoint]--;
    size_t room = replay->trace->rounds[replay->round].count + 1;
    while (replay->queue_from != replay->queue_to) {
        uint32_t subject = replay->queue[replay->queue_from % room];
        struct live *live = &replay->lives[subject];
        if (live->phase == IN_QUEUE && replay_choose(replay, subject) < 0)
            return;
        replay->queue_from++;
        if (live->phase != IN_QUEUE)
            continue;
        replay->queued--;
        live->phase = UNDER_WAY;
        replay_start_try(replay, subject);
        return;
    }
}
