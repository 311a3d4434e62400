/* SPDX-License-Identifier: MIT */
#include "lab/run/neighbour.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/memory.h"

/* A share of the time is a share of each of these. */
#define PERIOD duration_ms(10)

struct seat {
    int core;
    double share;
};

/* ---- in the neighbour */

static void spin_until(mono end)
{
    while (mono_before(mono_now(), end))
        ;
}

static void sleep_until(mono end)
{
    const struct timespec at = {.tv_sec = end.ns / NS_PER_S, .tv_nsec = end.ns % NS_PER_S};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* Allocates nothing and writes nothing: it is a copy of a process that did much else. It ends by
 * being killed. */
static int be_neighbour(void *arg, int control_fd)
{
    const struct seat *seat = arg;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)seat->core, &set);
    sched_setaffinity(0, sizeof(set), &set);
    duration busy = duration_ns((int64_t)(seat->share * (double)PERIOD.ns));
    for (mono turn = mono_now();; turn = mono_now()) {
        spin_until(mono_add(turn, busy));
        if (busy.ns < PERIOD.ns)
            sleep_until(mono_add(turn, PERIOD));
    }
    return 0;
}

/* ---- in the lab */

/* The 37th figure behind the name and the state in /proc/PID/task/TID/stat. */
enum { STAT_PROCESSOR = 36 };

static int core_of_thread(pid_t pid, const char *thread)
{
    char path[96], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/task/%.20s/stat", (int)pid, thread);
    FILE *file = fopen(path, "re");
    size_t got = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file)
        fclose(file);
    text[got] = '\0';
    const char *at = strrchr(text, ')');
    for (int i = 0; at && i <= STAT_PROCESSOR; i++)
        at = strchr(at + 1, ' ');
    return at ? atoi(at) : -1;
}

/* Which cores the process's threads ran on last. */
static void find_cores(pid_t pid, cpu_set_t *used)
{
    char path[64];
    CPU_ZERO(used);
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    for (struct dirent *entry; threads && (entry = readdir(threads));) {
        int core = entry->d_name[0] == '.' ? -1 : core_of_thread(pid, entry->d_name);
        if (core >= 0 && core < CPU_SETSIZE)
            CPU_SET((size_t)core, used);
    }
    if (threads)
        closedir(threads);
}

/* The cores for neighbours, those in use first; returns how many there are. */
static size_t choose_cores(pid_t pid, int *cores, size_t count)
{
    cpu_set_t used, allowed;
    size_t chosen = 0;
    find_cores(pid, &used);
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof(allowed), &allowed);
    for (int in_use = 1; in_use >= 0; in_use--)
        for (size_t core = 0; core < CPU_SETSIZE && chosen < count; core++)
            if (CPU_ISSET(core, &allowed) && !CPU_ISSET(core, &used) == !in_use)
                cores[chosen++] = (int)core;
    return chosen;
}

enum result neighbours_start(struct neighbours *neighbours, struct supervisor *supervisor,
                             const struct neighbour_order *order, struct error *error)
{
    int *cores = mem_alloc(order->cores, sizeof(*cores));
    size_t count = choose_cores(order->beside->pid, cores, order->cores);
    *neighbours = (struct neighbours){.items = mem_alloc(count, sizeof(*neighbours->items))};
    enum result result = OK;
    while (neighbours->count < count && result == OK) {
        struct seat seat = {cores[neighbours->count], order->share};
        const struct process_spec spec = {.name = "a neighbour",
                                          .log_path = order->log_path,
                                          .function = be_neighbour,
                                          .arg = &seat};
        result = process_start(&neighbours->items[neighbours->count++], supervisor, &spec, error);
    }
    free(cores);
    return result;
}

void neighbours_stop(struct neighbours *neighbours, struct supervisor *supervisor)
{
    for (size_t i = 0; i < neighbours->count; i++) {
        struct process *process = &neighbours->items[i];
        process_end(process, supervisor);
        process_release(process);
    }
    free(neighbours->items);
    *neighbours = (struct neighbours){0};
}
