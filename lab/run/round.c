/* SPDX-License-Identifier: MIT */
#include "lab/run/round.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "lab/load/load.h"
#include "lab/plan/fault.h"
#include "lab/plan/links.h"
#include "lab/run/backend_program.h"
#include "lab/run/command.h"
#include "lab/run/inject.h"
#include "lab/run/machine.h"
#include "lab/run/reserve.h"
#include "lib/base/memory.h"

#define READY_WITHIN duration_s(20)
#define STOP_WITHIN  duration_s(15)
#define ABORT_WITHIN duration_s(3) /* when the round has failed: its end need not be orderly */
#define LOOK_EVERY   duration_ms(100)

/* Between telling the processes when the measurement begins and the first arrival. */
#define HEAD_START duration_ms(100)

/* A round while it runs: the backends, then the links, the gateway, and the load generator. */
struct running {
    struct round *round;
    const struct plan_variant *plan;
    struct process *processes;
    size_t count; /* started so far */
    struct process *gateway, *load;
    struct injector injector;
    struct reservation ports;
    struct load_job job;
    mono looked; /* when the processes were last looked at */
    struct machine_sample busy_from;
    bool measuring; /* the measured load has begun, and the samples with it */
    struct error *error;
};

static const struct load_spec *load_of(const struct round *round)
{
    return &plan_experiment(round->plan, round->variant)->load;
}

enum result round_init(struct round *round, struct error *error)
{
    round->folder =
        run_dir_file(round->dir, "v%zu-r%lld", round->variant, (long long)round->number);
    round->records =
        run_dir_file(round->dir, "v%zu-r%lld/records", round->variant, (long long)round->number);
    round->facts = (struct round_facts){.variant = round->variant, .round = round->number};
    enum result result = folder_make(round->records, error);
    return result == OK ? tally_new(&round->tally, error) : result;
}

void round_release(struct round *round)
{
    free(round->folder);
    free(round->records);
    free((void *)(uintptr_t)round->facts.uses);
    free(round->facts.injected.items);
    free(round->facts.addresses);
    free(round->facts.gateway_log);
    tally_free(&round->tally);
}

/* ---- up */

static char *file_of(const struct running *running, const char *process, const char *suffix)
{
    return run_dir_file(running->round->dir, "v%zu-r%lld/%s%s", running->round->variant,
                        (long long)running->round->number, process, suffix);
}

/* Whether a process will be started again, and needs its port for itself. */
static bool will_return(const struct round *round, const char *process)
{
    const struct conf_list *list = &plan_experiment(round->plan, round->variant)->faults;
    const struct fault_spec *faults = list->items;
    for (size_t i = 0; i < list->count; i++)
        if ((faults[i].config.kind == FAULT_KILL || faults[i].config.kind == FAULT_TERM) &&
            fault_is_on_process(&faults[i], process))
            return true;
    return false;
}

static enum result write_config(struct running *running, const struct plan_process *process,
                                const struct endpoint_book *book, const char *path)
{
    const struct round *round = running->round;
    cJSON *config =
        plan_config(round->plan, round->variant, process, round->number, round->records, book);
    enum result result = OK;
    if (will_return(round, process->name))
        result = reserve_ports(&running->ports, config, running->error);
    char *text = cJSON_Print(config);
    if (result == OK)
        result = file_write(path, text, strlen(text), running->error);
    cJSON_free(text);
    cJSON_Delete(config);
    return result;
}

static enum result start(struct running *running, const struct plan_process *process,
                         const char *command, const struct endpoint_book *book)
{
    struct round *round = running->round;
    char *config = file_of(running, process->name, ".json");
    char *log = file_of(running, process->name, ".log");
    enum result result = write_config(running, process, book, config);
    const struct process_spec spec = {
        .name = process->name, .log_path = log, .command = command, .config = config};
    const struct injector_order order = {round->plan, round->variant, round->number,
                                         round->supervisor, round->folder};
    if (result == OK) {
        struct process *started = &running->processes[running->count++];
        result = process_start(started, round->supervisor, &spec, running->error);
        injector_add(&running->injector, &order, started, process->name);
    }
    free(log);
    free(config);
    return result;
}

static enum result wait_ready(struct running *running, struct process *process)
{
    return process_wait_ready(process, running->round->supervisor, READY_WITHIN, running->error);
}

/* The first of the addresses that a process accepts on. */
static void first_address(const struct process *process, char *out, size_t size)
{
    snprintf(out, size, "%.*s", (int)strcspn(process->addresses, " "), process->addresses);
}

static enum result start_program(struct running *running, const struct plan_process *plan)
{
    struct round *round = running->round;
    char *log = file_of(running, plan->name, ".log");
    struct process *process = &running->processes[running->count++];
    const struct backend_program_order order = {plan, round->plan->path, log, &running->ports,
                                                round->supervisor};
    const struct injector_order faults = {round->plan, round->variant, round->number,
                                          round->supervisor, round->folder};
    enum result result = backend_program_start(process, &order, running->error);
    if (result == OK)
        injector_add(&running->injector, &faults, process, plan->name);
    free(log);
    return result;
}

