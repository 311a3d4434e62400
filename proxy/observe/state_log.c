/* SPDX-License-Identifier: MIT */
#include "proxy/observe/state_log.h"

static const duration APART = {10 * NS_PER_S};

static const char *const texts[STATE_KIND_COUNT] = {
    [STATE_POOL_EXHAUSTED] = "all connections are in use: requests wait for one",
    [STATE_QUEUE_SHED] = "all connections are in use and the queue is full: requests are refused",
    [STATE_RETRIES_EXHAUSTED] = "the retry budget is spent: failed requests are not tried again",
    [STATE_RATE_LIMITING_BEGUN] = "the rate limit is reached: requests are refused",
    [STATE_SHEDDING_BEGUN] = "the concurrency limit is reached: requests are refused",
};

void state_log_say(struct state_log *state_log, const struct log *log, enum state_kind kind,
                   const char *subject, mono now)
{
    char more[LOG_PACE_MORE];
    uint64_t left_out;
    if (texts[kind] && log_pace_ask(&state_log->paces[kind], now, APART, &left_out))
        log_warn(log, subject, "%s%s", texts[kind], log_pace_more(more, left_out));
}
