/* SPDX-License-Identifier: MIT */
#include "proxy/connection/trouble.h"

#include "proxy/worker/worker.h"

enum {
    OF_SECURING = 1U << TROUBLE_TLS,
    OF_CONNECTING = (1U << TROUBLE_COUNT) - 1 - OF_SECURING,
};

static const duration BEGINS_APART = {NS_PER_S}, LASTS_APART = {60 * NS_PER_S};

/* TROUBLE_COUNT for a cause that is none. */
static enum trouble trouble_of(enum cause cause)
{
    switch (cause) {
    case CAUSE_CONNECT_REFUSED:
        return TROUBLE_REFUSED;
    case CAUSE_CONNECT_TIMEOUT:
        return TROUBLE_TIMEOUT;
    case CAUSE_CONNECT_FAILED:
        return TROUBLE_OTHER;
    case CAUSE_DESCRIPTORS_EXHAUSTED:
        return TROUBLE_DESCRIPTORS;
    case CAUSE_TLS_FAILED:
        return TROUBLE_TLS;
    default:
        return TROUBLE_COUNT;
    }
}

/* What an endpoint says may be in it. */
static void keep_reason(struct troubles *troubles, enum cause cause, const char *reason)
{
    size_t length = 0;
    for (; reason && reason[length] && length < TROUBLE_REASON - 1; length++) {
        char c = reason[length];
        bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
        troubles->reason[length] = plain ? c : '\'';
    }
    troubles->reason[length] = '\0';
    troubles->cause = cause;
}

void trouble_note(struct pool *pool, enum cause cause, const char *reason)
{
    struct troubles *troubles = &pool->troubles;
    struct worker *worker = pool->upstream->worker;
    enum trouble kind = trouble_of(cause);
    char more[LOG_PACE_MORE];
    uint64_t left_out;
    if (kind == TROUBLE_COUNT)
        return;
    keep_reason(troubles, cause, reason);
    duration apart = troubles->lasting & 1U << kind ? LASTS_APART : BEGINS_APART;
    if (!log_pace_ask(&troubles->paces[kind], worker->now, apart, &left_out))
        return;
    troubles->lasting |= 1U << kind;
    log_warn(&worker->log, pool->name, "%s (%s): %s%s",
             kind == TROUBLE_TLS ? "the TLS handshake failed" : "cannot connect",
             cause_row(cause)->name, reason ? troubles->reason : cause_row(cause)->meaning,
             log_pace_more(more, left_out));
}

const char *trouble_reason(const struct pool *pool, enum cause cause)
{
    const struct troubles *troubles = &pool->troubles;
    bool told = trouble_of(cause) != TROUBLE_COUNT && troubles->cause == cause;
    return told && troubles->reason[0] ? troubles->reason : NULL;
}

static void over(struct pool *pool, unsigned kinds)
{
    struct troubles *troubles = &pool->troubles;
    char more[LOG_PACE_MORE];
    uint64_t left_out = 0;
    for (size_t kind = 0; kind < TROUBLE_COUNT; kind++) {
        if (!(troubles->lasting & kinds & 1U << kind))
            continue;
        left_out += troubles->paces[kind].left_out;
        troubles->paces[kind].left_out = 0;
    }
    troubles->lasting &= ~kinds;
    log_info(&pool->upstream->worker->log, pool->name, "%s again%s",
             kinds == OF_SECURING ? "the TLS handshake succeeds" : "connecting works",
             log_pace_more(more, left_out));
}

void trouble_over_connecting(struct pool *pool)
{
    if (pool->troubles.lasting & OF_CONNECTING)
        over(pool, OF_CONNECTING);
}

void trouble_over_securing(struct pool *pool)
{
    if (pool->troubles.lasting & OF_SECURING)
        over(pool, OF_SECURING);
}