static enum result start_backends(struct running *running)
{
    const struct plan_process *backends = running->plan->backends;
    enum result result = OK;
    for (size_t i = 0; i < running->plan->backend_count && result == OK; i++)
        result = backends[i].program ? start_program(running, &backends[i])
                                     : start(running, &backends[i], "backend", NULL);
    for (size_t i = 0; i < running->plan->backend_count && result == OK; i++)
        if (!backends[i].program)
            result = wait_ready(running, &running->processes[i]);
    return result;
}

static struct endpoint_book book_of(const struct running *running)
{
    const struct round_facts *facts = &running->round->facts;
    return (struct endpoint_book){facts->addresses, facts->address_count};
}

static void write_book(struct running *running)
{
    struct round_facts *facts = &running->round->facts;
    facts->address_count = running->plan->backend_count;
    facts->addresses = mem_alloc(facts->address_count, sizeof(*facts->addresses));
    for (size_t i = 0; i < facts->address_count; i++) {
        struct endpoint_address *entry = &facts->addresses[i];
        snprintf(entry->process, sizeof(entry->process), "%s", running->plan->backends[i].name);
        first_address(&running->processes[i], entry->address, sizeof(entry->address));
    }
}

static enum result start_links(struct running *running)
{
    const struct plan_process *plan = &running->plan->links;
    const struct endpoint_book book = book_of(running);
    if (!plan->config)
        return OK;
    struct process *links = &running->processes[running->count];
    enum result result = start(running, plan, "chaos", &book);
    if (result == OK)
        result = wait_ready(running, links);
    if (result == OK)
        links_take_place(plan->config, links->addresses, running->round->facts.addresses,
                         book.count);
    return result;
}

static enum result start_command(struct running *running, const struct endpoint_book *book)
{
    struct round *round = running->round;
    struct round_facts *facts = &round->facts;
    char *log = file_of(running, GATEWAY_PROCESS, ".log");
    const struct command_order order = {.plan = running->plan->command,
                                        .variant = &round->plan->variants.items[round->variant],
                                        .experiment_path = round->plan->path,
                                        .folder = round->folder,
                                        .log_path = log,
                                        .book = book,
                                        .ports = &running->ports,
                                        .supervisor = round->supervisor};
    const struct injector_order faults = {round->plan, round->variant, round->number,
                                          round->supervisor, round->folder};
    running->count++;
    enum result result =
        command_start(running->gateway, &order, &facts->gateway_log, running->error);
    if (result == OK)
        injector_add(&running->injector, &faults, running->gateway, GATEWAY_PROCESS);
    free(log);
    return result;
}

static enum result start_gateway(struct running *running)
{
    const struct endpoint_book book = book_of(running);
    running->gateway = &running->processes[running->count];
    if (running->plan->command)
        return start_command(running, &book);
    enum result result = start(running, &running->plan->gateway, "proxy", &book);
    return result == OK ? wait_ready(running, running->gateway) : result;
}

static int run_load(void *arg, int control_fd)
{
    return (int)load_main(arg, control_fd);
}

static enum result send_epochs(struct running *running)
{
    enum result result = OK;
    for (size_t i = 0; i < running->count && result == OK; i++)
        result = process_send_epoch(&running->processes[i], running->job.epoch, running->error);
    return result;
}

static enum result start_load(struct running *running)
{
    struct round *round = running->round;
    struct load_job *job = &running->job;
    char address[ADDRESS_TEXT];
    first_address(running->gateway, address, sizeof(address));
    if (!address_parse(&job->target, address))
        return error_set(running->error, FAILED_SYSTEM,
                         "the gateway is ready at \"%s\", which is not an address", address);
    job->spec = load_of(round);
    job->seed = round->plan->seed;
    job->round = (uint32_t)round->number;
    job->records = round->records;
    job->tally = round->tally;
    arrivals_draw(&job->arrivals, job->spec, job->seed, job->round);
    round->facts.started = mono_add(mono_now(), HEAD_START);
    job->epoch = round->facts.epoch = mono_add(round->facts.started, job->spec->warmup);
    enum result result = send_epochs(running);
    if (result != OK)
        return result;
    injector_start(&running->injector, job->epoch);
    char *log = file_of(running, LOAD_PROCESS, ".log");
    const struct process_spec spec = {
        .name = LOAD_PROCESS, .log_path = log, .function = run_load, .arg = job};
    running->load = &running->processes[running->count++];
    result = process_start(running->load, round->supervisor, &spec, running->error);
    free(log);
    return result;
}

/* ---- under load */

/* The name of a process in the plan, which outlives the round. */
static const char *planned_name(const struct running *running, size_t i)
{
    if (i < running->plan->backend_count)
        return running->plan->backends[i].name;
    if (&running->processes[i] == running->gateway)
        return GATEWAY_PROCESS;
    return &running->processes[i] == running->load ? LOAD_PROCESS : LINKS_PROCESS;
}

