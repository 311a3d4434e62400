/* SPDX-License-Identifier: MIT */
#include "backend/holds.h"

#include <string.h>
#include <unistd.h>

#include "backend/service.h"
#include "backend/work.h"

static void push(struct request *request, const struct release_order *order)
{
    release_push(&request->cleanup, order, request->depth);
}

void holds_add_slot(struct request *request, size_t resource)
{
    struct resource_config *configs = request->service->config.resources.items;
    struct release_order order = {.kind = RELEASE_RESOURCE, .resource = resource};
    if (!dist_is_zero(&configs[resource].release))
        order.cost = dist_sample(&configs[resource].release, &request->rng);
    request->slots_held++;
    push(request, &order);
}

void holds_add_descriptor(struct request *request, int fd)
{
    push(request, &(struct release_order){.kind = RELEASE_DESCRIPTOR, .fd = fd});
}

void holds_add_block(struct request *request, struct heap_object *block)
{
    push(request, &(struct release_order){.kind = RELEASE_BLOCK, .block = block});
}

int64_t holds_count(const struct request *request, size_t resource)
{
    int64_t count = 0;
    for (const struct release *at = request->cleanup.top; at; at = release_below(at))
        if (at->order.kind == RELEASE_RESOURCE && at->order.resource == resource)
            count++;
    return count;
}

/* ---- giving back */

/* A pass over the stack, and what its matches look at. */
struct pass {
    struct request *request;
    size_t resource;
};

static void give_slot(struct request *request, const struct release_order *order)
{
    struct service *service = request->service;
    work_burn(order->cost);
    request->slots_held--;
    struct list *next = resource_give(&service->resources[order->resource]);
    if (!next)
        return;
    struct request *heir = list_entry(next, struct request, turn);
    holds_add_slot(heir, order->resource);
    request_set_state(heir, REQUEST_READY);
    list_push_back(&service->ready, &heir->turn);
    soon_ask(&service->run_ready);
}

static void undo(const struct release_order *order, void *arg)
{
    struct pass *pass = arg;
    request_enter(pass->request, TIMING_CLEANUP);
    switch (order->kind) {
    case RELEASE_RESOURCE:
        give_slot(pass->request, order);
        break;
    case RELEASE_DESCRIPTOR:
        close(order->fd);
        break;
    case RELEASE_BLOCK:
        heap_give_back(&pass->request->service->heap, order->block);
        break;
    }
}

static void run(struct request *request, release_match *match, size_t resource, size_t limit)
{
    struct pass pass = {request, resource};
    if (release_run(&request->cleanup, match, undo, &pass, limit) > 0)
        request_enter(request, TIMING_WORK);
}

static bool released_by_step(const struct release *release, void *arg)
{
    const struct pass *pass = arg;
    return release->until == UNTIL_LAST_USE && release->order.kind == RELEASE_RESOURCE &&
           release->order.resource == pass->resource;
}

static bool due_at_turn(const struct release *release, void *arg)
{
    const struct pass *pass = arg;
    return release->until <= UNTIL_TURN && release->depth >= pass->request->depth;
}

/* Whether a step that is still to come releases it. */
static bool released_later(const struct request *request, const struct release *release)
{
    const struct request_frame *frame = &request->frames[request->depth];
    const struct step *steps = frame->steps->items;
    for (size_t i = frame->at; i < frame->steps->count; i++)
        if (steps[i].kind == STEP_RELEASE && release->order.kind == RELEASE_RESOURCE &&
            steps[i].resource.index == release->order.resource)
            return true;
    return false;
}

static bool due_before_response(const struct release *release, void *arg)
{
    const struct pass *pass = arg;
    return release->until == UNTIL_LAST_USE && !released_later(pass->request, release);
}

static bool due_at_handler_end(const struct release *release, void *arg)
{
    (void)arg;
    return release->until <= UNTIL_HANDLER;
}

static bool always(const struct release *release, void *arg)
{
    (void)release;
    (void)arg;
    return true;
}

void holds_release_step(struct request *request, size_t resource)
{
    run(request, released_by_step, resource, 1);
}

void holds_end_turn(struct request *request)
{
    run(request, due_at_turn, 0, SIZE_MAX);
}

void holds_before_response(struct request *request)
{
    run(request, due_before_response, 0, SIZE_MAX);
}

void holds_end_handler(struct request *request)
{
    run(request, due_at_handler_end, 0, SIZE_MAX);
}

void holds_end_exchange(struct request *request)
{
    run(request, always, 0, SIZE_MAX);
}
