/* SPDX-License-Identifier: MIT */
#include "backend/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backend/counts.h"
#include "backend/holds.h"
#include "backend/respond.h"
#include "backend/service.h"
#include "backend/work.h"

static enum step_outcome run_acquire(struct request *request, struct step *step)
{
    size_t index = step->resource.index;
    struct resource *resource = &request->service->resources[index];
    if (request->slots_held > 0 && holds_count(request, index) == resource->slots) {
        counts_failed(request->service, FAILURE_DEADLOCK);
        respond_error(request, 500, "acquire: this request holds every slot itself\n");
        return STEP_ENDS;
    }
    if (resource_take(resource, &request->turn)) {
        holds_add_slot(request, index);
        request_enter(request, TIMING_WORK);
        return STEP_DONE;
    }
    request->waits_for = index;
    request_enter(request, TIMING_QUEUE);
    request_set_state(request, REQUEST_QUEUED);
    return STEP_WAITS;
}

static enum step_outcome run_release(struct request *request, struct step *step)
{
    holds_release_step(request, step->resource.index);
    return STEP_DONE;
}

static enum step_outcome run_alloc(struct request *request, struct step *step)
{
    holds_add_block(request, heap_alloc(&request->service->heap, step->alloc));
    return STEP_DONE;
}

static enum step_outcome fail_open(struct request *request, int problem)
{
    char text[128];
    snprintf(text, sizeof(text), "open: %s\n", strerror(problem));
    counts_failed(request->service, FAILURE_DESCRIPTORS);
    respond_error(request, 500, text);
    return STEP_ENDS;
}

static enum step_outcome run_open(struct request *request, struct step *step)
{
    for (int64_t i = 0; i < step->open; i++) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return fail_open(request, errno);
        holds_add_descriptor(request, fd);
    }
    return STEP_DONE;
}

static enum step_outcome run_cpu(struct request *request, struct step *step)
{
    work_burn(dist_sample(&step->time, &request->rng));
    return STEP_DONE;
}

static enum step_outcome run_io(struct request *request, struct step *step)
{
    duration time = dist_sample(&step->time, &request->rng);
    if (time.ns <= 0)
        return STEP_DONE;
    timer_start(&request->timer, time);
    request_set_state(request, REQUEST_SLEEPING);
    return STEP_WAITS;
}

static enum step_outcome run_loop(struct request *request, struct step *step)
{
    if (step->loop.times == 0 || step->loop.steps.count == 0)
        return STEP_DONE;
    request->frames[++request->depth] =
        (struct request_frame){.steps = &step->loop.steps, .turns = step->loop.times};
    return STEP_DONE;
}

static enum step_outcome run_respond(struct request *request, struct step *step)
{
    respond_send(request, &step->respond);
    /* A client that is gone already: as if it had left while the handler ran. */
    bool ends = request->delivery == DELIVERY_OVER && request->handler->cancel;
    return ends ? STEP_ENDS : STEP_DONE;
}

static enum step_outcome run_fail(struct request *request, struct step *step)
{
    if (step->fail.share < 1 && rng_unit(&request->rng) >= step->fail.share)
        return STEP_DONE;
    if (request->served.abandoned)
        return STEP_ENDS; /* nobody is left to misbehave to */
    if (respond_fail(request, (enum serve_fault)step->fail.how))
        return STEP_ENDS;
    request_set_state(request, REQUEST_HANGING);
    return STEP_WAITS;
}

typedef enum step_outcome step_function(struct request *request, struct step *step);

static step_function *const functions[STEP_KIND_COUNT] = {
    [STEP_ACQUIRE] = run_acquire, [STEP_RELEASE] = run_release, [STEP_ALLOC] = run_alloc,
    [STEP_OPEN] = run_open,       [STEP_CPU] = run_cpu,         [STEP_IO] = run_io,
    [STEP_LOOP] = run_loop,       [STEP_RESPOND] = run_respond, [STEP_FAIL] = run_fail,
};

enum step_outcome steps_run(struct request *request, struct step *step)
{
    return functions[step->kind](request, step);
}
