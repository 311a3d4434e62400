/* SPDX-License-Identifier: MIT */
#include "backend/pause.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/service.h"
#include "backend/work.h"
#include "lib/base/memory.h"

static mono planned_start(const struct pause *pause)
{
    return mono_add(pause->service->pauses.epoch, pause->next.at);
}

static void arm(struct pause *pause)
{
    timer_start(&pause->timer, mono_between(mono_now(), planned_start(pause)));
}

static void arm_next(struct pause *pause)
{
    if (schedule_next(&pause->schedule, &pause->next))
        arm(pause);
}

static void record(struct pause *pause, mono started, mono ended)
{
    bool injected = pause->config->injected;
    struct pause_record row = {
        .kind = injected ? PAUSE_INJECTED : PAUSE_SCHEDULED,
        .name = pause->name,
        .started = started.ns,
        .ended = ended.ns,
    };
    service_stood_still(pause->service, &row);
    if (!injected)
        return;
    service_record_fault(pause->service, &(struct service_fault){.name = pause->name,
                                                                 .kind = FAULT_PAUSE,
                                                                 .occurrence = pause->next,
                                                                 .started = started,
                                                                 .ended = ended});
}

static void on_due(void *arg)
{
    struct pause *pause = arg;
    mono started = mono_now();
    if (pause->service->pauses.ended)
        return; /* it was due together with the one that was cut short */
    if (mono_before(started, planned_start(pause))) {
        arm(pause);
        return;
    }
    bool whole = work_stand_still(mono_add(started, pause->next.lasting));
    record(pause, started, mono_now());
    if (whole)
        arm_next(pause);
    else
        pauses_end(&pause->service->pauses);
}

static void open_one(struct pause *pause, struct service *service, size_t index)
{
    const struct pause_config *configs = service->config.pauses.items;
    const struct pause_config *config = &configs[index];
    size_t size = strlen(service->config.name) + strlen(config->name) + 2;
    pause->service = service;
    pause->config = config;
    pause->name = (uint16_t)(SERVICE_NAME_PAUSES + index);
    pause->draws = mem_alloc(1, size);
    snprintf(pause->draws, size, "%s/%s", service->config.name, config->name);
    pause->schedule = (struct schedule){
        .seed = (uint64_t)service->config.seed,
        .name = pause->draws,
        .from = config->from,
        .until = config->until,
        .every = config->every,
        .lasting = config->duration,
        .count = (uint64_t)config->count,
        .entries = config->replay.entries,
        .entry_count = config->replay.entry_count,
        .loops = config->replay.loop,
    };
    timer_init(&pause->timer, &service->loop, on_due, pause);
}

void pauses_open(struct pause_clock *clock, struct service *service)
{
    clock->count = service->config.pauses.count;
    clock->pauses = mem_alloc(clock->count, sizeof(*clock->pauses));
    for (size_t i = 0; i < clock->count; i++)
        open_one(&clock->pauses[i], service, i);
}

/* Those that are over lie before the process's own time: the laboratory has started it again. */
static void arm_first(struct pause *pause)
{
    mono now = mono_now();
    while (schedule_next(&pause->schedule, &pause->next)) {
        if (mono_before(mono_add(planned_start(pause), pause->next.lasting), now))
            continue;
        arm(pause);
        return;
    }
}

void pauses_start(struct pause_clock *clock, mono epoch)
{
    clock->epoch = epoch;
    for (size_t i = 0; i < clock->count; i++) {
        timer_stop(&clock->pauses[i].timer);
        schedule_rewind(&clock->pauses[i].schedule);
        arm_first(&clock->pauses[i]);
    }
}

void pauses_end(struct pause_clock *clock)
{
    clock->ended = true;
    for (size_t i = 0; i < clock->count; i++)
        timer_stop(&clock->pauses[i].timer);
}

void pauses_close(struct pause_clock *clock)
{
    pauses_end(clock);
    for (size_t i = 0; i < clock->count; i++)
        free(clock->pauses[i].draws);
    free(clock->pauses);
    *clock = (struct pause_clock){0};
}
