/* SPDX-License-Identifier: MIT */
/* Where access log lines go: one descriptor for all workers. It is opened anew by putting the new
 * file under the same number, which no writer notices. Writing takes as long as a write to a disk
 * takes: a pipe or socket whose reader has stopped is not waited for. */
#ifndef TAILGATE_PROXY_OBSERVE_ACCESS_H
#define TAILGATE_PROXY_OBSERVE_ACCESS_H

#include <stdatomic.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "proxy/config/config.h"
#include "proxy/observe/access_line.h"

enum access_sink { ACCESS_TO_FILE, ACCESS_TO_PIPE, ACCESS_TO_SOCKET };

struct access_log {
    int fd; /* -1: no access log */
    enum access_format format;
    atomic_int sink;    /* enum access_sink */
    atomic_uint opened; /* how often it was opened anew */
    atomic_bool torn;   /* it ends with the beginning of a line whose rest is lost */
};

/* Opens what the configuration says; without a path there is no access log. */
enum result access_open(struct access_log *access, const struct access_log_config *config,
                        struct error *error) MUST_USE;

/* Opens the path again, after a rename or with another path; the old file stays in use when that
 * fails. Standard output stays what it is. */
enum result access_reopen(struct access_log *access, const struct access_log_config *config,
                          struct error *error) MUST_USE;
void access_close(struct access_log *access);

/* The lines of one worker that were not written yet. */
struct access_lines {
    struct buf text;
    unsigned opened; /* access_log.opened as of the last write */
    bool mid_line;   /* the first line has been written in part */
    bool failing;    /* the last write failed, and the log says so */
};

/* Writes what the descriptor takes. Lines that cannot be written, or for which there is no room
 * until it takes more, are dropped; returns how many. Of a line that was written in part the rest
 * is dropped as well where it cannot follow, and the next line begins on a line of its own. */
uint64_t access_write(struct access_log *access, struct access_lines *lines, const struct log *log);

/* Before the end: waits a moment for a pipe or socket to take the rest. */
uint64_t access_write_rest(struct access_log *access, struct access_lines *lines,
                           const struct log *log);

#endif
