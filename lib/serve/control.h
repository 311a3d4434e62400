/* SPDX-License-Identifier: MIT */
/* The line between a process of an experiment and the lab that started it: one end of a socket
 * pair, inherited. The process says once that it is ready; the lab says when the measured load
 * starts; its end closing means that the lab is gone. */
#ifndef TAILGATE_LIB_SERVE_CONTROL_H
#define TAILGATE_LIB_SERVE_CONTROL_H

#include "lib/net/loop.h"

#define CONTROL_LINE 64

struct control {
    struct fd_watch watch;
    void (*epoch)(void *owner, mono epoch);
    void (*gone)(void *owner);
    void *owner;
    int fd; /* -1: not started */
    size_t length;
    char line[CONTROL_LINE]; /* the part of a line that has arrived */
};

/* Watches `fd`. `epoch` is called with the start of the measured load, at which scheduled events
 * count from zero; `gone` when the other end was closed (the process should end at once). Fails
 * when `fd` is no open descriptor. */
enum result control_start(struct control *control, struct loop *loop, int fd,
                          void (*epoch)(void *owner, mono epoch), void (*gone)(void *owner),
                          void *owner, struct error *error) MUST_USE;

/* Says that every listener accepts: "ready ADDRESS[ ADDRESS ...]". */
void control_ready(struct control *control, const char *addresses);

/* Stops watching and closes the descriptor. Harmless when not started (fd -1). */
void control_stop(struct control *control);

#endif
