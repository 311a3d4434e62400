/* SPDX-License-Identifier: MIT */
#include "proxy/process/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/buf.h"

/* A manager that does not read loses the message rather than stop the gateway. */
static void tell(struct notify *notify, const char *text)
{
    if (notify->fd < 0)
        return;
    ssize_t sent = send(notify->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent;
}

static void say_alive(void *arg)
{
    struct notify *notify = arg;
    tell(notify, "WATCHDOG=1");
    timer_start(&notify->alive, notify->alive_every);
}

/* Half of the time the manager waits, when it waits for this process. */
static duration watchdog_interval(void)
{
    const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (!us || (pid && strtoll(pid, NULL, 10) != getpid()))
        return duration_ns(0);
    long long wait = strtoll(us, NULL, 10);
    return wait > 0 && wait < INT64_MAX / NS_PER_US ? duration_us(wait / 2) : duration_ns(0);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length < 2 || length >= sizeof(address.sun_path) || (*path != '/' && *path != '@')) {
        errno = EINVAL;
        return -1;
    }
    memcpy(address.sun_path, path, length);
    if (*path == '@')
        address.sun_path[0] = '\0'; /* an abstract address: it has no NUL behind it */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) == 0)
        return fd;
    int problem = errno;
    close(fd);
    errno = problem;
    return -1;
}

void notify_open(struct notify *notify, struct loop *loop, const struct log *log)
{
    const char *path = getenv("NOTIFY_SOCKET");
    *notify = (struct notify){.fd = -1};
    timer_init(&notify->alive, loop, say_alive, notify);
    if (!path)
        return;
    notify->fd = connect_to(path);
    if (notify->fd < 0) {
        log_warn(log, NULL, "cannot tell the service manager anything at %s: %s", path,
                 strerror(errno));
        return;
    }
    notify->alive_every = watchdog_interval();
    if (notify->alive_every.ns > 0)
        say_alive(notify);
}

void notify_close(struct notify *notify)
{
    timer_stop(&notify->alive);
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

void notify_ready(struct notify *notify, const char *status)
{
    struct buf text = {0};
    buf_printf(&text, "READY=1\nSTATUS=%.*s", (int)strcspn(status, "\n"), status);
    buf_append(&text, "", 1);
    tell(notify, buf_head(&text));
    buf_free(&text);
}

void notify_reloading(struct notify *notify)
{
    char text[128];
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading",
             (long long)(mono_now().ns / NS_PER_US));
    tell(notify, text);
}

void notify_stopping(struct notify *notify)
{
    tell(notify, "STOPPING=1\nSTATUS=draining");
}
