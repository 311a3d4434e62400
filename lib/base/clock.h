/* SPDX-License-Identifier: MIT */
/* Time, with the clock in the type: a moment of the monotonic clock, a moment of the wall clock and
 * a length of time are different structs, so that mixing them does not compile. All are counted in
 * nanoseconds. A zeroed `mono` means "not reached". */
#ifndef TAILGATE_LIB_BASE_CLOCK_H
#define TAILGATE_LIB_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>

typedef struct mono {
    int64_t ns; /* CLOCK_MONOTONIC */
} mono;

typedef struct wall {
    int64_t ns; /* CLOCK_REALTIME, since 1970 */
} wall;

typedef struct duration {
    int64_t ns;
} duration;

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

static inline duration duration_ns(int64_t ns)
{
    return (duration){ns};
}

static inline duration duration_us(int64_t us)
{
    return (duration){us * NS_PER_US};
}

static inline duration duration_ms(int64_t ms)
{
    return (duration){ms * NS_PER_MS};
}

static inline duration duration_s(int64_t s)
{
    return (duration){s * NS_PER_S};
}

static inline mono mono_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (mono){ts.tv_sec * NS_PER_S + ts.tv_nsec};
}

static inline wall wall_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (wall){ts.tv_sec * NS_PER_S + ts.tv_nsec};
}

/* How long after `start` `end` is; negative when it came before. */
static inline duration mono_between(mono start, mono end)
{
    return (duration){end.ns - start.ns};
}

static inline mono mono_add(mono t, duration d)
{
    return (mono){t.ns + d.ns};
}

static inline bool mono_before(mono a, mono b)
{
    return a.ns < b.ns;
}

static inline bool mono_is_set(mono t)
{
    return t.ns != 0;
}

/* For select(2)-style interfaces; a negative duration becomes zero. */
static inline struct timeval duration_timeval(duration d)
{
    int64_t us = d.ns <= 0 ? 0 : (d.ns + NS_PER_US - 1) / NS_PER_US;
    return (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
}

/* The wall time at which the monotonic clock read zero: wall = mono + offset. */
static inline duration clock_offset(void)
{
    return (duration){wall_now().ns - mono_now().ns};
}

#endif
