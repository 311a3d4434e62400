/* SPDX-License-Identifier: MIT */
#include "lab/plan/investigation.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#define CHOICE(id, name, ...) name,

const char *const investigation_choices[INVESTIGATION_COUNT + 1] = {INVESTIGATIONS(CHOICE)};

#define UPSTREAM "/gateway/upstreams/"

static const struct investigation_row rows[INVESTIGATION_COUNT] = {
    [INVESTIGATION_KEEPALIVE_RACE] = {.question =
                                          "For how long may the gateway keep a connection idle?",
                                      .axes = {{UPSTREAM, "/connections/idle_timeout", false,
                                                "idle_timeout"},
                                               {"/load/rate", "/load/rate", false, "rate"}}},
    [INVESTIGATION_PAUSE_MAP] = {.question = "What does a pause turn into?",
                                 .axes = {{"/faults/", "/pause", true, "pause"},
                                          {UPSTREAM, "/timeout/response", true, "timeout"},
                                          {UPSTREAM, "/health", false, "health"}}},
    [INVESTIGATION_TIMEOUT_LADDER] = {.question =
                                          "Who gives up first, and who works on for nobody?",
                                      .wants_served = true,
                                      .axes = {{"/load/timeout", "/load/timeout", true, "client"},
                                               {UPSTREAM, "/timeout/response", true, "gateway"},
                                               {"/backends/", "/timeout", true, "backend"}}},
    [INVESTIGATION_METASTABILITY] = {.question = "The fault is over: does the goodput come back?",
                                     .axes = {{UPSTREAM, "/retry/budget", true, "budget"}}},
};

const struct investigation_row *investigation_row(enum investigation investigation)
{
    return &rows[investigation];
}

static bool is_of(const struct investigation_axis *axis, const char *pointer)
{
    size_t length = strlen(pointer), end = axis->name ? strlen(axis->end) : 0;
    return axis->name && strncmp(pointer, axis->begin, strlen(axis->begin)) == 0 && length >= end &&
           strcmp(pointer + length - end, axis->end) == 0;
}

const struct cJSON *investigation_value(enum investigation investigation, size_t axis,
                                        const struct cJSON *values)
{
    const cJSON *value;
    cJSON_ArrayForEach(value, values)
    {
        if (is_of(&rows[investigation].axes[axis], value->string))
            return value;
    }
    return NULL;
}

/* "load.timeout" out of "/load/timeout", for messages. */
static const char *spoken(const struct investigation_axis *axis, char *out, size_t size)
{
    const char *from = strncmp(axis->begin, axis->end, strlen(axis->end)) == 0 ? "" : axis->begin;
    snprintf(out, size, "%s%s%s", from, *from ? "..." : "", axis->end);
    return out;
}

static enum result check_axis(struct conf_read *read, enum investigation investigation,
                              const struct cJSON *axis)
{
    char known[256] = "", one[96];
    for (size_t i = 0; i < INVESTIGATION_AXES; i++) {
        const struct investigation_axis *wanted = &rows[investigation].axes[i];
        if (is_of(wanted, axis->string))
            return OK;
        size_t length = strlen(known);
        if (wanted->name)
            snprintf(known + length, sizeof(known) - length, "%s%s", length ? ", " : "",
                     spoken(wanted, one, sizeof(one)));
    }
    return conf_fail(read, axis,
                     "\"investigate\": \"%s\" cannot tell what this one does (expected to vary: "
                     "%s)",
                     investigation_choices[investigation], known);
}

enum result investigation_check(struct conf_read *read, enum investigation investigation,
                                const struct cJSON *variants)
{
    if (investigation == INVESTIGATION_NONE)
        return OK;
    const cJSON *pointer;
    enum result result = OK;
    cJSON_ArrayForEach(pointer, variants)
    {
        result = check_axis(read, investigation, pointer);
        if (result != OK)
            return result;
    }
    char one[96];
    for (size_t i = 0; i < INVESTIGATION_AXES && result == OK; i++) {
        const struct investigation_axis *wanted = &rows[investigation].axes[i];
        if (wanted->needed && !investigation_value(investigation, i, variants))
            result =
                conf_fail(read, variants,
                          "\"investigate\": \"%s\" needs variants of %s (a list of one value "
                          "will do)",
                          investigation_choices[investigation], spoken(wanted, one, sizeof(one)));
    }
    return result;
}
