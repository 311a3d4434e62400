/* SPDX-License-Identifier: MIT */
#include "backend/counts.h"

#include "backend/service.h"

#define LOG_INTERVAL duration_s(1)

#define FAILURE_TEXT(id, text) text,
static const char *const failure_texts[] = {BACKEND_FAILURES(FAILURE_TEXT)};

void counts_record_state(struct service *service, enum state_kind kind, uint64_t value)
{
    const struct state_record row = {.at = mono_now().ns,
                                     .kind = (record_STATE_KIND)kind,
                                     .subject = SERVICE_NAME_PROCESS,
                                     .value = value};
    RECORD_APPEND(service->writer, STATE, state, &row);
}

static void log_fresh_failures(void *arg)
{
    struct service *service = arg;
    struct counts *counts = &service->counts;
    for (int i = 0; i < FAILURE_COUNT; i++) {
        uint64_t fresh = counts->failures[i] - counts->failures_logged[i];
        counts->failures_logged[i] = counts->failures[i];
        if (fresh == 0)
            continue;
        log_warn(&service->log, NULL, "%llu %s", (unsigned long long)fresh, failure_texts[i]);
        if (i == FAILURE_DESCRIPTORS)
            counts_record_state(service, STATE_DESCRIPTORS_EXHAUSTED, fresh);
    }
}

void counts_failed(struct service *service, enum failure failure)
{
    service->counts.failures[failure]++;
    if (!timer_running(&service->failure_log))
        timer_start(&service->failure_log, LOG_INTERVAL);
}

static void log_failures_in_all(const struct service *service)
{
    const struct counts *counts = &service->counts;
#define LOG_FAULT(id, name, meaning)                             \
    if (counts->faults[SERVE_FAULT_##id] > 0)                    \
        log_info(&service->log, NULL, "%llu times \"" name "\"", \
                 (unsigned long long)counts->faults[SERVE_FAULT_##id]);
    SERVE_FAULTS(LOG_FAULT)
#undef LOG_FAULT
    for (int i = 0; i < FAILURE_COUNT; i++)
        if (counts->failures[i] > 0)
            log_info(&service->log, NULL, "in all %llu %s", (unsigned long long)counts->failures[i],
                     failure_texts[i]);
}

static void log_resources(const struct service *service)
{
    const struct resource_config *configs = service->config.resources.items;
    for (size_t i = 0; i < service->config.resources.count; i++)
        log_info(&service->log, configs[i].name, "at most %llu requests waited in line",
                 (unsigned long long)service->resources[i].longest);
}

void counts_log(const struct service *service)
{
    const struct counts *counts = &service->counts;
    const struct serve_counts *served = serve_counts(service->serve);
    log_info(&service->log, NULL,
             "stopped: %llu requests on %llu connections, %llu refused, %llu abandoned, "
             "%llu without a handler, %llu collections, %llu pauses",
             (unsigned long long)counts->requests, (unsigned long long)served->connections,
             (unsigned long long)served->refused, (unsigned long long)counts->abandoned,
             (unsigned long long)counts->unknown_paths, (unsigned long long)counts->collections,
             (unsigned long long)counts->pauses);
    log_resources(service);
    log_failures_in_all(service);
}

void counts_open(struct service *service)
{
    timer_init(&service->failure_log, &service->loop, log_fresh_failures, service);
}
