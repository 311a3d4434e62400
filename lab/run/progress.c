/* SPDX-License-Identifier: MIT */
#include "lab/run/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/units.h"

#define REDRAW_EVERY duration_ms(100)
#define PLAIN_EVERY  duration_s(2)
#define BAR_WIDTH    24

void progress_init(struct progress *progress, size_t parts, int64_t rounds)
{
    *progress =
        (struct progress){.terminal = isatty(STDERR_FILENO) == 1, .parts = parts, .rounds = rounds};
}

void progress_begin(struct progress *progress, const char *label, int64_t round)
{
    progress->label = label;
    progress->round = round;
    progress->part++;
    progress->answered = 0;
    progress->answered_at = mono_now();
    progress->rate = 0;
}

static void measure_rate(struct progress *progress, const struct tally *tally, mono now)
{
    duration since = mono_between(progress->answered_at, now);
    if (since.ns < NS_PER_S / 2)
        return;
    uint64_t answered = tally_get(&tally->answered);
    progress->rate = (double)(answered - progress->answered) * 1e9 / (double)since.ns;
    progress->answered = answered;
    progress->answered_at = now;
}

static void draw_bar(char *out, double share)
{
    int filled = (int)(share * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++)
        *out++ = i < filled ? '#' : '.';
    *out = '\0';
}

static void write_line(struct progress *progress, const struct tally *tally, double share,
                       bool warming_up)
{
    char bar[BAR_WIDTH + 1], p50[32], p99[32];
    double whole = ((double)(progress->part - 1) + share) / (double)progress->parts;
    draw_bar(bar, whole);
    int64_t p50_ns = atomic_load_explicit(&tally->p50_ns, memory_order_relaxed);
    int64_t p99_ns = atomic_load_explicit(&tally->p99_ns, memory_order_relaxed);
    fprintf(stderr, "%s[%s] %3.0f%%  round %lld/%lld %s", progress->terminal ? "\r\033[K" : "", bar,
            whole * 100, (long long)progress->round + 1, (long long)progress->rounds,
            progress->label);
    if (warming_up)
        fprintf(stderr, "  warming up  %.0f/s", progress->rate);
    else
        fprintf(stderr, "  %.0f/s  p50 %s  p99 %s  failures %llu", progress->rate,
                units_format_duration(p50, sizeof(p50), duration_ns(p50_ns)),
                units_format_duration(p99, sizeof(p99), duration_ns(p99_ns)),
                (unsigned long long)tally_get(&tally->failures));
    fputs(progress->terminal ? "" : "\n", stderr);
    fflush(stderr);
    progress->line_open = progress->terminal;
}

void progress_update(struct progress *progress, const struct tally *tally, double share,
                     bool warming_up)
{
    mono now = mono_now();
    measure_rate(progress, tally, now);
    duration every = progress->terminal ? REDRAW_EVERY : PLAIN_EVERY;
    if (mono_before(now, mono_add(progress->written, every)))
        return;
    progress->written = now;
    write_line(progress, tally, share > 1 ? 1 : share, warming_up);
}

void progress_end(struct progress *progress)
{
    if (progress->line_open)
        fputs("\r\033[K", stderr);
    fflush(stderr);
    progress->line_open = false;
}

void progress_say(struct progress *progress, const char *format, ...)
{
    progress_end(progress);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}
