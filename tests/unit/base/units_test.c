/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/base/result.h"
#include "lib/base/units.h"

static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"0.0ms", 0},
        {"1ns", 1},
        {"80us", 80 * NS_PER_US},
        {"250ms", 250 * NS_PER_MS},
        {"1.5s", 1500 * NS_PER_MS},
        {"2m", 120 * NS_PER_S},
        {"1h", 3600 * NS_PER_S},
        {"0.1s", 100 * NS_PER_MS},
        {"007ms", 7 * NS_PER_MS},
        {"1.50000000000000000000000000000s", 1500 * NS_PER_MS},
        {"0.000000001s", 1},
        {"1.0004us", 1000},
        {"1.0005us", 1001},
        {"0.3333333333333h", 1200000000000},
        {"315575999.123456789s", INT64_C(315575999123456789)},
        {"87660h", DURATION_LONGEST_NS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        duration value = {-1};
        assert_true(units_parse_duration(cases[i].text, &value));
        assert_int_equal(value.ns, cases[i].ns);
    }
}

static void junk_is_no_duration(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "5",
        "00",
        "5 ms",
        " 5ms",
        "5ms ",
        "-5ms",
        "+5ms",
        "ms",
        ".5s",
        "5.s",
        "5..0s",
        "1.2.3s",
        "1,5s",
        "1e3ms",
        "0x5ms",
        "nan",
        "nans",
        "infs",
        "5MS",
        "5sec",
        "5d",
        "5\xc2\xb5s",
        "1.5ns",
        "5m s",
        "5s5",
        "87661h",
        "315576001s",
        "99999999999999999999s",
        "18446744073709551616ns",
        "0.0000000001s",
        "0.00000000000000000000001h",
        "1%",
        "1/s",
        "\xd9\xa1s",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        duration value = {-1};
        if (units_parse_duration(cases[i], &value))
            fail_msg("\"%s\" was read", cases[i]);
        assert_int_equal(value.ns, -1);
    }
}

static void sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"1234", 1234},
        {"12B", 12},
        {"64KiB", 65536},
        {"1.5KiB", 1536},
        {"2MiB", 2 << 20},
        {"1GiB", 1 << 30},
        {"1KB", 1000},
        {"1.5MB", 1500000},
        {"2GB", 2000000000},
        {"1.23MiB", 1289748},
        {"18446744073709551615", UINT64_MAX},
        {"17179869183GiB", UINT64_MAX - (UINT64_C(1) << 30) + 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t bytes = 1;
        assert_true(units_parse_size(cases[i].text, &bytes));
        assert_true(bytes == cases[i].bytes);
    }
}

static void junk_is_no_size(void **state)
{
    static const char *const cases[] = {
        "",
        "KiB",
        "-1",
        "+1",
        "1.5",
        "0.5B",
        "1kb",
        "1K",
        "1TiB",
        "1 KB",
        "1KB ",
        "1e3",
        "0x10",
        "nan",
        "inf",
        "18446744073709551616",
        "17179869184GiB",
        "0.0001KiB",
        "1KiBB",
        "1.KB",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t bytes = 77;
        if (units_parse_size(cases[i], &bytes))
            fail_msg("\"%s\" was read", cases[i]);
        assert_int_equal(bytes, 77);
    }
}

static void rates_are_read(void **state)
{
    double rate = -1;
    assert_true(units_parse_rate("2000/s", &rate) && rate == 2000);
    assert_true(units_parse_rate("0/s", &rate) && rate == 0);
    assert_true(units_parse_rate("0.5/s", &rate) && rate == 0.5);
    assert_true(units_parse_rate("30/m", &rate) && rate == 0.5);
    assert_true(units_parse_rate("36/h", &rate) && rate == 0.01);
    static const char *const junk[] = {"",     "5",  "/s",    "-1/s",  "5/d",   "5/",   "5 /s",
                                       "5/s ", "5s", "nan/s", "inf/s", "1e3/s", "1,5/s"};
    for (size_t i = 0; i < ARRAY_LEN(junk); i++)
        assert_false(units_parse_rate(junk[i], &rate));
    assert_true(rate == 0.01);
}

static void shares_are_read(void **state)
{
    double share = -1;
    assert_true(units_parse_share("0.5%", &share) && share == 0.005);
    assert_true(units_parse_share("100%", &share) && share == 1);
    assert_true(units_parse_share("200%", &share) && share == 2);
    assert_true(units_parse_share("0%", &share) && share == 0);
    assert_true(units_parse_share("99.99%", &share) && share == 0.9999);
    static const char *const junk[] = {"", "%", "5", "0.5", "-1%", "5 %", "5%%", "nan%", "1e1%"};
    for (size_t i = 0; i < ARRAY_LEN(junk); i++)
        assert_false(units_parse_share(junk[i], &share));
    assert_true(share == 0.9999);
}

