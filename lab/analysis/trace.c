/* SPDX-License-Identifier: MIT */
#include "lab/analysis/trace.h"

#include <stdlib.h>

#include "lib/base/hash.h"
#include "lib/base/memory.h"
#include "lib/record/cause.h"

enum { NEAREST = 4, NEAR = 12 }; /* one of which is taken; which say more about a censored one */

/* Beyond so many medians a try waits for what others wait for as well. */
#define STALLED_MEDIANS 4

static bool was_answered(const struct trace_try *try)
{
    return !try->censored && (try->cause == CAUSE_NONE || try->cause == CAUSE_UPSTREAM_STATUS);
}

/* ---- preparing */

static size_t lane_of(const struct trace *trace, const struct trace_try *try)
{
    size_t round = 0;
    while (round + 1 < trace->round_count && try->request >= trace->rounds[round + 1].from)
        round++;
    return round * trace->endpoint_count + try->endpoint;
}

struct ranked {
    struct trace_try try;
    size_t lane;
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *one = a, *other = b;
    if (one->lane != other->lane)
        return one->lane < other->lane ? -1 : 1;
    return (one->try.at > other->try.at) - (one->try.at < other->try.at);
}

/* Into the order of rounds, endpoints and time. */
static void sort_tries(struct trace *trace)
{
    struct ranked *ranked = mem_alloc(trace->try_count + 1, sizeof(*ranked));
    for (size_t i = 0; i < trace->try_count; i++)
        ranked[i] = (struct ranked){trace->tries[i], lane_of(trace, &trace->tries[i])};
    qsort(ranked, trace->try_count, sizeof(*ranked), by_rank);
    trace->lanes = mem_alloc(trace->round_count * trace->endpoint_count + 1, sizeof(*trace->lanes));
    for (size_t i = 0; i < trace->try_count; i++) {
        trace->tries[i] = ranked[i].try;
        struct trace_lane *lane = &trace->lanes[ranked[i].lane];
        if (lane->count++ == 0)
            lane->from = i;
    }
    free(ranked);
}

