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

#include "lib/base/clock.h"

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
    atomic_init(&access->opened, 0);
    atomic_init(&access->torn, false);
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
    if (put < 0)
        return cannot_open(error, config->path);
    atomic_store(&access->torn, false);
    atomic_fetch_add(&access->opened, 1);
    return OK;
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

static ssize_t put(struct access_log *access, const char *from, size_t length)
{
    switch ((enum access_sink)atomic_load_explicit(&access->sink, memory_order_relaxed)) {
    case ACCESS_TO_SOCKET:
        return send(access->fd, from, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    case ACCESS_TO_PIPE:
        return write(access->fd, from, pipe_piece(from, length));
    default:
        return write(access->fd, from, length);
    }
}

/* Behind the beginning of a line whose rest is lost, the next line begins on a line of its own,
 * whoever writes it. */
static bool end_torn_line(struct access_log *access)
{
    if (!atomic_load_explicit(&access->torn, memory_order_relaxed) ||
        !atomic_exchange(&access->torn, false) || put(access, "\n", 1) == 1)
        return true;
    atomic_store(&access->torn, true);
    return false;
}

static ssize_t write_some(struct access_log *access, const struct buf *text)
{
    return end_torn_line(access) ? put(access, buf_head(text), buf_len(text)) : -1;
}

/* Drops every line but what stands before `from`; returns how many. */
static uint64_t drop_from(struct buf *text, const char *from)
{
    const char *end = buf_head(text) + buf_len(text);
    uint64_t dropped = 0;
    for (const char *at = from; at < end; at++)
        dropped += *at == '\n';
    text->end = text->start + (size_t)(from - buf_head(text));
    if (buf_len(text) == 0)
        buf_clear(text);
    return dropped;
}

/* Behind the rest of a line that has been written in part. */
static const char *whole_lines(const struct access_lines *lines)
{
    const char *from = buf_head(&lines->text);
    size_t length = buf_len(&lines->text);
    if (!lines->mid_line)
        return from;
    const char *newline = memchr(from, '\n', length);
    return newline ? newline + 1 : from + length;
}

/* Nothing of them will be written any more: of the first perhaps a part has been. */
static uint64_t drop_all(struct access_log *access, struct access_lines *lines)
{
    if (lines->mid_line)
        atomic_store(&access->torn, true);
    lines->mid_line = false;
    return drop_from(&lines->text, buf_head(&lines->text));
}

/* The rest of a line whose beginning stands in a file that is no longer written to. */
static uint64_t drop_rest_of_line(struct access_lines *lines)
{
    struct buf *text = &lines->text;
    size_t rest = (size_t)(whole_lines(lines) - buf_head(text));
    lines->mid_line = false;
    buf_consume(text, rest);
    return 1;
}

static uint64_t cannot_write(struct access_log *access, struct access_lines *lines,
                             const struct log *log, int problem)
{
    bool waits = problem == EAGAIN || problem == EWOULDBLOCK;
    if (waits && buf_len(&lines->text) <= KEPT_AT_MOST)
        return 0;
    /* Who reads slowly is given the rest of the line it is at. A disk that is full may stay so. */
    uint64_t dropped =
        waits ? drop_from(&lines->text, whole_lines(lines)) : drop_all(access, lines);
    if (!lines->failing)
        log_error(log, NULL, "access log: lines are lost: %s",
                  waits ? "its reader does not take them" : strerror(problem));
    lines->failing = true;
    return dropped;
}

uint64_t access_write(struct access_log *access, struct access_lines *lines, const struct log *log)
{
    struct buf *text = &lines->text;
    unsigned opened = atomic_load_explicit(&access->opened, memory_order_acquire);
    uint64_t dropped = lines->mid_line && lines->opened != opened ? drop_rest_of_line(lines) : 0;
    lines->opened = opened;
    while (buf_len(text) > 0) {
        ssize_t written = write_some(access, text);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return dropped + cannot_write(access, lines, log, errno);
        lines->mid_line = buf_head(text)[written - 1] != '\n';
        buf_consume(text, (size_t)written);
        if (lines->failing)
            log_info(log, NULL, "access log: lines are written again");
        lines->failing = false;
    }
    return dropped;
}

/* Whether it takes more before `until`. */
static bool await_room(const struct access_log *access, mono until)
{
    struct pollfd wait = {.fd = access->fd, .events = POLLOUT};
    int64_t left = mono_between(mono_now(), until).ns / NS_PER_MS;
    return left > 0 && poll(&wait, 1, (int)left) > 0 && !(wait.revents & (POLLERR | POLLHUP));
}

uint64_t access_write_rest(struct access_log *access, struct access_lines *lines,
                           const struct log *log)
{
    uint64_t dropped = access_write(access, lines, log);
    mono until = mono_add(mono_now(), duration_ms(LAST_WAIT_MS));
    while (buf_len(&lines->text) > 0 && await_room(access, until))
        dropped += access_write(access, lines, log);
    return dropped + drop_all(access, lines);
}
