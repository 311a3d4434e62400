/* SPDX-License-Identifier: MIT */
#include "lib/base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/utf8.h"

#define LINE_ROOM 1024
#define CUT_MARK  "..."

struct line {
    char text[LINE_ROOM + sizeof(CUT_MARK) + 1];
    size_t used;
    bool cut;
};

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return (size_t)level < ARRAY_LEN(names) ? names[level] : "error";
}

void log_init(struct log *log, const char *process, enum log_level level)
{
    *log = (struct log){.fd = STDERR_FILENO, .level = level};
    snprintf(log->name, sizeof(log->name), "%s[%d]", process, (int)getpid());
}

void log_init_part(struct log *log, const struct log *parent, const char *part)
{
    struct log made = {.fd = parent->fd, .level = parent->level};
    int length = snprintf(made.name, sizeof(made.name), "%s/%s", parent->name, part);
    if (length >= (int)sizeof(made.name))
        made.name[sizeof(made.name) - 2] = '~'; /* shows that the name was cut */
    *log = made;
}

static void line_add(struct line *line, const char *bytes, size_t n)
{
    if (line->cut || n > LINE_ROOM - line->used) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->used, bytes, n);
    line->used += n;
}

static void line_add_hex(struct line *line, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char hex[5];
        snprintf(hex, sizeof(hex), "\\x%02x", (unsigned char)bytes[i]);
        line_add(line, hex, strlen(hex));
    }
}

/* Control characters would let whoever chose the text (a path, a header) forge lines or drive the
 * reader's terminal. The backslash is escaped too, so that what was escaped can be told apart. */
static void line_add_escaped(struct line *line, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = utf8_length(text, left);
        bool plain = length > 0 && !utf8_is_control(text, length);
        size_t step = length ? length : 1;
        if (plain && *text != '\\')
            line_add(line, text, step);
        else if (plain)
            line_add(line, "\\\\", 2);
        else
            line_add_hex(line, text, step);
        text += step;
        left -= step;
    }
}

static void line_add_head(struct line *line, const struct log *log, enum log_level level)
{
    int64_t us = wall_now().ns / NS_PER_US;
    time_t seconds = us / 1000000;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    char head[64];
    size_t n = strftime(head, sizeof(head), "%Y-%m-%dT%H:%M:%S", &utc);
    line_add(line, head, n);
    n = (size_t)snprintf(head, sizeof(head), ".%06dZ %s ", (int)(us % 1000000), level_name(level));
    line_add(line, head, n);
    line_add_escaped(line, log->name);
}

static void line_write(struct line *line, int fd)
{
    if (line->cut) {
        memcpy(line->text + line->used, CUT_MARK, strlen(CUT_MARK));
        line->used += strlen(CUT_MARK);
    }
    line->text[line->used++] = '\n';
    ssize_t n;
    do {
        n = write(fd, line->text, line->used);
    } while (n < 0 && errno == EINTR);
    /* A log that cannot be written has nowhere to say so. */
}

void log_write(const struct log *log, enum log_level level, const char *subject, const char *format,
               ...)
{
    int saved_errno = errno;
    char text[LINE_ROOM + 1];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    struct line line = {.used = 0};
    line_add_head(&line, log, level);
    if (subject) {
        line_add(&line, " ", 1);
        line_add_escaped(&line, subject);
    }
    line_add(&line, ": ", 2);
    line_add_escaped(&line, length < 0 ? format : text);
    if (length >= (int)sizeof(text))
        line.cut = true;
    line_write(&line, log->fd);
    errno = saved_errno;
}
