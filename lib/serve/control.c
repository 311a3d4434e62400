/* SPDX-License-Identifier: MIT */
#include "lib/serve/control.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"

static void take_line(struct control *control)
{
    int64_t ns;
    char end;
    if (sscanf(control->line, "epoch %" SCNd64 "%c", &ns, &end) == 1)
        control->epoch(control->owner, (mono){ns});
}

static void take_byte(struct control *control, char byte)
{
    if (byte != '\n') {
        /* A line that is too long is none that this process knows: its end is cut. */
        if (control->length < sizeof(control->line) - 1)
            control->line[control->length++] = byte;
        return;
    }
    control->line[control->length] = '\0';
    control->length = 0;
    take_line(control);
}

static void on_readable(void *arg)
{
    struct control *control = arg;
    char bytes[CONTROL_LINE];
    ssize_t n = recv(control->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        fd_watch_stop(&control->watch);
        control->gone(control->owner);
        return;
    }
    for (ssize_t i = 0; i < n; i++)
        take_byte(control, bytes[i]);
}

enum result control_start(struct control *control, struct loop *loop, int fd,
                          void (*epoch)(void *owner, mono epoch), void (*gone)(void *owner),
                          void *owner, struct error *error)
{
    *control = (struct control){.epoch = epoch, .gone = gone, .owner = owner, .fd = -1};
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return error_errno(error, "--control %d is not a descriptor this process was given", fd);
    control->fd = fd;
    fd_watch_start(&control->watch, loop, fd, on_readable, control);
    return OK;
}

void control_ready(struct control *control, const char *addresses)
{
    struct buf line = {0};
    buf_printf(&line, "ready %s\n", addresses);
    ssize_t length = (ssize_t)buf_len(&line);
    /* A lab that is gone is noticed by the watch. */
    if (send(control->fd, buf_head(&line), (size_t)length, MSG_NOSIGNAL) != length)
        shutdown(control->fd, SHUT_RDWR);
    buf_free(&line);
}

void control_stop(struct control *control)
{
    if (control->fd < 0)
        return;
    fd_watch_stop(&control->watch);
    close(control->fd);
    control->fd = -1;
}
