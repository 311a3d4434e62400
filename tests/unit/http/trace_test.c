/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/result.h"
#include "lib/http/trace.h"
#include "tests/unit/http/sample.h"

#define TRACE_ID "0af7651916cd43dd8448eb211c80319c"
#define SPAN_ID  "b7ad6b7169203331"

static bool parses(const char *text, size_t length, struct trace *trace)
{
    char *copy = sample_copy(text, length);
    bool right = trace_parse(trace, copy, length);
    free(copy);
    return right;
}

static void writes_what_it_read(void **state)
{
    static const char *const texts[] = {"00-" TRACE_ID "-" SPAN_ID "-01",
                                        "00-" TRACE_ID "-" SPAN_ID "-00"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct trace trace;
        char out[TRACE_TEXT];
        assert_true(parses(texts[i], strlen(texts[i]), &trace));
        assert_int_equal(trace.sampled, i == 0);
        assert_int_equal(trace.trace_id[0], 0x0a);
        assert_int_equal(trace.trace_id[15], 0x9c);
        assert_int_equal(trace.span_id[7], 0x31);
        trace_format(&trace, out);
        assert_memory_equal(out, texts[i], TRACE_TEXT);
    }
}

static const struct {
    const char *text;
    bool right;
} cases[] = {
    {"00-" TRACE_ID "-" SPAN_ID "-ff", true},
    {"00-" TRACE_ID "-" SPAN_ID "-01-", false},
    {"00-" TRACE_ID "-" SPAN_ID "-01 ", false},
    {"01-" TRACE_ID "-" SPAN_ID "-01", true},
    {"cc-" TRACE_ID "-" SPAN_ID "-01-what-comes-later", true},
    {"cc-" TRACE_ID "-" SPAN_ID "-01.what-comes-later", false},
    {"ff-" TRACE_ID "-" SPAN_ID "-01", false},
    {"0-" TRACE_ID "-" SPAN_ID "-001", false},
    {"00-00000000000000000000000000000000-" SPAN_ID "-01", false},
    {"00-" TRACE_ID "-0000000000000000-01", false},
    {"00-0AF7651916CD43DD8448EB211C80319C-" SPAN_ID "-01", false},
    {"00-" TRACE_ID "-B7AD6B7169203331-01", false},
    {"0A-" TRACE_ID "-" SPAN_ID "-01", false},
    {"00-" TRACE_ID "-" SPAN_ID "-0A", false},
    {"00_" TRACE_ID "-" SPAN_ID "-01", false},
    {"00-" TRACE_ID "_" SPAN_ID "-01", false},
    {"00-" TRACE_ID "-" SPAN_ID "_01", false},
    {"00-xaf7651916cd43dd8448eb211c80319c-" SPAN_ID "-01", false},
    {"00-" TRACE_ID "-" SPAN_ID "-0g", false},
};

static void ignores_what_is_not_quite_right(void **state)
{
    struct trace trace;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool right = parses(cases[i].text, strlen(cases[i].text), &trace);
        if (right != cases[i].right)
            print_error("%s\n", cases[i].text);
        assert_int_equal(right, cases[i].right);
    }
    for (size_t n = 0; n < TRACE_TEXT; n++)
        assert_false(parses(cases[0].text, n, &trace));
}

static void writes_lower_case_digits(void **state)
{
    static const uint8_t bytes[] = {0x00, 0x9a, 0xbc, 0xff};
    char out[8];
    trace_hex(out, bytes, sizeof(bytes));
    assert_memory_equal(out, "009abcff", sizeof(out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_it_read),
        cmocka_unit_test(ignores_what_is_not_quite_right),
        cmocka_unit_test(writes_lower_case_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
