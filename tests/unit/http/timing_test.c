/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/result.h"
#include "lib/http/timing.h"
#include "tests/unit/http/sample.h"

static struct timing parse(const char *value)
{
    struct timing timing;
    size_t length = strlen(value);
    char *copy = sample_copy(value, length);
    timing_clear(&timing);
    timing_parse(&timing, copy, length);
    free(copy);
    return timing;
}

static void reads_what_it_writes(void **state)
{
    struct timing timing = {{1250000, 500000, INT64_C(3600000000000), 0, 21999}};
    char text[TIMING_TEXT];
    size_t length = timing_format(&timing, text);
    assert_string_equal(text, "queue;dur=1.250, lock;dur=0.500, work;dur=3600000.000, "
                              "gc;dur=0.000, cleanup;dur=0.021");
    assert_int_equal(length, strlen(text));
    struct timing read = parse(text);
    for (int i = 0; i < TIMING_CLEANUP; i++)
        assert_true(read.ns[i] == timing.ns[i]);
    assert_true(read.ns[TIMING_CLEANUP] == 21000);
}

static void leaves_out_what_was_not_reported(void **state)
{
    struct timing timing;
    char text[TIMING_TEXT];
    timing_clear(&timing);
    assert_int_equal(timing_format(&timing, text), 0);
    timing.ns[TIMING_GC] = 1;
    assert_int_equal(timing_format(&timing, text), strlen("gc;dur=0.000"));
    struct timing read = parse("gc;dur=2");
    assert_true(read.ns[TIMING_GC] == 2000000);
    assert_true(read.ns[TIMING_QUEUE] < 0);
}

static void always_fits_its_text(void **state)
{
    struct timing timing;
    char text[TIMING_TEXT];
    for (int i = 0; i < TIMING_PHASE_COUNT; i++)
        timing.ns[i] = INT64_MAX;
    size_t length = timing_format(&timing, text);
    assert_true(length < TIMING_TEXT);
    assert_int_equal(length, strlen(text));
}

/* What stands in the field, and what is taken for `work`, in ns. */
static const struct {
    const char *value;
    int64_t ns;
} cases[] = {
    {"work;dur=1", 1000000},
    {"work;dur=1.5", 1500000},
    {"work;dur=.5", 500000},
    {"work;dur=0.0000019", 1},
    {"  work ;\tdur = 2 ", 2000000},
    {"work;dur=\"3\"", 3000000},
    {"work;desc=\"x\";dur=4", 4000000},
    {"work;desc=x;dur=4;other", 4000000},
    {"db;dur=9, work;dur=5,cache", 5000000},
    {"work;dur=1, work;dur=2", 3000000},
    {"work, work;dur=2,work;desc=a", 2000000},
    {"work;dur=1;dur=7", 1000000},
    {",,;,=,\",\", work;dur=6", 6000000},
    /* text in quotes is text */
    {"work;desc=\"dur=9\";dur=1", 1000000},
    {"work;desc=\"a;dur=9;b\";dur=1", 1000000},
    {"work;desc=\"a, work;dur=9\";dur=1", 1000000},
    {"work;desc=\"a\\\", work;dur=9\";dur=1", 1000000},
    {"db;desc=\", work;dur=9, \"", -1},
    {"db;desc=\"never ended, work;dur=9", -1},
    {"db;desc=\"never ended\\", -1},
    /* not the metric, not the parameter, not a number */
    {"", -1},
    {"work", -1},
    {"work;", -1},
    {"work;dur", -1},
    {"work;dur=", -1},
    {"work;dur=\"", -1},
    {"work;dur=,", -1},
    {"work;dur=.", -1},
    {"work;dur=-1", -1},
    {"work;dur=+1", -1},
    {"work;dur=1e3", -1},
    {"work;dur=1.2.3", -1},
    {"work;dur=0x10", -1},
    {"work;dur=nan", -1},
    {"work;xdur=9", -1},
    {"work;duration=9", -1},
    {"work=9", -1},
    {"works;dur=9", -1},
    {"wor;dur=9", -1},
    {"Work;dur=9", -1},
    {"work;dur=99999999999999999999999", -1},
};

static void takes_what_it_knows_and_skips_the_rest(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ns = parse(cases[i].value).ns[TIMING_WORK];
        if (ns != cases[i].ns)
            print_error("%s gives %lld\n", cases[i].value, (long long)ns);
        assert_true(ns == cases[i].ns);
    }
}

/* A number near the limit, often: the sum stays a number. */
static void never_overflows(void **state)
{
    char value[4096] = "";
    for (int i = 0; i < 120; i++)
        strcat(value, "queue;dur=90000000000.999999, ");
    assert_true(parse(value).ns[TIMING_QUEUE] == INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(leaves_out_what_was_not_reported),
        cmocka_unit_test(always_fits_its_text),
        cmocka_unit_test(takes_what_it_knows_and_skips_the_rest),
        cmocka_unit_test(never_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
