/* SPDX-License-Identifier: MIT */
#include "lab/run/injection.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/run/listening.h"
#include "lab/run/machine.h"
#include "lib/base/memory.h"

/* A process that was told to end and does not is killed after so long. */
#define TERM_PATIENCE duration_s(15)

/* How often another program that was started again is asked whether it accepts connections. */
#define LOOK_EVERY duration_ms(20)

#define STEP(id) (1u << INJECTION_##id)
static const unsigned legal_steps[] = {
    [INJECTION_WAITING] = STEP(HOLDING) | STEP(ENDING) | STEP(OVER),
    [INJECTION_HOLDING] = STEP(WAITING) | STEP(OVER),
    [INJECTION_ENDING] = STEP(AWAY) | STEP(OVER),
    [INJECTION_AWAY] = STEP(STARTING) | STEP(OVER),
    [INJECTION_STARTING] = STEP(WAITING) | STEP(OVER),
    [INJECTION_OVER] = 0,
};
#undef STEP

static void set_state(struct injection *injection, enum injection_state state)
{
    assert(legal_steps[injection->state] >> state & 1);
    injection->state = state;
}

static const struct fault_config *config_of(const struct injection *injection)
{
    return &injection->fault->config;
}

static bool ends_process(const struct injection *injection)
{
    return config_of(injection)->kind == FAULT_KILL || config_of(injection)->kind == FAULT_TERM;
}

static duration end_of_all(const struct injection *injection)
{
    duration until = config_of(injection)->until;
    return until.ns > 0 ? until : injection->load;
}

/* The occurrence's planned length: what was drawn, or to the end of the fault. */
static duration planned_length(const struct injection *injection)
{
    const struct occurrence *next = &injection->next;
    bool is_told = injection->schedule.entry_count > 0;
    if (is_told || !dist_is_zero(&injection->schedule.lasting) || ends_process(injection))
        return next->lasting;
    return duration_ns(end_of_all(injection).ns - next->at.ns);
}

/* ---- one occurrence after the other */

void injection_init(struct injection *injection, uint64_t seed)
{
    const struct fault_config *config = config_of(injection);
    size_t size = strlen(injection->target) + strlen(config->name) + 2;
    injection->draws = mem_alloc(1, size);
    snprintf(injection->draws, size, "%s/%s", injection->target, config->name);
    injection->schedule = (struct schedule){
        .seed = seed,
        .name = injection->draws,
        .from = config->from,
        .until = end_of_all(injection),
        .every = config->every,
        .lasting = ends_process(injection) ? config->restart_after : config->lasting,
        .count = (uint64_t)config->count,
        .entries = injection->fault->replay.entries,
        .entry_count = injection->fault->replay.entry_count,
        .loops = injection->fault->replay.loop,
    };
    if (ends_process(injection) && config->restarts > 0)
        injection->restarts = mem_alloc((size_t)config->restarts, sizeof(*injection->restarts));
    injection->state = INJECTION_OVER; /* until it is started */
}

static void await_next(struct injection *injection)
{
    bool more = schedule_next(&injection->schedule, &injection->next);
    if (injection->state != INJECTION_WAITING || !more)
        set_state(injection, more ? INJECTION_WAITING : INJECTION_OVER);
    injection->due = more ? mono_add(injection->epoch, injection->next.at) : (mono){0};
}

void injection_start(struct injection *injection, mono epoch)
{
    injection->epoch = epoch;
    injection->state = INJECTION_WAITING;
    schedule_rewind(&injection->schedule);
    await_next(injection);
}

/* Notes what was done; `ended` is not set when it goes on behind the end of the round. */
static struct injected *note(struct injection *injection, mono started, mono ended)
{
    struct injected_list *done = injection->done;
    done->items = mem_grow(done->items, done->count + 1, sizeof(*done->items));
    struct injected *row = &done->items[done->count++];
    *row = (struct injected){.fault = config_of(injection)->name,
                             .target = injection->target,
                             .kind = fault_kind_names[config_of(injection)->kind],
                             .ordinal = injection->next.ordinal,
                             .planned_at = injection->next.at,
                             .planned_for = planned_length(injection),
                             .started = started,
                             .ended = ended};
    return row;
}

/* ---- holding a process */

static enum result start_neighbours(struct injection *injection, struct error *error)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/neighbours.log", injection->folder);
    const struct neighbour_order order = {.beside = injection->process,
                                          .cores = (size_t)config_of(injection)->cores,
                                          .share = config_of(injection)->steal,
                                          .log_path = path};
    return neighbours_start(&injection->neighbours, injection->supervisor, &order, error);
}

/* Any descriptor that is free is above the limit then. */
static enum result take_descriptors(struct injection *injection, struct error *error)
{
    struct rlimit *before = &injection->descriptors;
    pid_t pid = injection->process->pid;
    if (prlimit(pid, RLIMIT_NOFILE, NULL, before) == 0) {
        const struct rlimit none = {.rlim_cur = 0, .rlim_max = before->rlim_max};
        if (prlimit(pid, RLIMIT_NOFILE, &none, NULL) == 0)
            return OK;
    }
    return error_errno(error, "the limit of open files of %s cannot be changed", injection->target);
}

static enum result hold(struct injection *injection, struct error *error)
{
    switch (config_of(injection)->kind) {
    case FAULT_STEAL_CPU:
        return start_neighbours(injection, error);
    case FAULT_DESCRIPTORS:
        return take_descriptors(injection, error);
    default:
        process_freeze(injection->process);
        return OK;
    }
}

