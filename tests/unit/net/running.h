/* SPDX-License-Identifier: MIT */
/* A loop for a test: it runs until the test's own callbacks stop it, and a test that forgets to
 * fails instead of hanging. */
#ifndef TAILGATE_TESTS_UNIT_NET_RUNNING_H
#define TAILGATE_TESTS_UNIT_NET_RUNNING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/net/loop.h"

struct running {
    struct loop loop;
    struct timer guard;
    bool hung;
};

static inline void running_hung(void *arg)
{
    struct running *running = arg;
    running->hung = true;
    loop_stop(&running->loop);
}

static inline void running_start(struct running *running)
{
    struct error error;
    running->hung = false;
    assert_int_equal(loop_init(&running->loop, true, &error), OK);
    timer_init(&running->guard, &running->loop, running_hung, running);
}

/* Until somebody calls loop_stop. */
static inline void running_go(struct running *running)
{
    timer_start(&running->guard, duration_s(20));
    loop_run(&running->loop);
    timer_stop(&running->guard);
    assert_false(running->hung);
}

static inline void running_stop_call(void *arg)
{
    struct running *running = arg;
    loop_stop(&running->loop);
}

/* For a moment: long enough for everything that is due to be called. */
static inline void running_settle(struct running *running)
{
    struct timer timer;
    timer_init(&timer, &running->loop, running_stop_call, running);
    timer_start(&timer, duration_ms(30));
    running_go(running);
    timer_stop(&timer);
}

static inline void running_end(struct running *running)
{
    timer_stop(&running->guard);
    loop_release(&running->loop);
}

static inline void running_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
}

#endif
