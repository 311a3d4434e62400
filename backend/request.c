/* SPDX-License-Identifier: MIT */
#include "backend/request.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "backend/holds.h"
#include "backend/respond.h"
#include "backend/service.h"
#include "backend/steps.h"
#include "lib/http/trace.h"

#define STATE_NAME(id, name) name,
static const char *const state_names[] = {REQUEST_STATES(STATE_NAME)};

#define BIT(id) (1u << REQUEST_##id)

/* Where each state may lead. */
static const unsigned legal[REQUEST_STATE_COUNT] = {
    [REQUEST_RUNNING] = BIT(QUEUED) | BIT(SLEEPING) | BIT(HANGING) | BIT(SETTLING),
    [REQUEST_QUEUED] = BIT(READY) | BIT(SETTLING),
    [REQUEST_READY] = BIT(RUNNING) | BIT(SETTLING),
    [REQUEST_SLEEPING] = BIT(RUNNING) | BIT(SETTLING),
    [REQUEST_HANGING] = BIT(SETTLING),
    [REQUEST_SETTLING] = BIT(ENDED),
};

void request_set_state(struct request *request, enum request_state to)
{
    char subject[SERVE_SUBJECT];
    assert(legal[request->state] >> to & 1);
    log_debug(&request->service->log, serve_subject(request->conn, subject), "request %s -> %s",
              state_names[request->state], state_names[to]);
    request->state = to;
}

void request_enter(struct request *request, enum timing_phase phase)
{
    if (phase == TIMING_WORK && request->slots_held > 0)
        phase = TIMING_LOCK;
    phases_enter(&request->phases, phase, mono_now(), request->service->stopped);
}

/* ---- the end */

static void give_objects_back(struct request *request)
{
    struct heap *heap = &request->service->heap;
    struct heap_object *object = request->objects;
    request->objects = NULL;
    /* A heap that does not recycle leaves them to the collector, unvisited. */
    while (object && heap->settings.recycles) {
        struct heap_object *next = object->refs[0];
        heap_give_back(heap, object);
        object = next;
    }
}

static void record_end(struct request *request)
{
    struct service *service = request->service;
    struct served_record *row = &request->served;
    if (!service->config.record_requests)
        return;
    request_enter(request, TIMING_CLEANUP); /* what has passed until now is accounted for */
    row->queue = request->phases.spent.ns[TIMING_QUEUE];
    row->lock = request->phases.spent.ns[TIMING_LOCK];
    row->work = request->phases.spent.ns[TIMING_WORK];
    row->gc = request->phases.spent.ns[TIMING_GC];
    row->cleanup = request->phases.spent.ns[TIMING_CLEANUP];
    row->total = mono_now().ns - row->started;
    RECORD_APPEND(service->writer, SERVED, served, row);
}

static void finish(struct request *request)
{
    struct service *service = request->service;
    struct serve_conn *conn = request->conn;
    record_end(request);
    holds_end_exchange(request);
    give_objects_back(request);
    timer_stop(&request->deadline);
    request_set_state(request, REQUEST_ENDED);
    list_remove(&request->node);
    slab_put(&service->slab, request);
    /* Last, as the connection's next request may begin in it. */
    serve_end(conn);
}

/* The handler has ended; has the exchange? Only who put releases off until then needs to know that
 * the client has taken the response. */
static void settle(struct request *request)
{
    const struct cleanup_strategy *strategy = request->service->cleanup.strategy;
    if (strategy->outside != UNTIL_EXCHANGE) {
        if (request->delivery >= DELIVERY_WRITTEN)
            finish(request);
        return;
    }
    if (request->delivery == DELIVERY_WRITTEN && serve_await_taken(request->conn) != SERVE_WRITING)
        request->delivery = DELIVERY_OVER;
    if (request->delivery == DELIVERY_OVER)
        finish(request);
}

static void end_handler(struct request *request)
{
    respond_default(request);
    holds_end_handler(request);
    request_set_state(request, REQUEST_SETTLING);
    settle(request);
}

/* Leaves whatever it waits for. */
static void stop_waiting(struct request *request)
{
    if (request->state == REQUEST_QUEUED)
        resource_leave(&request->service->resources[request->waits_for], &request->turn);
    list_remove(&request->turn);
    timer_stop(&request->timer);
}

void request_abort(struct request *request)
{
    stop_waiting(request);
    request->served.abandoned |= request->delivery < DELIVERY_WRITTEN;
    request->delivery = DELIVERY_OVER;
    if (request->state != REQUEST_SETTLING)
        request_set_state(request, REQUEST_SETTLING);
    finish(request);
}

/* A process that is to end works for nobody any more. */
static bool ends_with_its_client(const struct request *request)
{
    return request->handler->cancel || request->state == REQUEST_HANGING ||
           mono_is_set(request->service->drain_until);
}

void request_client_left(struct request *request)
{
    request->service->counts.abandoned++;
    request->served.abandoned = true;
}

bool request_is_hopeless(const struct request *request)
{
    return request->state == REQUEST_HANGING || request->served.abandoned;
}