static void let_go(struct injection *injection)
{
    struct process *process = injection->process;
    switch (config_of(injection)->kind) {
    case FAULT_STEAL_CPU:
        neighbours_stop(&injection->neighbours, injection->supervisor);
        break;
    case FAULT_DESCRIPTORS:
        if (!process->ended)
            prlimit(process->pid, RLIMIT_NOFILE, &injection->descriptors, NULL);
        break;
    default:
        if (process->frozen)
            process_thaw(process);
        break;
    }
}

static enum result begin_holding(struct injection *injection, struct error *error)
{
    enum result result = hold(injection, error);
    injection->started = mono_now();
    set_state(injection, INJECTION_HOLDING);
    mono own = mono_add(injection->started, planned_length(injection));
    mono last = mono_add(injection->epoch, end_of_all(injection));
    injection->due = mono_before(last, own) ? last : own;
    return result;
}

/* The times stand so that the process is held at least from the one to the other. */
static void end_holding(struct injection *injection)
{
    mono ended = mono_now();
    let_go(injection);
    note(injection, injection->started, ended);
}

/* ---- ending a process and starting it again */

static void begin_ending(struct injection *injection)
{
    struct process *process = injection->process;
    bool kill_it = config_of(injection)->kind == FAULT_KILL;
    process->cpu_before += machine_cpu_seconds(process->pid);
    process_kill(process, kill_it ? SIGKILL : SIGTERM);
    if (process->frozen)
        process_thaw(process);
    injection->started = mono_now();
    set_state(injection, INJECTION_ENDING);
    injection->due = mono_add(injection->started, TERM_PATIENCE);
}

/* How many restarts the watchdog counts at this moment. */
static uint64_t recent_restarts(const struct injection *injection, mono now)
{
    size_t kept = (size_t)config_of(injection)->restarts;
    uint64_t count = 0;
    for (size_t i = 0; i < injection->restart_count && i < kept; i++)
        count += mono_between(injection->restarts[i], now).ns <= config_of(injection)->within.ns;
    return count;
}

static void begin_absence(struct injection *injection, mono now)
{
    const struct fault_config *config = config_of(injection);
    uint64_t restarts = recent_restarts(injection, now);
    bool gave_up =
        config->restart && config->restarts > 0 && restarts >= (uint64_t)config->restarts;
    if (config->restart && !gave_up) {
        set_state(injection, INJECTION_AWAY);
        injection->due = mono_add(now, injection->next.lasting);
        return;
    }
    struct injected *row = note(injection, injection->started, (mono){0});
    row->gave_up = gave_up;
    row->gave_up_at = now;
    row->restarts = restarts;
    set_state(injection, INJECTION_OVER);
}

static enum result begin_starting(struct injection *injection, mono now, struct error *error)
{
    size_t kept = (size_t)config_of(injection)->restarts;
    if (kept > 0)
        injection->restarts[injection->restart_count++ % kept] = now;
    set_state(injection, INJECTION_STARTING);
    injection->due = (mono){0};
    return process_restart(injection->process, injection->supervisor, error);
}

static enum result end_starting(struct injection *injection, struct error *error)
{
    note(injection, injection->started, mono_now());
    enum result result = process_send_epoch(injection->process, injection->epoch, error);
    await_next(injection);
    return result;
}

/* ---- turns */

/* A process that is away, or held by another fault, cannot be touched: the row without a start says
 * so. */
static enum result begin(struct injection *injection, struct error *error)
{
    const struct process *process = injection->process;
    int kind = config_of(injection)->kind;
    bool freezes = kind == FAULT_STOP || kind == FAULT_PAUSE;
    if (process->ended || process->dead_on_purpose || !process->addresses ||
        (process->frozen && freezes)) {
        note(injection, (mono){0}, (mono){0});
        await_next(injection);
        return OK;
    }
    if (!ends_process(injection))
        return begin_holding(injection, error);
    begin_ending(injection);
    return OK;
}

static enum result turn_when_due(struct injection *injection, mono now, struct error *error)
{
    switch (injection->state) {
    case INJECTION_WAITING:
        return begin(injection, error);
    case INJECTION_HOLDING:
        end_holding(injection);
        await_next(injection);
        return OK;
    case INJECTION_ENDING:
        process_kill(injection->process, SIGKILL);
        injection->due = mono_add(now, TERM_PATIENCE);
        return OK;
    case INJECTION_AWAY:
        return begin_starting(injection, now, error);
    default:
        return OK;
    }
}

enum result injection_turn(struct injection *injection, mono now, struct error *error)
{
    if (injection->state == INJECTION_ENDING && injection->process->ended)
        begin_absence(injection, now);
    if (injection->state == INJECTION_STARTING && injection->process->words) {
        listening_look(injection->process); /* it does not say by itself that it is ready */
        injection->due = mono_add(now, LOOK_EVERY);
    }
    if (injection->state == INJECTION_STARTING && injection->process->addresses)
        return end_starting(injection, error);
    bool due = mono_is_set(injection->due) && !mono_before(now, injection->due);
    return due ? turn_when_due(injection, now, error) : OK;
}

void injection_end(struct injection *injection)
{
    switch (injection->state) {
    case INJECTION_HOLDING:
        end_holding(injection);
        break;
    case INJECTION_STARTING: /* it may not know yet how to end when it is told to */
        process_end(injection->process, injection->supervisor);
        note(injection, injection->started, (mono){0});
        break;
    case INJECTION_ENDING:
    case INJECTION_AWAY:
        note(injection, injection->started, (mono){0});
        break;
    default:
        break;
    }
    if (injection->state != INJECTION_OVER)
        set_state(injection, INJECTION_OVER);
}

void injection_release(struct injection *injection)
{
    free(injection->draws);
    free(injection->restarts);
}
