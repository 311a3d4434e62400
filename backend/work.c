/* SPDX-License-Identifier: MIT */
#include "backend/work.h"

#include <errno.h>

static int64_t cpu_used(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

void work_burn(duration cpu)
{
    if (cpu.ns <= 0)
        return;
    int64_t end = cpu_used() + cpu.ns;
    volatile uint64_t value = 1;
    while (cpu_used() < end)
        for (int i = 0; i < 100; i++)
            value = value * UINT64_C(6364136223846793005) + 1;
}

void work_stand_still(mono until)
{
    struct timespec ts = {.tv_sec = until.ns / NS_PER_S, .tv_nsec = until.ns % NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
        ;
}