static double cpu_seconds(const struct process *process)
{
    double seconds = process->cpu_before;
    if (!process->ended && !process->dead_on_purpose)
        seconds += process->words ? machine_cpu_seconds_with_children(process->pid)
                                  : machine_cpu_seconds(process->pid);
    return seconds;
}

static void begin_measuring(struct running *running)
{
    running->measuring = true;
    running->busy_from = machine_sample_take();
    struct process_use *uses = mem_alloc(running->count, sizeof(*uses));
    for (size_t i = 0; i < running->count; i++)
        uses[i] =
            (struct process_use){planned_name(running, i), -cpu_seconds(&running->processes[i])};
    running->round->facts.uses = uses;
    running->round->facts.use_count = running->count;
}

/* Before the processes end: what they have used is known only while they run. The load generator
 * has just ended, and is measured until a moment before. */
static void sample_use(struct running *running, double *used)
{
    for (size_t i = 0; i < running->count; i++) {
        double seconds = cpu_seconds(&running->processes[i]);
        used[i] = seconds > used[i] ? seconds : used[i];
    }
}

static void end_measuring(struct running *running, const double *used)
{
    struct round_facts *facts = &running->round->facts;
    facts->ended = mono_now();
    if (!running->measuring)
        return;
    facts->busy_share = machine_busy_share(running->busy_from, machine_sample_take());
    struct process_use *uses = (struct process_use *)(uintptr_t)facts->uses;
    for (size_t i = 0; i < facts->use_count; i++)
        uses[i].cpu_s += used[i];
}

static void show(struct running *running, mono now)
{
    const struct round_facts *facts = &running->round->facts;
    const struct load_spec *load = load_of(running->round);
    double whole = (double)(load->warmup.ns + load->duration.ns);
    double passed = (double)mono_between(facts->started, now).ns;
    progress_update(running->round->progress, running->round->tally,
                    passed < 0 ? 0 : passed / whole, !running->measuring);
}

static void look(struct running *running, double *used, mono now)
{
    running->looked = now;
    if (!running->measuring && !mono_before(now, running->round->facts.epoch))
        begin_measuring(running);
    sample_use(running, used);
    show(running, now);
}

/* What is to be done to processes comes first, for it is to be done on time. */
static enum result watch_load(struct running *running)
{
    struct round *round = running->round;
    double *used = mem_alloc(running->count, sizeof(*used));
    enum result result = OK;
    while (!running->load->ended && result == OK) {
        mono next_look = mono_add(running->looked, LOOK_EVERY);
        supervisor_wait(round->supervisor, injector_next(&running->injector, next_look));
        result = injector_turn(&running->injector, running->error);
        if (result == OK)
            result = supervisor_check(round->supervisor, running->processes, running->count,
                                      running->load, running->error);
        mono now = mono_now();
        if (!mono_before(now, next_look) || running->load->ended)
            look(running, used, now);
    }
    end_measuring(running, used);
    free(used);
    return result;
}

/* ---- down */

/* Front to back: nobody loses who it talks to before it has ended itself. The first failure is the
 * one that is told. */
static enum result stop_all(struct running *running, enum result result)
{
    for (size_t i = running->count; i-- > 0;) {
        struct error why;
        enum result stopped = process_stop(&running->processes[i], running->round->supervisor,
                                           result == OK ? STOP_WITHIN : ABORT_WITHIN, &why);
        if (running->processes[i].had_to_be_killed)
            progress_say(running->round->progress,
                         "tailgate: %s did not end within a while of SIGTERM and was killed",
                         running->processes[i].name);
        if (stopped != OK && result == OK) {
            *running->error = why;
            result = stopped;
        }
    }
    return result;
}

static void release_all(struct running *running)
{
    running->round->facts.injected = running->injector.done;
    running->injector.done = (struct injected_list){0};
    injector_release(&running->injector);
    reserve_release(&running->ports);
    arrivals_free(&running->job.arrivals);
    for (size_t i = 0; i < running->count; i++)
        process_release(&running->processes[i]);
    free(running->processes);
}

enum result round_run(struct round *round, struct error *error)
{
    const struct plan_variant *plan = &round->plan->items[round->variant];
    struct running running = {.round = round, .plan = plan, .error = error};
    running.processes = mem_alloc(plan->backend_count + 3, sizeof(*running.processes));
    injector_init(&running.injector);
    enum result result = start_backends(&running);
    if (result == OK) {
        write_book(&running);
        result = start_links(&running);
    }
    if (result == OK)
        result = start_gateway(&running);
    if (result == OK)
        result = start_load(&running);
    if (result == OK)
        result = watch_load(&running);
    injector_end(&running.injector);
    result = stop_all(&running, result);
    round->facts.complete = result == OK;
    release_all(&running);
    return result;
}
