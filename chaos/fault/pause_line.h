/* SPDX-License-Identifier: MIT */
/* What a line of a program's log says of a pause. Pure. */
#ifndef TAILGATE_CHAOS_FAULT_PAUSE_LINE_H
#define TAILGATE_CHAOS_FAULT_PAUSE_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "chaos/fault/schedule.h"

/* Identifier, name in the configuration, what a line of it looks like, meaning. */
#define PAUSE_LOGS(X)                                                                        \
    X(OFFSETS, "offsets", "OFFSET,DURATION",                                                 \
      "lines of OFFSET,DURATION, in milliseconds unless they have a unit")                   \
    X(GCTRACE, "gctrace", "gc 1 @0.012s 2%: 0.018+1.2+0.003 ms clock, ...",                  \
      "what a Go program says with GODEBUG=gctrace=1; it stands still in the first and the " \
      "third part of a collection")                                                          \
    X(JVM_GC, "jvm_gc", "[0.123s][info][gc] GC(0) Pause Young ... 5.432ms",                  \
      "what a JVM says with -Xlog:gc, which has the time at which a pause ended")            \
    X(JVM_STOPPED, "jvm_stopped",                                                            \
      "1.234: Total time for which application threads were stopped: 0.0012 seconds",        \
      "what a JVM says with -Xlog:safepoint, or an older one with "                          \
      "-XX:+PrintGCApplicationStoppedTime beside -XX:+PrintGCTimeStamps or "                 \
      "-XX:+PrintGCApplicationConcurrentTime: all that stopped its threads")

#define PAUSE_LOG_ENUM(id, ...) PAUSE_LOG_##id,
enum pause_log_kind { PAUSE_LOGS(PAUSE_LOG_ENUM) PAUSE_LOG_COUNT };
#undef PAUSE_LOG_ENUM

/* What one line can say. */
struct pause_line {
    struct schedule_entry pauses[2];
    size_t count;
    duration stamp;  /* the time that the line has: it never falls from one to the next */
    duration passed; /* JVM_STOPPED without such times: for so long the program ran */
    bool has_stamp;
};

enum pause_line_result {
    PAUSE_LINE_OTHER, /* says nothing of this kind */
    PAUSE_LINE_READ,
    PAUSE_LINE_BAD, /* meant to, but cannot be read */
};

/* `line` has no end of line. `clock` is the sum of what the lines before it said had passed, the
 * pauses included. */
enum pause_line_result pause_line_read(enum pause_log_kind kind, const char *line, size_t length,
                                       duration clock, struct pause_line *out);

const char *pause_log_name(enum pause_log_kind kind);
const char *pause_log_example(enum pause_log_kind kind);

#endif
