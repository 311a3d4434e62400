/* SPDX-License-Identifier: MIT */
#include "lib/net/alarm.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/base/memory.h"

/* ---- the heap */

static bool is_before(const struct alarms *alarms, size_t a, size_t b)
{
    return mono_before(alarms->heap[a]->due, alarms->heap[b]->due);
}

static void swap(struct alarms *alarms, size_t a, size_t b)
{
    struct alarm *other = alarms->heap[a];
    alarms->heap[a] = alarms->heap[b];
    alarms->heap[b] = other;
    alarms->heap[a]->place = a;
    alarms->heap[b]->place = b;
}

static void settle(struct alarms *alarms, size_t place)
{
    for (; place > 1 && is_before(alarms, place, place / 2); place /= 2)
        swap(alarms, place, place / 2);
    for (;;) {
        size_t first = place;
        for (size_t child = 2 * place; child <= 2 * place + 1 && child <= alarms->count; child++)
            if (is_before(alarms, child, first))
                first = child;
        if (first == place)
            return;
        swap(alarms, place, first);
        place = first;
    }
}

static void take_out(struct alarms *alarms, struct alarm *alarm)
{
    size_t place = alarm->place;
    if (place != alarms->count)
        swap(alarms, place, alarms->count);
    alarms->count--;
    if (place <= alarms->count)
        settle(alarms, place);
    alarm->place = 0;
}

static void put_in(struct alarms *alarms, struct alarm *alarm)
{
    if (alarms->count + 1 >= alarms->room) {
        alarms->room = alarms->room ? 2 * alarms->room : 16;
        alarms->heap = mem_grow(alarms->heap, alarms->room, sizeof(struct alarm *));
    }
    alarm->place = ++alarms->count;
    alarms->heap[alarm->place] = alarm;
    settle(alarms, alarm->place);
}

/* ---- the system's timer */

static void aim_at(struct alarms *alarms, mono aim)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = aim.ns / NS_PER_S, .tv_nsec = aim.ns % NS_PER_S}};
    alarms->aim = aim;
    timerfd_settime(alarms->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* A timer that would only wake for nothing is left to do so: most are set anew before. */
static void arm(struct alarms *alarms, mono now)
{
    if (alarms->count == 0)
        return;
    mono aim = {alarms->heap[1]->due.ns - alarms->early.ns};
    if (!mono_before(now, aim))
        turn_ask(&alarms->turn, alarms->loop);
    else if (!mono_is_set(alarms->aim) || mono_before(aim, alarms->aim))
        aim_at(alarms, aim);
}

static void run(struct alarms *alarms)
{
    mono now = mono_now();
    alarms->ran = now;
    while (alarms->count > 0 && !mono_before(now, alarms->heap[1]->due)) {
        struct alarm *alarm = alarms->heap[1];
        take_out(alarms, alarm);
        alarm->call(alarm->arg);
    }
    arm(alarms, mono_now());
}

/* Goes up at once and down slowly: being too early costs a little time, being late is seen. */
static void learn(struct alarms *alarms, duration late)
{
    int64_t error = late.ns - alarms->early.ns;
    if (late.ns > ALARM_EARLIEST.ns)
        return;
    alarms->early.ns += error > 0 ? error / 2 : error / 16;
}

static void on_wake(void *arg)
{
    struct alarms *alarms = arg;
    uint64_t times;
    if (read(alarms->fd, &times, sizeof(times)) != (ssize_t)sizeof(times))
        return; /* it was set anew meanwhile */
    learn(alarms, mono_between(alarms->aim, mono_now()));
    alarms->aim = (mono){0};
    run(alarms);
}

static void on_turn(void *arg)
{
    run(arg);
}

/* ---- for others */

enum result alarms_init(struct alarms *alarms, struct loop *loop, struct error *error)
{
    *alarms = (struct alarms){.loop = loop};
    turn_init(&alarms->turn, on_turn, alarms);
    alarms->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (alarms->fd < 0)
        return error_errno(error, "cannot make a timer");
    fd_watch_start(&alarms->watch, loop, alarms->fd, on_wake, alarms);
    return OK;
}

void alarms_release(struct alarms *alarms)
{
    if (alarms->fd < 0)
        return;
    fd_watch_stop(&alarms->watch);
    turn_cancel(&alarms->turn);
    close(alarms->fd);
    free(alarms->heap);
    alarms->fd = -1;
}

void alarm_init(struct alarm *alarm, loop_call *call, void *arg)
{
    *alarm = (struct alarm){.call = call, .arg = arg};
}

void alarm_set(struct alarms *alarms, struct alarm *alarm, mono due)
{
    bool passed = !mono_before(alarms->ran, due);
    alarm->due = passed ? mono_add(alarms->ran, duration_ns(1)) : due;
    if (alarm->place)
        settle(alarms, alarm->place);
    else
        put_in(alarms, alarm);
    if (alarm->place == 1)
        arm(alarms, mono_now());
}

void alarm_stop(struct alarms *alarms, struct alarm *alarm)
{
    if (alarm->place)
        take_out(alarms, alarm);
}
