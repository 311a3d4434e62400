/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "chaos/fault/pause_log.h"

#define US(n) ((n)*INT64_C(1000))

static struct pause_log read_log(enum pause_log_kind kind, const char *text)
{
    struct pause_log log = {0};
    struct pause_log_problem problem;
    if (!pause_log_read(&log, kind, text, strlen(text), &problem))
        fail_msg("%s", problem.what);
    return log;
}

/* That the text has these pauses: microseconds, beginning and length of each. */
static void assert_pauses(enum pause_log_kind kind, const char *text, const int64_t expected[][2],
                          size_t count)
{
    struct pause_log log = read_log(kind, text);
    assert_int_equal(log.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(log.entries[i].at.ns, US(expected[i][0]));
        assert_int_equal(log.entries[i].lasting.ns, US(expected[i][1]));
    }
    pause_log_free(&log);
}

#define ASSERT_PAUSES(kind, text, ...)                                              \
    do {                                                                            \
        const int64_t expected[][2] = __VA_ARGS__;                                  \
        assert_pauses(kind, text, expected, sizeof(expected) / sizeof(int64_t[2])); \
    } while (0)

static void assert_refused(enum pause_log_kind kind, const char *text, const char *at,
                           const char *what)
{
    struct pause_log log = {0};
    struct pause_log_problem problem;
    assert_false(pause_log_read(&log, kind, text, strlen(text), &problem));
    assert_string_equal(problem.what, what);
    assert_int_equal(problem.offset, strstr(text, at) - text);
    pause_log_free(&log);
}

static void offsets_and_durations(void **state)
{
    static const char text[] = "offset_ms,duration_ms\n"
                               "# of last Tuesday\n"
                               "0,12.5\n"
                               "\n"
                               "  1500 , 80us\t# short\r\n"
                               "2s,0\n"
                               "2s,1s";
    ASSERT_PAUSES(PAUSE_LOG_OFFSETS, text, {{0, 12500}, {1500000, 80}, {2000000, 1000000}});
    ASSERT_PAUSES(PAUSE_LOG_COUNT, text, {{0, 12500}, {1500000, 80}, {2000000, 1000000}});
}

static void an_entry_waits_for_the_end_of_the_one_before(void **state)
{
    ASSERT_PAUSES(PAUSE_LOG_OFFSETS, "0,10\n5,10\n100,1\n",
                  {{0, 10000}, {10000, 10000}, {100000, 1000}});
}

/* Lines as the documentation of the package runtime describes them. */
static const char gctrace[] =
    "listening on :8080\n"
    "gc 1 @0.012s 2%: 0.018+1.2+0.003 ms clock, 0.14+0.35/1.1/2.5+0.024 ms cpu, 4->4->1 MB, 5 MB "
    "goal, 0 MB stacks, 0 MB globals, 8 P\n"
    "gc 2 @698.886s 14%: 3.1+4.5+6.6 ms clock, 90+57/30/0.74+191 ms cpu, 91->92->61 MB, 92 MB "
    "goal, 36 P (forced)\n"
    "scvg: 0 MB released\n";

static void a_go_program_stands_still_in_the_first_and_third_part(void **state)
{
    ASSERT_PAUSES(PAUSE_LOG_GCTRACE, gctrace,
                  {{12000, 18}, {13218, 3}, {698886000, 3100}, {698893600, 6600}});
    ASSERT_PAUSES(PAUSE_LOG_COUNT, gctrace,
                  {{12000, 18}, {13218, 3}, {698886000, 3100}, {698893600, 6600}});
}

/* Lines as -Xlog:gc and -Xlog:gc* write them. The time is that at which a pause ended. */
static const char jvm_gc[] =
    "[0.005s][info][gc] Using G1\n"
    "[0.120s][info][gc,start    ] GC(0) Pause Young (Normal) (G1 Evacuation Pause)\n"
    "[0.123s][info][gc,phases   ] GC(0)   Evacuate Collection Set: 5.1ms\n"
    "[0.123s][info][gc] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 24M->3M(256M) 5.432ms\n"
    "[0.200s][info][gc] GC(1) Concurrent Mark Cycle 31.250ms\n"
    "[2026-11-23T08:00:00.123+0000][1250ms][4711][info ][gc] GC(2) Pause Remark "
    "7M->7M(256M) 0.500ms\n"
    "[1.251s][info][gc] GC(3) Pause Full (System.gc()) 7M->1M(8M) 10.000ms\n";

static void a_jvm_says_when_a_pause_ended(void **state)
{
    ASSERT_PAUSES(PAUSE_LOG_JVM_GC, jvm_gc, {{117568, 5432}, {1249500, 500}, {1250000, 10000}});
    ASSERT_PAUSES(PAUSE_LOG_COUNT, jvm_gc, {{117568, 5432}, {1249500, 500}, {1250000, 10000}});
}

