/* SPDX-License-Identifier: MIT */
/* The operational log: one line an event, written to stderr with a single write(2). Each line names
 * its time, level, process and, where there is one, its connection:
 *     2026-11-23T08:00:00.123456Z info proxy[4711]/w0 c17: text
 * There is no global logger; whoever logs owns or was handed a `struct log`. */
#ifndef TAILGATE_LIB_BASE_LOG_H
#define TAILGATE_LIB_BASE_LOG_H

#include "lib/base/result.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log {
    int fd;
    enum log_level level; /* lines below it are not written */
    char name[48];        /* "proxy[4711]/w0" */
};

/* A log on stderr, named `process[pid]`. */
void log_init(struct log *log, const char *process, enum log_level level);

/* A log for a part of the process: the parent's name, a slash and `part`. */
void log_init_part(struct log *log, const struct log *parent, const char *part);

/* Use the macros below: they skip the formatting of what would not be written. */
void log_write(const struct log *log, enum log_level level, const char *subject, const char *format,
               ...) PRINTF_LIKE(4, 5);

#define log_at(log, lvl, subject, ...)                       \
    do {                                                     \
        if ((lvl) >= (log)->level)                           \
            log_write((log), (lvl), (subject), __VA_ARGS__); \
    } while (0)

/* `subject` is the connection or object the line is about ("c17"), or NULL. */
#define log_debug(log, subject, ...) log_at(log, LOG_DEBUG, subject, __VA_ARGS__)
#define log_info(log, subject, ...)  log_at(log, LOG_INFO, subject, __VA_ARGS__)
#define log_warn(log, subject, ...)  log_at(log, LOG_WARN, subject, __VA_ARGS__)
#define log_error(log, subject, ...) log_at(log, LOG_ERROR, subject, __VA_ARGS__)

#endif
