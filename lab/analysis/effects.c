/* SPDX-License-Identifier: MIT */
#include "lab/analysis/effects.h"

#include <stddef.h>
#include <string.h>

#include "lib/base/result.h"

#define DELAYS  EFFECT_DELAYS
#define ENDS    EFFECT_ENDS
#define REFUSES EFFECT_REFUSES
#define GARBLES EFFECT_GARBLES
#define ANSWERS EFFECT_ANSWERS
#define IDLES   EFFECT_IDLES

/* A process that stood still closes, when it goes on, what was idle for too long meanwhile; it has
 * no reason to close what is asked of it. */
static const struct {
    const char *kind;
    unsigned effects;
    bool on_the_way; /* "stall" is a backend's as well as a link's */
} faults[] = {
    {"latency", DELAYS, true},
    {"bandwidth", DELAYS, true},
    {"slow_close", DELAYS | ENDS, true},
    {"timeout", DELAYS | ENDS, true},
    {"reset_peer", DELAYS | ENDS, true},
    {"slicer", DELAYS, true},
    {"limit_data", ENDS, true},
    {"corrupt", GARBLES | ENDS | DELAYS, true},
    {"blackhole", DELAYS, true},
    {"idle_close", ENDS | IDLES, true},
    {"half_open", DELAYS | ENDS, true},
    {"refuse", REFUSES | ENDS, true},
    {"accept_delay", DELAYS | REFUSES, true},
    {"noop", 0, false},
    {"delay_request", DELAYS, true},
    {"delay_response", DELAYS, true},
    {"abort", ANSWERS, true},
    {"empty_response", ENDS, true},
    {"early_reply", ANSWERS | ENDS, true},
    {"truncate", ENDS, true},
    {"stall", DELAYS, false},
    {"malformed_chunk", GARBLES | ENDS, true},
    {"malformed_head", GARBLES, true},
    {"oversized_head", GARBLES, true},
    {"wrong_length", GARBLES | ENDS | DELAYS, true},
    {"response_rate", DELAYS, true},
    {"edit_request", GARBLES | ANSWERS, true},
    {"edit_response", GARBLES, true},
    {"pause", DELAYS | IDLES, false},
    {"stop", DELAYS | IDLES, false},
    {"kill", ENDS | REFUSES | DELAYS, false},
    {"term", ENDS | REFUSES | DELAYS, false},
    {"steal_cpu", DELAYS | IDLES, false},
    {"stop_accepting", DELAYS | REFUSES, false},
    {"descriptors", EFFECT_ALL, false},
};

unsigned effects_of_fault(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        if (strcmp(faults[i].kind, kind) == 0)
            return faults[i].effects;
    return EFFECT_ALL;
}

bool effects_on_the_way(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        if (strcmp(faults[i].kind, kind) == 0)
            return faults[i].on_the_way;
    return false;
}

unsigned effects_behind(enum cause cause)
{
    static const unsigned effects[CAUSE_COUNT] = {
        [CAUSE_CONNECT_REFUSED] = REFUSES,
        [CAUSE_CONNECT_TIMEOUT] = REFUSES | DELAYS,
        [CAUSE_CONNECT_FAILED] = REFUSES | ENDS,
        [CAUSE_TLS_FAILED] = ENDS | GARBLES | DELAYS,
        [CAUSE_CLOSED_BEFORE_RESPONSE] = ENDS,
        [CAUSE_RESET_BEFORE_RESPONSE] = ENDS,
        [CAUSE_REUSED_CLOSED] = ENDS | IDLES,
        [CAUSE_RESPONSE_TIMEOUT] = DELAYS,
        [CAUSE_SEND_TIMEOUT] = DELAYS,
        [CAUSE_RESPONSE_MALFORMED] = GARBLES,
        [CAUSE_RESPONSE_HEAD_TOO_LARGE] = GARBLES,
        [CAUSE_BODY_TRUNCATED] = ENDS,
        [CAUSE_BODY_TIMEOUT] = DELAYS,
        [CAUSE_TUNNEL_TIMEOUT] = DELAYS,
        [CAUSE_TUNNEL_RESET] = ENDS,
        [CAUSE_TUNNEL_TRUNCATED] = ENDS,
        [CAUSE_TOTAL_TIMEOUT] = DELAYS | REFUSES,
        [CAUSE_NO_ENDPOINT] = EFFECT_ALL,
        [CAUSE_QUEUE_FULL] = DELAYS | REFUSES,
        [CAUSE_QUEUE_TIMEOUT] = DELAYS | REFUSES,
        [CAUSE_BREAKER_OPEN] = EFFECT_ALL,
        [CAUSE_SHED] = DELAYS | REFUSES,
        [CAUSE_DESCRIPTORS_EXHAUSTED] = DELAYS | REFUSES,
        [CAUSE_DRAIN_TIMEOUT] = DELAYS,
        [CAUSE_FAULT_ABORT] = ANSWERS,
        [CAUSE_UPSTREAM_STATUS] = ANSWERS,
        [CAUSE_UNKNOWN] = EFFECT_ALL,
        [CAUSE_NONE] = EFFECT_ALL,
    };
    return cause < CAUSE_COUNT ? effects[cause] : 0;
}