static void stopped_threads_have_a_time_or_the_time_between_them(void **state)
{
    static const char stopped[] = "Total time for which application threads were stopped: ";
    char text[1024];
    snprintf(text, sizeof(text),
             "1.000: Application time: 0.3440086 seconds\n"
             "1.234: %s0.0012000 seconds, Stopping threads took: 0.0000191 seconds\n"
             "2015-05-26T14:45:37.987-0200: 2.500: %s0.5000000 seconds\n"
             "[3.000s][info][safepoint] %s0.0010000 seconds\n",
             stopped, stopped, stopped);
    ASSERT_PAUSES(PAUSE_LOG_COUNT, text, {{1232800, 1200}, {2000000, 500000}, {2999000, 1000}});

    snprintf(text, sizeof(text),
             "Application time: 0.3440086 seconds\n"
             "%s0.0620105 seconds\n"
             "Application time: 0.2100691 seconds\n"
             "%s0.0890223 seconds\n",
             stopped, stopped);
    struct pause_log log = read_log(PAUSE_LOG_JVM_STOPPED, text);
    assert_int_equal(log.count, 2);
    assert_int_equal(log.entries[0].at.ns, 344008600);
    assert_int_equal(log.entries[1].at.ns, 344008600 + 62010500 + 210069100);
    assert_int_equal(log.entries[1].lasting.ns, 89022300);
    pause_log_free(&log);
}

static void safepoints_have_a_total(void **state)
{
    ASSERT_PAUSES(
        PAUSE_LOG_COUNT,
        "[0.317s][info][safepoint] Safepoint \"GenCollectForAllocation\", Time since last: "
        "126822344 ns, Reaching safepoint: 4757 ns, Cleanup: 85587 ns, At safepoint: "
        "100000000 ns, Total: 110000000 ns\n",
        {{207000, 110000}});
}

static void what_is_wrong_has_a_place(void **state)
{
#define OFFSETS_EXPECTED " (expected a line of offsets: OFFSET,DURATION)"
#define GCTRACE_EXPECTED \
    " (expected a line of gctrace: gc 1 @0.012s 2%: 0.018+1.2+0.003 ms clock, ...)"
#define UNREADABLE "this says nothing of when a pause was and how long"
    assert_refused(PAUSE_LOG_OFFSETS, "0,1\n5;3\n", "5;3", UNREADABLE OFFSETS_EXPECTED);
    assert_refused(PAUSE_LOG_OFFSETS, "0,1\n5,-3\n", "5,-3", UNREADABLE OFFSETS_EXPECTED);
    assert_refused(PAUSE_LOG_COUNT, "0,1\nhello\n", "hello", UNREADABLE OFFSETS_EXPECTED);
    assert_refused(PAUSE_LOG_OFFSETS, "7,1\n5,1\n", "5,1",
                   "time runs backwards here: a log is of one process" OFFSETS_EXPECTED);
    assert_refused(PAUSE_LOG_GCTRACE, "gc 1 @0.012s 2%: 0.018+1.2 ms clock\n", "gc",
                   UNREADABLE GCTRACE_EXPECTED);
    assert_refused(PAUSE_LOG_GCTRACE, "0,1\n", "0,1", "there is no pause in it" GCTRACE_EXPECTED);
    assert_refused(PAUSE_LOG_COUNT, "", "", "there is no pause in it" OFFSETS_EXPECTED);
    assert_refused(PAUSE_LOG_JVM_GC, "[gc] GC(0) Pause Young 24M->3M(256M) 5.432ms\n", "[gc]",
                   UNREADABLE
                   " (expected a line of jvm_gc: [0.123s][info][gc] GC(0) Pause Young ... "
                   "5.432ms)");
    assert_refused(PAUSE_LOG_JVM_STOPPED,
                   "Total time for which application threads were stopped: 0.0620105 seconds\n",
                   "Total",
                   UNREADABLE " (expected a line of jvm_stopped: 1.234: Total time for which "
                              "application threads were stopped: 0.0012 seconds)");
}

static void a_log_can_begin_later_and_be_stretched(void **state)
{
    struct pause_log log = read_log(PAUSE_LOG_OFFSETS, "0,1\n100,4\n110,10\n");
    pause_log_shape(&log, duration_ms(100), 3);
    assert_int_equal(log.count, 2);
    assert_int_equal(log.entries[0].at.ns, 0);
    assert_int_equal(log.entries[0].lasting.ns, US(12000));
    assert_int_equal(log.entries[1].at.ns, US(12000));
    assert_int_equal(log.entries[1].lasting.ns, US(30000));
    pause_log_shape(&log, duration_s(9), 1);
    assert_int_equal(log.count, 0);
    pause_log_free(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_and_durations),
        cmocka_unit_test(an_entry_waits_for_the_end_of_the_one_before),
        cmocka_unit_test(a_go_program_stands_still_in_the_first_and_third_part),
        cmocka_unit_test(a_jvm_says_when_a_pause_ended),
        cmocka_unit_test(stopped_threads_have_a_time_or_the_time_between_them),
        cmocka_unit_test(safepoints_have_a_total),
        cmocka_unit_test(what_is_wrong_has_a_place),
        cmocka_unit_test(a_log_can_begin_later_and_be_stretched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
