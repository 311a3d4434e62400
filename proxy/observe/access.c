/* SPDX-License-Identifier: MIT */
#include "proxy/observe/access.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a worker keeps for a pipe or socket that takes nothing, and how long it waits for it before
 * its end. */
enum { KEPT_AT_MOST = 1 << 20, LAST_WAIT_MS = 1000 };

/* ---- opening */

/* Without O_NONBLOCK a pipe whose reader has stopped would stop the worker. It is set on a
 * description of our own: that of standard output is shared with other programs. */
static int open_output(void)
{
    struct stat is;
    if (fstat(STDOUT_FILENO, &is) == 0 && (S_ISFIFO(is.st_mode) || S_ISCHR(is.st_mode))) {
        int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (fd >= 0)
            return fd;
    }
    return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
}

static int open_sink(const struct access_log_config *config, enum access_sink *sink)
{
    struct stat is;
    int fd = strcmp(config->path, "-") == 0
                 ? open_output()
                 : open(config->path,
                        O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return -1;
    *sink = ACCESS_TO_FILE;
    if (fstat(fd, &is) == 0)
        *sink = S_ISSOCK(is.st_mode)   ? ACCESS_TO_SOCKET
                : S_ISFIFO(is.st_mode) ? ACCESS_TO_PIPE
                                       : ACCESS_TO_FILE;
    return fd;
}

static enum result cannot_open(struct error *error, const char *path)
{
    if (errno == ENXIO)
        return error_set(error, FAILED_SYSTEM,
                         "cannot open the access log %s: nobody reads this pipe (start its reader "
                         "first)",
                         path);
    return error_errno(error, "cannot open the access log %s", path);
}

enum result access_open(struct access_log *access, const struct access_log_config *config,
                        struct error *error)
{
    enum access_sink sink;
    access->fd = -1;
    access->format = (enum access_format)config->format;
    if (!config->path)
        return OK;
    access->fd = open_sink(config, &sink);
    if (access->fd < 0)
        return cannot_open(error, config->path);
    atomic_store(&access->sink, (int)sink);
    return OK;
}

enum result access_reopen(struct access_log *access, const struct access_log_config *config,
                          struct error *error)
{
    enum access_sink sink;
    if (access->fd < 0 || !config->path || strcmp(config->path, "-") == 0)
        return OK;
    int fd = open_sink(config, &sink);
    if (fd < 0)
        return cannot_open(error, config->path);
    atomic_store(&access->sink, (int)sink);
    int put = dup3(fd, access->fd, O_CLOEXEC);
    int problem = errno;
    close(fd);
    errno = problem;
    return put < 0 ? cannot_open(error, config->path) : OK;
}

void access_close(struct access_log *access)
{
    if (access->fd >= 0)
        close(access->fd);
    access->fd = -1;
}

/* ---- writing */

/* Whole lines up to what a pipe takes in one piece, so that the lines of workers do not mix; a line
 * that is longer goes alone. */
static size_t pipe_piece(const char *text, size_t length)
{
    if (length <= PIPE_BUF)
        return length;
    const char *end = memrchr(text, '\n', PIPE_BUF);
    if (!end)
        end = memchr(text, '\n', length);
    return end ? (size_t)(end - text) + 1 : length;
}

static ssize_t write_some(struct access_log *access, const struct buf *text)
{
    const char *from = buf_head(text);
    size_t length = buf_len(text);
    switch ((enum access_sink)atomic_load_explicit(&access->sink, memory_order_relaxed)) {
    case ACCESS_TO_SOCKET:
        return send(access->fd, from, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    case ACCESS_TO_PIPE:
        return write(access->fd, from, pipe_piece(from, length));
    default:
        return write(access->fd, from, length);
    }
}

/* Drops every line but the rest of one that has been written in part. */
static uint64_t drop(struct access_lines *lines)
{
    struct buf *text = &lines->text;
    const char *from = buf_head(text), *end = from + buf_len(text);
    if (lines->mid_line) {
        const char *newline = memchr(from, '\n', buf_len(text));
        from = newline ? newline + 1 : end;
    }
    uint64_t dropped = 0;
    for (const char *at = from; at < end; at++)
        dropped += *at == '\n';
    text->end = text->start + (size_t)(from - buf_head(text));
    if (buf_len(text) == 0)
        buf_clear(text);
    return dropped;
}

static uint64_t cannot_write(struct access_lines *lines, const struct log *log, int problem)
{
    bool waits = problem == EAGAIN || problem == EWOULDBLOCK;
    if (waits && buf_len(&lines->text) <= KEPT_AT_MOST)
        return 0;
    uint64_t dropped = drop(lines);
    if (!lines->failing)
        log_error(log, NULL, "access log: lines are lost: %s",
                  waits ? "its reader does not take them" : strerror(problem));
    lines->failing = true;
    return dropped;
}

uint64_t access_write(struct access_log *access, struct access_lines *lines, const struct log *log)
{
    struct buf *text = &lines->text;
    while (buf_len(text) > 0) {
        ssize_t put = write_some(access, text);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return cannot_write(lines, log, errno);
        lines->mid_line = buf_head(text)[put - 1] != '\n';
        buf_consume(text, (size_t)put);
        if (lines->failing)
            log_info(log, NULL, "access log: lines are written again");
        lines->failing = false;
    }
    return 0;
}

uint64_t access_write_rest(struct access_log *access, struct access_lines *lines,
                           const struct log *log)
{
    uint64_t dropped = access_write(access, lines, log);
    struct pollfd wait = {.fd = access->fd, .events = POLLOUT};
    while (buf_len(&lines->text) > 0 && poll(&wait, 1, LAST_WAIT_MS) > 0 &&
           !(wait.revents & (POLLERR | POLLHUP)))
        dropped += access_write(access, lines, log);
    lines->mid_line = false;
    return dropped + drop(lines);
}