static void numbers_are_read(void **state)
{
    double number = -1;
    assert_true(units_parse_number("1.5", &number) && number == 1.5);
    assert_true(units_parse_number("0", &number) && number == 0);
    assert_true(units_parse_number("0.1", &number) && number == 0.1);
    static const char *const junk[] = {"", "-1", "1.", ".1", "1 ", "1e3", "nan", "inf", "1x"};
    for (size_t i = 0; i < ARRAY_LEN(junk); i++)
        assert_false(units_parse_number(junk[i], &number));
    assert_true(number == 0.1);
}

static void durations_are_written(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {1, "1ns"},
        {999, "999ns"},
        {1000, "1us"},
        {80 * NS_PER_US, "80us"},
        {1234, "1.23us"},
        {999499, "999us"},
        {999500, "1ms"},
        {250 * NS_PER_MS, "250ms"},
        {100 * NS_PER_MS, "100ms"},
        {1234567890, "1.23s"},
        {1500 * NS_PER_MS, "1.5s"},
        {1005 * NS_PER_MS, "1.01s"},
        {90 * NS_PER_S, "90s"},
        {60 * NS_PER_S, "1m"},
        {120 * NS_PER_S, "2m"},
        {300 * NS_PER_S, "5m"},
        {3600 * NS_PER_S, "1h"},
        {5400 * NS_PER_S, "90m"},
        {86400 * NS_PER_S, "24h"},
        {-1500 * NS_PER_MS, "-1.5s"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[32];
        assert_ptr_equal(units_format_duration(out, sizeof(out), duration_ns(cases[i].ns)), out);
        assert_string_equal(out, cases[i].text);
    }
    char out[32];
    assert_string_equal(units_format_duration(out, 4, duration_ms(250)), "250");
    units_format_duration(out, sizeof(out), duration_ns(INT64_MIN));
    assert_int_equal(out[0], '-');
}

/* Whatever is written can be read, and with three digits nothing is lost. */
static void written_durations_are_read_again(void **state)
{
    for (int64_t step = 1; step < DURATION_LONGEST_NS / 1000; step *= 10) {
        for (int64_t digits = 1; digits < 1000; digits++) {
            char out[32];
            duration again;
            units_format_duration(out, sizeof(out), duration_ns(digits * step));
            assert_true(units_parse_duration(out, &again));
            assert_int_equal(again.ns, digits * step);
        }
    }
}

static void sizes_are_written(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0B"},
        {1, "1B"},
        {1023, "1023B"},
        {1024, "1KiB"},
        {1536, "1.5KiB"},
        {65536, "64KiB"},
        {1000000, "977KiB"},
        {1023 << 10, "1023KiB"},
        {(1 << 20) - 1, "1MiB"},
        {1 << 20, "1MiB"},
        {1289748, "1.23MiB"},
        {3 << 19, "1.5MiB"},
        {10234567, "9.76MiB"},
        {(1 << 30) - 1, "1GiB"},
        {UINT64_C(5) << 40, "5120GiB"},
        {UINT64_MAX, "17179869184GiB"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[32];
        assert_ptr_equal(units_format_size(out, sizeof(out), cases[i].bytes), out);
        assert_string_equal(out, cases[i].text);
    }
}

static void written_sizes_are_read_again(void **state)
{
    for (uint64_t bytes = 1; bytes < UINT64_C(1) << 50; bytes += bytes / 7 + 1) {
        char out[32];
        uint64_t again;
        assert_true(units_parse_size(units_format_size(out, sizeof(out), bytes), &again));
        double difference = (double)again / (double)bytes - 1;
        assert_true(difference < 0.00501 && difference > -0.00501);
    }
}

static void durations_may_lack_their_unit_and_their_end(void **state)
{
    duration value;
    assert_true(units_parse_duration_in("12.5,7", 4, "ms", &value));
    assert_int_equal(value.ns, 12500000);
    assert_true(units_parse_duration_in("80us", 4, "ms", &value));
    assert_int_equal(value.ns, 80000);
    assert_false(units_parse_duration_in("", 0, "ms", &value));
    assert_false(units_parse_duration_in("1\0", 2, "ms", &value));
    assert_false(units_parse_duration_in("-1", 2, "ms", &value));
    assert_false(units_parse_duration_in("7", 1, "?", &value));
    char longest[80];
    memset(longest, '0', sizeof(longest));
    assert_true(units_parse_duration_in(longest, 64, "s", &value));
    assert_false(units_parse_duration_in(longest, 65, "s", &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(junk_is_no_duration),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(junk_is_no_size),
        cmocka_unit_test(rates_are_read),
        cmocka_unit_test(shares_are_read),
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(durations_are_written),
        cmocka_unit_test(written_durations_are_read_again),
        cmocka_unit_test(sizes_are_written),
        cmocka_unit_test(written_sizes_are_read_again),
        cmocka_unit_test(durations_may_lack_their_unit_and_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
