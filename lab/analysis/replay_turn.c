/* SPDX-License-Identifier: MIT */
#include "lab/analysis/replay_state.h"

/* ---- what becomes of it */

static bool others_fly(const struct live *live)
{
    for (size_t i = 0; i < TRIES_AT_ONCE; i++)
        if (live->flights[i].used)
            return true;
    return false;
}

/* Such a failure has cost no endpoint anything. */
static bool is_free(enum cause cause)
{
    return cause == CAUSE_CONNECT_REFUSED || cause == CAUSE_CONNECT_TIMEOUT ||
           cause == CAUSE_CONNECT_FAILED;
}

static bool wants_again(const struct replay_setting *setting, enum cause cause, uint16_t status)
{
    if (cause != CAUSE_NONE && cause != CAUSE_UPSTREAM_STATUS)
        return setting->causes >> cause & 1;
    for (size_t i = 0; i < REPLAY_STATUSES && setting->statuses[i] != 0; i++)
        if (setting->statuses[i] == status)
            return true;
    return false;
}

static bool may_try_again(struct replay *replay, uint32_t subject, const struct flight *flight)
{
    const struct replay_setting *setting = replay->setting;
    enum cause cause = (enum cause)flight->cause;
    if (replay->lives[subject].tries >= setting->attempts ||
        !wants_again(setting, cause, flight->status) ||
        !(is_free(cause) || replay_request(replay, subject)->repeatable))
        return false;
    return is_free(cause) || budget_spend(replay_budget(replay, replay->retries, subject),
                                          replay_clock(replay), setting->retry_budget);
}

static int64_t pause_before(const struct replay *replay, uint32_t subject, enum cause cause)
{
    const struct replay_setting *setting = replay->setting;
    if (setting->backoff <= 0 || cause == CAUSE_REUSED_CLOSED)
        return 0;
    uint16_t tries = replay->lives[subject].tries;
    double longest = (double)setting->backoff * (double)(UINT64_C(1) << (tries - 1));
    if (longest > (double)setting->backoff_longest)
        longest = (double)setting->backoff_longest;
    double unit = (double)(replay_draw(replay, subject, UINT64_C(1) << 33 | tries) >> 11) * 0x1p-53;
    return (int64_t)(longest * unit);
}

static void try_again(struct replay *replay, uint32_t subject, enum cause cause)
{
    struct live *live = &replay->lives[subject];
    live->serial = ++replay->serial;
    replay_enter(replay, RETRY_DUE, subject, replay->now + pause_before(replay, subject, cause),
                 live->serial, 0);
}

/* The response's head is there: the connection is free when all of it is. */
static void win(struct replay *replay, uint32_t subject, const struct flight *flight)
{
    const struct trace_request *request = replay_request(replay, subject);
    int64_t after = request->after >= 0 && !request->failed ? request->after : replay->trace->after;
    replay_enter(replay, PLACE_FREE, subject, replay->now + flight->receive, 0, flight->endpoint);
    replay_end(replay, subject, (enum cause)flight->cause, flight->status, replay->now + after);
}

void replay_finish_try(struct replay *replay, uint32_t subject, size_t slot, uint32_t serial)
{
    struct live *live = &replay->lives[subject];
    struct flight flight = live->flights[slot];
    if (live->phase == OVER || !flight.used || flight.serial != serial)
        return;
    bool answered = flight.cause == CAUSE_NONE || flight.cause == CAUSE_UPSTREAM_STATUS;
    bool unwanted = !answered || wants_again(replay->setting, CAUSE_NONE, flight.status);
    live->unresolved |= flight.unresolved;
    live->flights[slot].used = false;
    bool again = unwanted && !others_fly(live) && may_try_again(replay, subject, &flight);
    if (answered && !again && !(unwanted && others_fly(live))) {
        win(replay, subject, &flight);
        return;
    }
    /* Its own next try comes before those that wait for the place that it gives back. */
    if (again)
        try_again(replay, subject, (enum cause)flight.cause);
    else if (!others_fly(live))
        replay_fail(replay, subject, (enum cause)flight.cause);
    replay_free_place(replay, flight.endpoint);
}

void replay_hedge(struct replay *replay, uint32_t subject)
{
    struct live *live = &replay->lives[subject];
    const struct replay_setting *setting = replay->setting;
    if (live->phase != UNDER_WAY || !others_fly(live) || live->hedges >= setting->hedge_max ||
        live->hedges + 2 > TRIES_AT_ONCE || !replay_request(replay, subject)->repeatable)
        return;
    if (!budget_spend(replay_budget(replay, replay->hedges, subject), replay_clock(replay),
                      setting->hedge_budget))
        return;
    int endpoint = replay_choose(replay, subject);
    if (endpoint < 0)
        return;
    replay_begin_try(replay, subject, (size_t)endpoint);
    if (++live->hedges < setting->hedge_max)
        replay_plan_hedge(replay, subject);
}

void replay_reach(struct replay *replay, uint32_t subject)
{
    budget_earn(replay_budget(replay, replay->retries, subject), replay_clock(replay),
                replay->setting->retry_budget);
    if (replay->setting->total > 0)
        replay_enter(replay, TOTAL_OVER, subject, replay->now + replay->setting->total, 0, 0);
    replay->lives[subject].phase = UNDER_WAY;
    replay_start_try(replay, subject);
}
