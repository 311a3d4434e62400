/* SPDX-License-Identifier: MIT */
/* The event loop of one thread, a thin layer over libevent: timers, signals, descriptors watched
 * for reading, and calls put off to the end of the current round or to the next one. Nothing in it
 * may be called from another thread; a thread is woken through a descriptor it watches. */
#ifndef TAILGATE_LIB_NET_LOOP_H
#define TAILGATE_LIB_NET_LOOP_H

#include <stdbool.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/result.h"

typedef void loop_call(void *arg);

/* A single-shot timer; starting a running one moves it. */
struct timer {
    struct event event;
    loop_call *call;
    void *arg;
    bool running;
};

/* It stays where it is from loop_init on. */
struct loop {
    struct event_base *base;
    struct list turns; /* struct turn, for the next round */
    struct timer next_round;
};

/* `precise` timers fire within microseconds instead of the next millisecond, and count from the
 * moment they are started instead of the loop's last wait, for one more system call a wait: for
 * load generators and simulated work. */
enum result loop_init(struct loop *loop, bool precise, struct error *error) MUST_USE;
void loop_release(struct loop *loop);

/* Runs until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

void timer_init(struct timer *timer, struct loop *loop, loop_call *call, void *arg);
void timer_start(struct timer *timer, duration after);
static inline bool timer_running(const struct timer *timer)
{
    return timer->running;
}
/* Harmless on a timer that does not run. Required before the memory of the timer goes. */
void timer_stop(struct timer *timer);

/* A call made once the callbacks that are due now have run: for objects that must not die, or go
 * on, inside the callback that decided it. Asking twice before it runs makes one call. */
struct soon {
    struct event event;
    loop_call *call;
    void *arg;
};

void soon_init(struct soon *soon, struct loop *loop, loop_call *call, void *arg);
void soon_ask(struct soon *soon);
void soon_cancel(struct soon *soon);

/* A call made in the next round, behind the timers and descriptors that are ready then: for who has
 * more to do than the others should wait for. Asking twice makes one call. */
struct turn {
    struct list node;
    loop_call *call;
    void *arg;
};

void turn_init(struct turn *turn, loop_call *call, void *arg);
void turn_ask(struct turn *turn, struct loop *loop);
/* Harmless when nothing was asked. Required before the memory of the turn goes. */
void turn_cancel(struct turn *turn);

/* A signal handled in the loop. */
struct signal_watch {
    struct event event;
    loop_call *call;
    void *arg;
};

void signal_watch_start(struct signal_watch *watch, struct loop *loop, int signal_number,
                        loop_call *call, void *arg);
void signal_watch_stop(struct signal_watch *watch);

/* A descriptor (pipe, eventfd) watched for reading, level-triggered. */
struct fd_watch {
    struct event event;
    loop_call *call;
    void *arg;
};

void fd_watch_start(struct fd_watch *watch, struct loop *loop, int fd, loop_call *call, void *arg);
void fd_watch_stop(struct fd_watch *watch);

#endif
