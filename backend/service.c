/* SPDX-License-Identifier: MIT */
#include "backend/service.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "backend/counts.h"
#include "backend/request.h"

/* Requests in flight have so long to end when the process is asked to. */
#define DRAIN_TIME     duration_s(5)
#define DRAIN_INTERVAL duration_ms(5)

/* ---- standing still */

void service_stood_still(struct service *service, const struct pause_record *pause)
{
    service->stopped.ns += pause->ended - pause->started;
    if (pause->kind != PAUSE_COLLECTION)
        service->counts.pauses++;
    RECORD_APPEND(service->writer, PAUSE, pause, pause);
}

uint16_t service_fault_name(const struct service *service, size_t index)
{
    return (uint16_t)(SERVICE_NAME_PAUSES + service->config.pauses.count + index);
}

void service_record_fault(struct service *service, const struct service_fault *fault)
{
    struct fault_record row = {
        .name = fault->name,
        .target = SERVICE_NAME_PROCESS,
        .ordinal = fault->occurrence.ordinal,
        .planned_at = fault->occurrence.at.ns,
        .planned_for = fault->occurrence.lasting.ns,
        .started = fault->started.ns,
        .ended = fault->ended.ns,
    };
    snprintf(row.kind, sizeof(row.kind), "%s", fault_row(fault->kind)->name);
    RECORD_APPEND(service->writer, FAULT, fault, &row);
}

static void on_collected(void *owner, const struct heap_collection *found)
{
    struct service *service = owner;
    struct pause_record row = {
        .kind = PAUSE_COLLECTION,
        .name = NAME_NONE,
        .started = found->started.ns,
        .ended = found->ended.ns,
        .live_bytes = found->live_bytes,
        .freed_bytes = found->freed_bytes,
    };
    service->counts.collections++;
    service_stood_still(service, &row);
}

void service_collect(struct service *service)
{
    struct heap_collection found = heap_collect(&service->heap);
    on_collected(service, &found);
}

static void mark_roots(void *owner, struct heap *heap)
{
    struct service *service = owner;
    list_foreach (node, &service->requests) {
        struct request *request = list_entry(node, struct request, node);
        heap_mark(heap, request->objects);
        if (request->cleanup.top)
            heap_mark(heap, &request->cleanup.top->object);
    }
}

static const struct heap_calls heap_calls = {.roots = mark_roots, .collected = on_collected};

/* ---- what the server and the loop call */

static void on_request(void *owner, struct serve_conn *conn, const struct serve_request *request)
{
    request_begin(owner, conn, request);
}

static void on_progress(void *owner, struct serve_conn *conn, enum serve_progress progress)
{
    (void)owner;
    request_progress(serve_data(conn), progress);
}

static void on_exhausted(void *owner, bool paused)
{
    struct service *service = owner;
    if (paused)
        counts_failed(service, FAILURE_ACCEPT);
    counts_record_state(service, paused ? STATE_ACCEPT_PAUSED : STATE_ACCEPT_RESUMED, 0);
}

static const struct serve_calls serve_calls = {
    .handle = on_request, .progress = on_progress, .exhausted = on_exhausted};

static void run_ready(void *arg)
{
    struct service *service = arg;
    for (struct list *node; (node = list_pop_front(&service->ready));)
        request_resume(list_entry(node, struct request, turn));
}

/* ---- stopping */

static void abort_requests(struct service *service, bool only_hopeless)
{
    list_foreach_safe (node, &service->requests) {
        struct request *request = list_entry(node, struct request, node);
        if (!only_hopeless || request_is_hopeless(request))
            request_abort(request);
    }
}

static void check_drained(void *arg)
{
    struct service *service = arg;
    bool late = !mono_before(mono_now(), service->drain_until);
    bool busy = !list_empty(&service->requests) || serve_open_connections(service->serve) > 0;
    if (busy && late)
        log_warn(&service->log, NULL, "ended with requests in flight");
    if (busy && !late)
        timer_start(&service->drain_check, DRAIN_INTERVAL);
    else
        loop_stop(&service->loop);
}

static void on_stop_signal(void *arg)
{
    struct service *service = arg;
    if (mono_is_set(service->drain_until))
        return;
    log_info(&service->log, NULL, "stopping: no new connections, up to 5 s for those in flight");
    service->drain_until = mono_add(mono_now(), DRAIN_TIME);
    pauses_end(&service->pauses);
    troubles_end(&service->troubles);
    serve_drain(service->serve);
    /* Nobody waits for those, and some would never end by themselves. */
    abort_requests(service, true);
    check_drained(service);
}

static void on_epoch(void *owner, mono epoch)
{
    struct service *service = owner;
    pauses_start(&service->pauses, epoch);
    troubles_start(&service->troubles, epoch);
}

static void on_control_gone(void *owner)
{
    struct service *service = owner;
    log_error(&service->log, NULL, "the laboratory is gone: ending at once");
    service->end = EXIT_SYSTEM;
    loop_stop(&service->loop);
}

/* ---- opening */

static enum result limit_descriptors(struct service *service, struct error *error)
{
    rlim_t wanted = (rlim_t)service->config.descriptor_limit;
    struct rlimit limit;
    if (wanted == 0)
        return OK;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return error_errno(error, "cannot read the limit of open descriptors");
    if (wanted > limit.rlim_max)
        return error_set(error, FAILED_SYSTEM,
                         "descriptor_limit %llu is above what this process may have (%llu): raise "
                         "it with ulimit -Hn, or lower it",
                         (unsigned long long)wanted, (unsigned long long)limit.rlim_max);
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return error_errno(error, "cannot set the limit of open descriptors");
    return OK;
}

