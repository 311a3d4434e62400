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

/* A process that stood still closes, when it goes on, what was idle for too long meanwhile. */
static const struct {
    const char *kind;
    unsigned effects;
} faults[] = {
    {"latency", DELAYS},
    {"bandwidth", DELAYS},
    {"slow_close", DELAYS | ENDS},
    {"timeout", DELAYS | ENDS},
    {"reset_peer", DELAYS | ENDS},
    {"slicer", DELAYS},
    {"limit_data", ENDS},
    {"corrupt", GARBLES | ENDS | DELAYS},
    {"blackhole", DELAYS},
    {"idle_close", ENDS},
    {"half_open", DELAYS | ENDS},
    {"refuse", REFUSES | ENDS},
    {"accept_delay", DELAYS | REFUSES},
    {"noop", 0},
    {"delay_request", DELAYS},
    {"delay_response", DELAYS},
    {"abort", ANSWERS},
    {"empty_response", ENDS},
    {"early_reply", ANSWERS | ENDS},
    {"truncate", ENDS},
    {"stall", DELAYS},
    {"malformed_chunk", GARBLES | ENDS},
    {"malformed_head", GARBLES},
    {"oversized_head", GARBLES},
    {"wrong_length", GARBLES | ENDS | DELAYS},
    {"response_rate", DELAYS},
    {"edit_request", GARBLES | ANSWERS},
    {"edit_response", GARBLES},
    {"pause", DELAYS | ENDS},
    {"stop", DELAYS | ENDS},
    {"kill", ENDS | REFUSES | DELAYS},
    {"term", ENDS | REFUSES | DELAYS},
    {"steal_cpu", DELAYS | ENDS},
    {"stop_accepting", DELAYS | REFUSES},
    {"descriptors", EFFECT_ALL},
};

unsigned effects_of_fault(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        if (strcmp(faults[i].kind, kind) == 0)
            return faults[i].effects;
    return EFFECT_ALL;
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
        [CAUSE_REUSED_CLOSED] = ENDS,
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
