/* SPDX-License-Identifier: MIT */
#include "lab/run/inject.h"

#include <stdlib.h>

#include "lab/plan/fault.h"
#include "lib/base/memory.h"

void injector_init(struct injector *injector)
{
    *injector = (struct injector){0};
}

static void add(struct injector *injector, const struct injector_order *order,
                const struct fault_spec *fault, struct process *process, const char *name)
{
    injector->items = mem_grow(injector->items, injector->count + 1, sizeof(*injector->items));
    struct injection *injection = &injector->items[injector->count++];
    *injection = (struct injection){
        .fault = fault,
        .process = process,
        .target = name,
        .supervisor = order->supervisor,
        .done = &injector->done,
        .folder = order->folder,
        .load = plan_experiment(order->plan, order->variant)->load.duration,
    };
    injection_init(injection, plan_process_seed(order->plan, name, order->round));
}

void injector_add(struct injector *injector, const struct injector_order *order,
                  struct process *process, const char *name)
{
    const struct conf_list *list = &plan_experiment(order->plan, order->variant)->faults;
    const struct fault_spec *faults = list->items;
    for (size_t i = 0; i < list->count; i++)
        if (fault_doer(&faults[i]) == FAULT_BY_LAB && fault_is_on_process(&faults[i], name))
            add(injector, order, &faults[i], process, name);
}

void injector_start(struct injector *injector, mono epoch)
{
    for (size_t i = 0; i < injector->count; i++)
        injection_start(&injector->items[i], epoch);
}

mono injector_next(const struct injector *injector, mono otherwise)
{
    for (size_t i = 0; i < injector->count; i++) {
        const struct injection *injection = &injector->items[i];
        if (mono_is_set(injection->due) && mono_before(injection->due, otherwise))
            otherwise = injection->due;
    }
    return otherwise;
}

enum result injector_turn(struct injector *injector, struct error *error)
{
    enum result result = OK;
    for (size_t i = 0; i < injector->count && result == OK; i++)
        result = injection_turn(&injector->items[i], mono_now(), error);
    return result;
}

void injector_end(struct injector *injector)
{
    for (size_t i = 0; i < injector->count; i++)
        injection_end(&injector->items[i]);
}

void injector_release(struct injector *injector)
{
    for (size_t i = 0; i < injector->count; i++)
        injection_release(&injector->items[i]);
    free(injector->items);
    free(injector->done.items);
    *injector = (struct injector){0};
}
