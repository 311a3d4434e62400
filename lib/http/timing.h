/* SPDX-License-Identifier: MIT */
/* The backend's own account of a request, as it travels in the Server-Timing field:
 *     queue;dur=1.25, lock;dur=0.5, work;dur=3, gc;dur=0, cleanup;dur=0.02      (milliseconds) */
#ifndef TAILGATE_LIB_HTTP_TIMING_H
#define TAILGATE_LIB_HTTP_TIMING_H

#include <stddef.h>
#include <stdint.h>

/* identifier and metric name, in the order they are written. */
#define TIMING_PHASES(X)                                            \
    X(QUEUE, "queue")     /* waiting for resources */               \
    X(LOCK, "lock")       /* holding them */                        \
    X(WORK, "work")       /* cpu and io steps */                    \
    X(GC, "gc")           /* stopped by the collector or a pause */ \
    X(CLEANUP, "cleanup") /* running releases */

#define TIMING_ENUM(id, name) TIMING_##id,
enum timing_phase { TIMING_PHASES(TIMING_ENUM) TIMING_PHASE_COUNT };
#undef TIMING_ENUM

struct timing {
    int64_t ns[TIMING_PHASE_COUNT]; /* negative = not reported */
};

void timing_clear(struct timing *timing);

/* Takes the phases it knows from one field value; a phase that repeats adds up; what it does not
 * understand is skipped. */
void timing_parse(struct timing *timing, const char *value, size_t length);

#define TIMING_TEXT 192
/* Writes the reported phases with microsecond precision; returns the length (below TIMING_TEXT). */
size_t timing_format(const struct timing *timing, char *out);

#endif
