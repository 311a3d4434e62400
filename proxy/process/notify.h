/* SPDX-License-Identifier: MIT */
/* What a service manager is told (sd_notify(3)): readiness, reloads, the end, and that the main
 * thread is alive. Without $NOTIFY_SOCKET nobody is told anything. */
#ifndef TAILGATE_PROXY_PROCESS_NOTIFY_H
#define TAILGATE_PROXY_PROCESS_NOTIFY_H

#include "lib/base/log.h"
#include "lib/net/loop.h"

struct notify {
    int fd; /* -1: nobody asks */
    struct timer alive;
    duration alive_every; /* 0: no watchdog */
};

/* Reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID. What is wrong with them is logged, and
 * nobody is told anything. */
void notify_open(struct notify *notify, struct loop *loop, const struct log *log);
void notify_close(struct notify *notify);

/* `status` is a line for people. */
void notify_ready(struct notify *notify, const char *status);
void notify_reloading(struct notify *notify);
void notify_stopping(struct notify *notify);

#endif