void request_progress(struct request *request, enum serve_progress progress)
{
    bool unfinished = request->delivery < DELIVERY_WRITTEN || request->state == REQUEST_HANGING;
    if (progress == SERVE_GONE && unfinished) {
        request_client_left(request);
        if (ends_with_its_client(request)) {
            request_abort(request);
            return;
        }
    }
    /* A client that leaves with its response has taken it: the handler goes on. */
    request->delivery = progress == SERVE_WRITTEN ? DELIVERY_WRITTEN : DELIVERY_OVER;
    if (request->state == REQUEST_SETTLING)
        settle(request);
}

/* ---- the steps */

/* The next step, or NULL behind the last. Ends the turns of loops on the way. */
static struct step *next_step(struct request *request)
{
    for (;;) {
        struct request_frame *frame = &request->frames[request->depth];
        struct step *steps = frame->steps->items;
        if (frame->at < frame->steps->count)
            return &steps[frame->at++];
        if (request->depth == 0)
            return NULL;
        holds_end_turn(request);
        frame->at = 0;
        if (--frame->turns == 0)
            request->depth--;
    }
}

static void walk(struct request *request)
{
    struct service *service = request->service;
    enum step_outcome outcome;
    do {
        struct step *step = next_step(request);
        outcome = step ? steps_run(request, step) : STEP_ENDS;
        /* Here all that is alive can be reached from somewhere. */
        if (heap_due(&service->heap))
            service_collect(service);
    } while (outcome == STEP_DONE);
    if (outcome == STEP_ENDS)
        end_handler(request);
}

void request_resume(struct request *request)
{
    request_set_state(request, REQUEST_RUNNING);
    request_enter(request, TIMING_WORK);
    walk(request);
}

static void on_timer(void *arg)
{
    request_resume(arg);
}

/* A response that has begun is finished. */
static void on_deadline(void *arg)
{
    struct request *request = arg;
    bool begun = request->delivery != DELIVERY_NONE && !request->served.abandoned;
    if (begun || request->state == REQUEST_SETTLING)
        return;
    stop_waiting(request);
    request->served.gave_up = true;
    respond_error(request, 503, "the handler's timeout\n");
    end_handler(request);
}

/* ---- the beginning */

static void record_begin(struct request *request, const struct http_head *head)
{
    struct served_record *row = &request->served;
    const struct http_field *field = http_field_named(head, "traceparent");
    struct trace trace;
    row->started = mono_now().ns;
    snprintf(row->method, sizeof(row->method), "%.*s", (int)head->method.length, head->method.at);
    if (field && trace_parse(&trace, field->value.at, field->value.length))
        memcpy(row->trace_id.bytes, trace.trace_id, sizeof(row->trace_id.bytes));
}

static void allocate(struct request *request)
{
    const struct heap_config *config = &request->service->config.heap;
    uint64_t left = config->per_request;
    while (left > 0) {
        uint64_t size = left < config->object ? left : config->object;
        struct heap_object *object = heap_alloc(&request->service->heap, size);
        object->refs[0] = request->objects;
        request->objects = object;
        left -= size;
    }
}

static struct request *new_request(struct service *service, struct serve_conn *conn,
                                   const struct handler_config *handler)
{
    struct request *request = slab_get(&service->slab);
    *request = (struct request){
        .service = service, .conn = conn, .cleanup = {.shared = &service->cleanup}};
    request->handler = handler;
    request->frames[0].steps = &handler->steps;
    rng_init_stream(&request->rng, (uint64_t)service->config.seed, service->draws,
                    service->counts.requests);
    phases_begin(&request->phases, TIMING_WORK, mono_now(), service->stopped);
    timer_init(&request->timer, &service->loop, on_timer, request);
    timer_init(&request->deadline, &service->loop, on_deadline, request);
    if (handler->timeout.ns > 0)
        timer_start(&request->deadline, handler->timeout);
    list_init(&request->turn);
    list_push_back(&service->requests, &request->node);
    return request;
}

/* The path of a target: from an absolute form without its scheme and authority, and without the
 * query. */
static struct http_span path_of(struct http_span target)
{
    const char *end = target.at + target.length;
    if (target.length > 0 && target.at[0] != '/') {
        const char *authority = memmem(target.at, target.length, "://", 3);
        const char *path =
            authority ? memchr(authority + 3, '/', (size_t)(end - authority) - 3) : NULL;
        if (path)
            target = (struct http_span){path, (uint32_t)(end - path)};
    }
    const char *query = memchr(target.at, '?', target.length);
    if (query)
        target.length = (uint32_t)(query - target.at);
    return target;
}

void request_begin(struct service *service, struct serve_conn *conn,
                   const struct serve_request *asked)
{
    struct http_span path = path_of(asked->head->target);
    const struct handler_config *handler =
        backend_config_handler(&service->config, path.at, path.length);
    if (!handler) {
        service->counts.unknown_paths++;
        respond_unknown_path(conn);
        return;
    }
    struct request *request = new_request(service, conn, handler);
    service->counts.requests++;
    serve_set_data(conn, request);
    if (service->config.record_requests)
        record_begin(request, asked->head);
    allocate(request);
    walk(request);
}
