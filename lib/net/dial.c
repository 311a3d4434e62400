/* SPDX-License-Identifier: MIT */
#include "lib/net/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

int dial_start(const struct address *address)
{
    int family = address->u.any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    if (family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, &address->u.any, address->length) == 0 || errno == EINPROGRESS)
        return fd;
    int problem = errno;
    close(fd);
    errno = problem;
    return -1;
}

int dial_error(int fd)
{
    int problem = 0;
    socklen_t length = sizeof(problem);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &length) != 0)
        return errno;
    return problem;
}
