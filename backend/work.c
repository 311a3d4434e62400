/* SPDX-License-Identifier: MIT */
#include "backend/work.h"

#include <pthread.h>
#include <signal.h>

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

/* The first of the signals to come, or 0 when it is `until`. */
static int wait_for(const sigset_t *signals, mono until)
{
    for (mono now; mono_before(now = mono_now(), until);) {
        int64_t left = mono_between(now, until).ns;
        struct timespec ts = {.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};
        int caught = sigtimedwait(signals, NULL, &ts);
        if (caught > 0)
            return caught;
    }
    return 0;
}

bool work_stand_still(mono until)
{
    sigset_t ends, before;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, &before);
    int caught = wait_for(&ends, until);
    if (caught)
        raise(caught); /* for the loop: it is delivered when it is no longer blocked */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !caught;
}
