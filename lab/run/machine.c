/* SPDX-License-Identifier: MIT */
#include "lab/run/machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int machine_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : (int)cores;
}

/* The start of a file in /proc, NUL-ended; false when there is none. */
static int read_proc(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* The first line: "cpu user nice system idle iowait irq softirq steal ..." */
enum { CPU_IDLE = 3, CPU_IOWAIT = 4, CPU_COLUMNS = 8 };

struct machine_sample machine_sample_take(void)
{
    struct machine_sample sample = {0};
    char text[512];
    if (!read_proc("/proc/stat", text, sizeof(text)))
        return sample;
    char *at = text + strcspn(text, " ");
    for (int column = 0; column < CPU_COLUMNS; column++) {
        uint64_t ticks = strtoull(at, &at, 10);
        sample.total += ticks;
        if (column != CPU_IDLE && column != CPU_IOWAIT)
            sample.busy += ticks;
    }
    return sample;
}

double machine_busy_share(struct machine_sample from, struct machine_sample to)
{
    if (to.total <= from.total)
        return 0;
    return (double)(to.busy - from.busy) / (double)(to.total - from.total);
}

double machine_cpu_seconds(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* Deeper than that no gateway's workers stand. */
#define GENERATIONS 4

static double seconds_of_tree(pid_t pid, int generations)
{
    char path[64], text[4096];
    double seconds = machine_cpu_seconds(pid);
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    if (generations == 0 || !read_proc(path, text, sizeof(text)))
        return seconds;
    char *end;
    for (char *at = text; *at; at = end) {
        long child = strtol(at, &end, 10);
        if (end == at)
            break;
        seconds += seconds_of_tree((pid_t)child, generations - 1);
    }
    return seconds;
}

double machine_cpu_seconds_with_children(pid_t pid)
{
    return seconds_of_tree(pid, GENERATIONS);
}
