/* SPDX-License-Identifier: MIT */
#include "backend/trouble.h"

#include <stdlib.h>

#include "backend/service.h"
#include "lib/base/memory.h"

static bool is_on(const struct troubles *troubles, enum fault_kind kind)
{
    for (size_t i = 0; i < troubles->count; i++)
        if (mono_is_set(troubles->items[i].since) &&
            live_config(troubles->items[i].live)->kind == (int)kind)
            return true;
    return false;
}

/* ---- what is done */

/* No number is below a limit of nothing: what is open stays so, and nothing else can be opened, not
 * even in place of what is closed. */
static void turn_descriptors(struct troubles *troubles)
{
    struct rlimit none;
    bool wanted = is_on(troubles, FAULT_DESCRIPTORS);
    if (wanted == troubles->exhausted)
        return;
    if (wanted && getrlimit(RLIMIT_NOFILE, &troubles->limit) != 0)
        return;
    none = troubles->limit;
    none.rlim_cur = 0;
    if (setrlimit(RLIMIT_NOFILE, wanted ? &none : &troubles->limit) == 0)
        troubles->exhausted = wanted;
}

static void turn_gate(struct troubles *troubles)
{
    enum serve_gate gate = SERVE_ACCEPTS;
    if (is_on(troubles, FAULT_STOP_ACCEPTING))
        gate = SERVE_HOLDS;
    if (is_on(troubles, FAULT_REFUSE))
        gate = SERVE_REFUSES;
    serve_set_gate(troubles->service->serve, gate);
}

/* ---- when, and what is said of it */

static void record(struct troubles *troubles, const struct trouble *trouble, mono now)
{
    const struct fault_config *config = live_config(trouble->live);
    service_record_fault(troubles->service, &(struct service_fault){
                                                .name = trouble->live->name,
                                                .kind = (enum fault_kind)config->kind,
                                                .occurrence = trouble->occurrence,
                                                .started = trouble->since,
                                                .ended = now,
                                            });
}

static void say(const struct troubles *troubles, const struct trouble *trouble, const char *what)
{
    const struct fault_config *config = live_config(trouble->live);
    log_info(&troubles->service->log, config->name, "%s %s",
             fault_row((enum fault_kind)config->kind)->name, what);
}

static void end(struct troubles *troubles, struct trouble *trouble, mono now)
{
    record(troubles, trouble, now);
    trouble->since = (mono){0};
    say(troubles, trouble, "is over");
}

static void turn_one(struct troubles *troubles, struct trouble *trouble, mono now)
{
    live_turn(trouble->live, now);
    bool another =
        trouble->live->on && trouble->live->occurrence.ordinal != trouble->occurrence.ordinal;
    if (mono_is_set(trouble->since) && (!trouble->live->on || another))
        end(troubles, trouble, now);
    if (trouble->live->on && !mono_is_set(trouble->since)) {
        trouble->since = now;
        trouble->occurrence = trouble->live->occurrence;
        trouble->fresh = true;
    }
}

/* Once it is so. */
static void say_fresh(struct troubles *troubles)
{
    for (size_t i = 0; i < troubles->count; i++) {
        if (troubles->items[i].fresh)
            say(troubles, &troubles->items[i], "begins");
        troubles->items[i].fresh = false;
    }
}

static void arm(struct troubles *troubles, mono now)
{
    mono next = {INT64_MAX};
    for (size_t i = 0; i < troubles->count; i++) {
        mono at = live_next(troubles->items[i].live, now);
        if (mono_before(at, next))
            next = at;
    }
    if (next.ns != INT64_MAX)
        timer_start(&troubles->timer, mono_between(now, next));
}

static void turn(void *arg)
{
    struct troubles *troubles = arg;
    mono now = mono_now();
    for (size_t i = 0; i < troubles->count; i++)
        turn_one(troubles, &troubles->items[i], now);
    turn_gate(troubles);
    turn_descriptors(troubles);
    say_fresh(troubles);
    arm(troubles, now);
}

/* ---- from the beginning to the end */

void troubles_open(struct troubles *troubles, struct service *service)
{
    const struct fault_config *configs = service->config.faults.items;
    troubles->service = service;
    troubles->count = service->config.faults.count;
    troubles->items = mem_alloc(troubles->count, sizeof(*troubles->items));
    timer_init(&troubles->timer, &service->loop, turn, troubles);
    for (size_t i = 0; i < troubles->count; i++) {
        /* Its texts are the service's, which outlives it. */
        struct fault *fault = mem_alloc(1, sizeof(*fault));
        fault->config = configs[i];
        troubles->items[i].live =
            live_new(fault, service->config.name, (uint64_t)service->config.seed);
        troubles->items[i].live->name = service_fault_name(service, i);
    }
}

void troubles_start(struct troubles *troubles, mono epoch)
{
    if (troubles->count == 0)
        return;
    for (size_t i = 0; i < troubles->count; i++)
        live_start(troubles->items[i].live, epoch);
    turn(troubles);
}

void troubles_end(struct troubles *troubles)
{
    mono now = mono_now();
    for (size_t i = 0; i < troubles->count; i++) {
        struct trouble *trouble = &troubles->items[i];
        if (mono_is_set(trouble->since))
            end(troubles, trouble, now);
    }
    if (!troubles->service)
        return;
    timer_stop(&troubles->timer);
    turn_descriptors(troubles);
}

void troubles_close(struct troubles *troubles)
{
    troubles_end(troubles);
    for (size_t i = 0; i < troubles->count; i++)
        live_free(troubles->items[i].live);
    free(troubles->items);
    *troubles = (struct troubles){.count = 0};
}