static int by_number(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

/* The median of what is not negative; 0 of nothing. Sorts. */
static int64_t median(int64_t *numbers, size_t count)
{
    if (count == 0)
        return 0;
    qsort(numbers, count, sizeof(*numbers), by_number);
    return numbers[count / 2];
}

static void find_usual(struct trace *trace)
{
    size_t most = trace->request_count > trace->try_count ? trace->request_count : trace->try_count;
    int64_t *numbers = mem_alloc(most + 1, sizeof(*numbers));
    size_t count = 0;
    for (size_t i = 0; i < trace->request_count; i++)
        if (trace->requests[i].before >= 0)
            numbers[count++] = trace->requests[i].before;
    trace->before = median(numbers, count);
    count = 0;
    for (size_t i = 0; i < trace->request_count; i++)
        if (trace->requests[i].after >= 0 && !trace->requests[i].failed)
            numbers[count++] = trace->requests[i].after;
    trace->after = median(numbers, count);
    count = 0;
    for (size_t i = 0; i < trace->request_count; i++)
        if (trace->requests[i].after >= 0 && trace->requests[i].failed)
            numbers[count++] = trace->requests[i].after;
    trace->failed_after = median(numbers, count);
    count = 0;
    for (size_t i = 0; i < trace->try_count; i++)
        if (was_answered(&trace->tries[i]))
            numbers[count++] = trace->tries[i].ended;
    trace->stalled = STALLED_MEDIANS * median(numbers, count);
    free(numbers);
}

static void fit_ends(struct trace *trace)
{
    struct lifetime *lives = mem_alloc(trace->try_count + 1, sizeof(*lives));
    size_t count = 0;
    for (size_t i = 0; i < trace->try_count; i++) {
        const struct trace_try *try = &trace->tries[i];
        if (try->censored || was_answered(try))
            lives[count++] = (struct lifetime){try->ended, !try->censored};
    }
    survival_fit(&trace->ends, lives, count);
    free(lives);
}

void trace_prepare(struct trace *trace)
{
    sort_tries(trace);
    for (size_t i = 0; i < trace->request_count; i++)
        trace->requests[i].first = TRACE_NO_TRY;
    for (size_t i = 0; i < trace->try_count; i++)
        if (trace->tries[i].number == 1)
            trace->requests[trace->tries[i].request].first = (uint32_t)i;
    find_usual(trace);
    fit_ends(trace);
}

void trace_free(struct trace *trace)
{
    free(trace->requests);
    free(trace->tries);
    free(trace->rounds);
    free(trace->lanes);
    survival_free(&trace->ends);
    *trace = (struct trace){0};
}

/* ---- asking */

/* The first try of the lane that did not begin before `at`. */
static size_t find_moment(const struct trace *trace, const struct trace_lane *lane, int64_t at)
{
    size_t low = lane->from, high = lane->from + lane->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (trace->tries[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Those of the lane that are nearest in time, `most` of them at most. */
static struct trace_lane find_near(const struct trace *trace, const struct trace_lane *lane,
                                   int64_t at, size_t most)
{
    size_t low = find_moment(trace, lane, at), high = low;
    size_t first = lane->from, last = lane->from + lane->count;
    while (high - low < most && (low > first || high < last)) {
        bool below = low > first;
        if (below && high < last)
            below = at - trace->tries[low - 1].at <= trace->tries[high].at - at;
        if (below)
            low--;
        else
            high++;
    }
    return (struct trace_lane){low, high - low};
}

static double unit_of(uint64_t draw)
{
    return (double)(draw >> 11) * 0x1p-53;
}

/* When a censored try would have ended: as one of its neighbours that lasted longer and was watched
 * to its end, and failing that, as the tries of the run at large. Where nobody listened, only those
 * that ended just in time were watched to their ends, and they say nothing of it. */
static int64_t resolve(const struct trace *trace, const struct trace_lane *lane,
                       const struct trace_try *try, uint64_t draw)
{
    if (!trace->listened)
        return INT64_MAX;
    struct trace_lane near = find_near(trace, lane, try->at, NEAR);
    int64_t found[NEAR];
    size_t count = 0;
    for (size_t i = near.from; i < near.from + near.count; i++) {
        const struct trace_try *other = &trace->tries[i];
        int64_t until = other->at + other->ended - try->at;
        if (was_answered(other) && other->ended > trace->stalled && until > try->ended)
            found[count++] = until;
    }
    draw = hash_mix(draw);
    return count > 0 ? found[draw % count] : survival_draw(&trace->ends, try->ended, unit_of(draw));
}

/* Who is stalled is let go when the stall ends, and not after a time of his own. False: that stall
 * was over before `at`. */
static bool put_to(const struct trace *trace, const struct trace_try *try, int64_t ended,
                   int64_t at, struct trace_meeting *meeting)
{
    *meeting = (struct trace_meeting){.sent = try->sent,
                                      .ended = ended,
                                      .receive = try->receive,
                                      .watched = try->at + try->ended - at,
                                      .idle = try->idle,
                                      .status = try->censored ? 200 : try->status,
                                      .cause = try->censored ? CAUSE_NONE : try->cause,
                                      .unresolved = ended == INT64_MAX};
    if (meeting->unresolved || ended <= trace->stalled)
        return true;
    meeting->ended = try->at + ended - at;
    bool still = meeting->ended > meeting->sent;
    if (!still)
        meeting->ended = ended;
    return still;
}

static bool put_try(const struct trace *trace, const struct trace_lane *lane,
                    const struct trace_try *try, int64_t at, uint64_t draw,
                    struct trace_meeting *meeting)
{
    int64_t ended = try->censored ? resolve(trace, lane, try, draw) : try->ended;
    return put_to(trace, try, ended, at, meeting);
}

bool trace_meet(const struct trace *trace, size_t round, size_t endpoint, int64_t at, uint64_t draw,
                struct trace_meeting *meeting)
{
    const struct trace_lane *lane = &trace->lanes[round * trace->endpoint_count + endpoint];
    if (lane->count == 0)
        return false;
    struct trace_lane near = find_near(trace, lane, at, NEAREST);
    for (size_t i = 0; i < near.count; i++) {
        const struct trace_try *try = &trace->tries[near.from + (draw + i) % near.count];
        if (put_try(trace, lane, try, at, draw, meeting))
            return true;
    }
    /* All of them are of a stall that has just ended: what is sent now is as what was sent next. */
    size_t next = find_moment(trace, lane, at);
    if (next < lane->from + lane->count) {
        const struct trace_try *try = &trace->tries[next];
        (void)put_try(trace, lane, try, try->at, draw, meeting);
    }
    return true;
}

void trace_meet_own(const struct trace *trace, size_t round, const struct trace_try *own,
                    int64_t at, uint64_t draw, struct trace_meeting *meeting)
{
    const struct trace_lane *lane = &trace->lanes[round * trace->endpoint_count + own->endpoint];
    if (!put_try(trace, lane, own, at, draw, meeting))
        (void)trace_meet(trace, round, own->endpoint, at, draw, meeting);
}
