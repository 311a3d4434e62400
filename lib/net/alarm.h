/* SPDX-License-Identifier: MIT */
/* Calls at given moments, as near to them as the machine allows: for injected delays, which are
 * measured against what was asked for.
 *
 * A sleeping thread wakes late, by tens of microseconds on a virtual machine. Alarms aim earlier by
 * as much as they have found their wakes to be late, and let the loop go round without sleeping for
 * what is left. That costs ALARM_EARLIEST of processor time a wake at most, while others are served
 * in between. They need one descriptor for all, and do not depend on how precise the loop's own
 * timers are. */
#ifndef TAILGATE_LIB_NET_ALARM_H
#define TAILGATE_LIB_NET_ALARM_H

#include <stddef.h>

#include "lib/net/loop.h"

/* More is not the lateness of a wake, but of a machine that has no time for this process. */
#define ALARM_EARLIEST duration_us(200)

struct alarm {
    size_t place; /* in the heap, from 1; 0 = not set */
    mono due;
    loop_call *call;
    void *arg;
};

/* The alarms of one loop. */
struct alarms {
    struct loop *loop;
    struct alarm **heap; /* the earliest first; heap[0] is not used */
    size_t count, room;
    struct fd_watch watch; /* of the system's timer */
    int fd;
    mono aim;       /* what that is set to; not set: it is not */
    mono ran;       /* when alarms were last looked for: what is set from then on is due later */
    duration early; /* how late wakes are */
    struct turn turn;
};

/* `alarms` stays where it is from then on. */
enum result alarms_init(struct alarms *alarms, struct loop *loop, struct error *error) MUST_USE;
/* None of them is set any more. Harmless after a failed alarms_init. */
void alarms_release(struct alarms *alarms);

void alarm_init(struct alarm *alarm, loop_call *call, void *arg);

/* Calls once, at `due` or soon after, never before; one that is set is moved. The loop goes round
 * once at least between setting an alarm and its call. */
void alarm_set(struct alarms *alarms, struct alarm *alarm, mono due);
/* Harmless when it is not set. Required before the memory of the alarm goes. */
void alarm_stop(struct alarms *alarms, struct alarm *alarm);

#endif