static enum result open_records(struct service *service, struct error *error)
{
    const struct backend_config *config = &service->config;
    const struct pause_config *pauses = config->pauses.items;
    const struct fault_config *faults = config->faults.items;
    size_t count = SERVICE_NAME_PAUSES + config->pauses.count + config->faults.count;
    service->names = mem_alloc(count, sizeof(*service->names));
    service->names[SERVICE_NAME_PROCESS] = config->name;
    for (size_t i = 0; i < config->pauses.count; i++)
        service->names[SERVICE_NAME_PAUSES + i] = pauses[i].name;
    for (size_t i = 0; i < config->faults.count; i++)
        service->names[service_fault_name(service, i)] = faults[i].name;
    if (!config->record)
        return OK;
    struct record_settings settings = {.folder = config->record,
                                       .process = config->name,
                                       .names = service->names,
                                       .name_count = count,
                                       .log = &service->log};
    enum result result = record_store_open(&service->store, &settings, error);
    if (result == OK)
        result = record_writer_open(&service->writer, service->store, 0, error);
    return result;
}

static enum result open_server(struct service *service, struct error *error)
{
    const struct backend_config *config = &service->config;
    struct serve_options options = {.backlog = (int)config->backlog,
                                    .max_connections = (size_t)config->max_connections,
                                    .keepalive = config->keepalive_timeout};
    struct address address;
    if (!address_parse(&address, config->address))
        return error_set(error, FAILED_INPUT, "\"%s\" is no address to listen on", config->address);
    return serve_open(&service->serve, &service->loop, &address, &options, &serve_calls, service,
                      &service->log, error);
}

static void open_simulation(struct service *service)
{
    const struct backend_config *config = &service->config;
    const struct resource_config *resources = config->resources.items;
    const struct cleanup_strategy *strategy = cleanup_strategy((enum cleanup_kind)config->cleanup);
    struct heap_settings heap = {.collector = (enum heap_collector)config->heap.collector,
                                 .live = config->heap.live,
                                 .object = config->heap.object,
                                 .growth = config->heap.growth,
                                 .recycles = strategy->recycles};
    heap_init(&service->heap, &heap, &heap_calls, service);
    cleanup_shared_init(&service->cleanup, (enum cleanup_kind)config->cleanup, &service->heap);
    slab_init(&service->slab, sizeof(struct request), strategy->recycles);
    service->resources = mem_alloc(config->resources.count, sizeof(*service->resources));
    for (size_t i = 0; i < config->resources.count; i++)
        resource_init(&service->resources[i], resources[i].slots);
    snprintf(service->draws, sizeof(service->draws), "%s/request", config->name);
    pauses_open(&service->pauses, service);
    troubles_open(&service->troubles, service);
}

static enum result open_parts(struct service *service, int control_fd, struct error *error)
{
    enum result result = limit_descriptors(service, error);
    if (result == OK)
        result = open_records(service, error);
    if (result == OK)
        result = open_server(service, error);
    if (result == OK && control_fd >= 0)
        result = control_start(&service->control, &service->loop, control_fd, on_epoch,
                               on_control_gone, service, error);
    return result;
}

enum result service_open(struct service *service, int control_fd, struct error *error)
{
    log_init(&service->log, service->config.name, LOG_INFO);
    list_init(&service->requests);
    list_init(&service->ready);
    service->control.fd = -1;
    enum result result = loop_init(&service->loop, true, error);
    if (result != OK)
        return result;
    soon_init(&service->run_ready, &service->loop, run_ready, service);
    counts_open(service);
    timer_init(&service->drain_check, &service->loop, check_drained, service);
    open_simulation(service);
    signal(SIGPIPE, SIG_IGN);
    signal_watch_start(&service->terminate, &service->loop, SIGTERM, on_stop_signal, service);
    signal_watch_start(&service->interrupt, &service->loop, SIGINT, on_stop_signal, service);
    result = open_parts(service, control_fd, error);
    if (result != OK)
        service_close(service);
    return result;
}

/* ---- running and closing */

void service_run(struct service *service)
{
    char text[ADDRESS_TEXT];
    address_format(serve_address(service->serve), text, sizeof(text));
    if (service->control.fd >= 0)
        control_ready(&service->control, text);
    else
        on_epoch(service, mono_now());
    log_info(&service->log, NULL, "ready %s", text);
    loop_run(&service->loop);
    counts_log(service);
    service_close(service);
}

void service_close(struct service *service)
{
    troubles_close(&service->troubles);
    /* First, so that no request that ends here is followed by the next of its connection. */
    if (service->serve)
        serve_drain(service->serve);
    abort_requests(service, false);
    control_stop(&service->control);
    serve_close(&service->serve);
    pauses_close(&service->pauses);
    signal_watch_stop(&service->terminate);
    signal_watch_stop(&service->interrupt);
    soon_cancel(&service->run_ready);
    timer_stop(&service->failure_log);
    timer_stop(&service->drain_check);
    slab_free(&service->slab);
    cleanup_shared_free(&service->cleanup);
    heap_release(&service->heap);
    record_store_close(&service->store);
    buf_free(&service->fields);
    free(service->resources);
    free(service->names);
    loop_release(&service->loop);
}
