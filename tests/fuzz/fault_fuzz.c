/* SPDX-License-Identifier: MIT */
/* Any bytes are a fault, a toxic or a log of pauses, or a mistake with a one-line message: as the
 * admin address, the API of links and a file that is replayed may get them. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "chaos/api/toxic.h"
#include "chaos/fault/pause_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const char *text)
{
    if (!*text || strpbrk(text, "\n\r\033"))
        abort();
}

/* It goes into a JSON text, in which nothing can break a line. */
static void check_api_message(const struct api_error *error)
{
    if (!*error->text || error->status < 400)
        abort();
}

static void try_fault(const char *text, size_t size)
{
    struct fault *fault;
    struct error error;
    enum result result = fault_parse(&fault, text, size, "body", &error);
    if (result == OK) {
        if (!fault->config.name || !fault->config.item)
            abort();
        fault_free(fault);
    } else if (result == FAILED_INPUT) {
        check_message(error.text);
    } else {
        abort();
    }
}

/* What is shown of a toxic can be sent again. */
static void try_again(struct fault *fault)
{
    struct api_error error;
    struct live_fault *live = live_new(fault, "link", 7);
    cJSON *shown = toxic_show(live);
    struct buf ignored = {0};
    struct fault *again = toxic_update(live, shown, &ignored, &error);
    if (!again)
        check_api_message(&error);
    buf_free(&ignored);
    fault_free(again);
    cJSON_Delete(shown);
    live_free(live);
}

static void try_toxic(const char *text, size_t size)
{
    struct api_error error;
    cJSON *body = cJSON_ParseWithLength(text, size);
    if (!body)
        return;
    struct buf ignored = {0};
    struct fault *fault = toxic_make(body, &ignored, &error);
    if (fault)
        try_again(fault);
    else
        check_api_message(&error);
    buf_free(&ignored);
    cJSON_Delete(body);
}

static void check_order(const struct pause_log *log)
{
    int64_t end = 0;
    for (size_t i = 0; i < log->count; i++) {
        if (log->entries[i].at.ns < end || log->entries[i].lasting.ns <= 0)
            abort();
        end = log->entries[i].at.ns + log->entries[i].lasting.ns;
    }
}

static void try_pauses(const char *text, size_t size)
{
    struct pause_log log = {0};
    struct pause_log_problem problem;
    if (pause_log_read(&log, PAUSE_LOG_COUNT, text, size, &problem)) {
        check_order(&log);
        pause_log_shape(&log, duration_ms(1), 1.5);
        check_order(&log);
    } else {
        check_message(problem.what);
        if (problem.offset > size)
            abort();
    }
    pause_log_free(&log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    try_fault(text, size);
    try_toxic(text, size);
    try_pauses(text, size);
    return 0;
}
