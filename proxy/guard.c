/* SPDX-License-Identifier: MIT */
#include "proxy/guard.h"

/* What a try's outcome says about its endpoint. No entry: nothing (the client went away, the idle
 * race, the gateway's own want of descriptors). */
enum meaning { SAYS_NOTHING, ANSWERED, FAILED };
static const enum meaning meanings[CAUSE_COUNT] = {
    [CAUSE_NONE] = ANSWERED,
    [CAUSE_UPSTREAM_STATUS] = FAILED,
    [CAUSE_CONNECT_REFUSED] = FAILED,
    [CAUSE_CONNECT_FAILED] = FAILED,
    [CAUSE_CONNECT_TIMEOUT] = FAILED,
    [CAUSE_DNS_FAILED] = FAILED,
    [CAUSE_TLS_FAILED] = FAILED,
    [CAUSE_RESPONSE_TIMEOUT] = FAILED,
    [CAUSE_BODY_TIMEOUT] = FAILED,
    [CAUSE_TOTAL_TIMEOUT] = FAILED,
    [CAUSE_CLOSED_BEFORE_RESPONSE] = FAILED,
    [CAUSE_RESET_BEFORE_RESPONSE] = FAILED,
    [CAUSE_BODY_TRUNCATED] = FAILED,
    [CAUSE_RESPONSE_MALFORMED] = FAILED,
    [CAUSE_RESPONSE_HEAD_TOO_LARGE] = FAILED,
};

/* From the choice of the endpoint to the first byte of its response, or until now. */
static duration time_taken(const struct attempt *attempt, mono now)
{
    return mono_between(attempt->started,
                        mono_is_set(attempt->first_byte) ? attempt->first_byte : now);
}

static size_t endpoint_of(const struct exchange *exchange)
{
    return (size_t)(exchange->attempt.pool - exchange->upstream->pools);
}

void guard_begin(struct exchange *exchange)
{
    exchange->attempt.open = true;
    exchange->upstream->balance.peers[endpoint_of(exchange)].active++;
    counter_add(&exchange->attempt.pool->attempts);
}

void guard_settle(struct exchange *exchange, enum cause outcome)
{
    struct balance *balance = &exchange->upstream->balance;
    struct attempt *attempt = &exchange->attempt;
    mono now = exchange->worker->now;
    if (!attempt->open)
        return;
    attempt->open = false;
    balance->peers[endpoint_of(exchange)].active--;
    if (balance_learns(balance) && meanings[outcome] != SAYS_NOTHING)
        balance_learn(balance, endpoint_of(exchange), time_taken(attempt, now),
                      meanings[outcome] == FAILED, now);
}
