/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <string.h>

#include "lib/record/cause.h"
#include "tests/unit/record/support.h"

/* 2026-11-23T08:00:00Z is 1795420800 seconds after 1970. */
static const struct record_source source = {.process = "gateway",
                                            .writer = 3,
                                            .clock_offset = {INT64_C(1795420800000000000)},
                                            .names = fixture_names,
                                            .name_count = 3};

static void expect_json(enum record_kind kind, const void *record, const char *expected)
{
    struct buf out = {0};
    record_append_json(&out, &source, kind, record);
    buf_append(&out, "", 1);
    assert_string_equal(buf_head(&out), expected);
    buf_free(&out);
}

static void a_request_is_one_line(void **state)
{
    struct request_record request = {
        .started = 123456789,
        .trace_id = {{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e,
                      0x0e, 0x47, 0x36}},
        .client = {IP_V4(127, 0, 0, 1), 54321, IP_PEER_IP},
        .route = 0,
        .upstream = 1,
        .method = "GET",
        .path = "/orders?a=\"1\"",
        .status = 504,
        .cause = CAUSE_RESPONSE_TIMEOUT,
        .cut_short = 1,
        .attempts = 2,
        .client_requests = 7,
        .read = 1000,
        .queue = 0,
        .connect = -1,
        .tls = -1,
        .send = 5,
        .wait = INT64_MAX,
        .receive = -1,
        .deliver = 99,
        .cleanup = 100,
        .total = 2000000000,
        .bytes_in = 12,
        .bytes_out = UINT64_MAX,
    };
    expect_json(RECORD_KIND_REQUEST, &request,
                "{\"kind\":\"request\",\"process\":\"gateway\",\"worker\":3,"
                "\"time\":\"2026-11-23T08:00:00.123456Z\",\"started_ns\":123456789,"
                "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
                "\"client\":\"127.0.0.1:54321\",\"route\":\"/\",\"upstream\":\"orders\","
                "\"status\":504,"
                "\"cause\":\"response_timeout\",\"cut_short\":1,\"attempts\":2,"
                "\"client_requests\":7,\"read_ns\":1000,\"queue_ns\":0,\"send_ns\":5,"
                "\"wait_ns\":9223372036854775807,\"deliver_ns\":99,\"cleanup_ns\":100,"
                "\"total_ns\":2000000000,\"bytes_in\":12,"
                "\"bytes_out\":18446744073709551615,"
                "\"method\":\"GET\",\"path\":\"/orders?a=\\\"1\\\"\"}\n");
}

static void what_is_not_there_is_left_out(void **state)
{
    struct state_record transition = {.kind = STATE_POOL_EXHAUSTED, .subject = NAME_NONE};
    expect_json(RECORD_KIND_STATE, &transition,
                "{\"kind\":\"state\",\"process\":\"gateway\",\"worker\":3,"
                "\"state_kind\":\"pool_exhausted\",\"value\":0}\n");
}

static void expect_names(const struct record_names *names, const char *expected)
{
    struct attempt_record attempt = {.faults = *names};
    struct buf out = {0};
    record_append_json(&out, &source, RECORD_KIND_ATTEMPT, &attempt);
    buf_append(&out, "", 1);
    cJSON *json = cJSON_Parse(buf_head(&out));
    const cJSON *faults = cJSON_GetObjectItem(json, "faults");
    if (expected)
        assert_string_equal(cJSON_GetStringValue(faults), expected);
    else
        assert_null(faults);
    cJSON_Delete(json);
    buf_free(&out);
}

static void several_names_are_one_text(void **state)
{
    struct record_names names = {0};
    expect_names(&names, NULL);
    record_names_add(&names, 1);
    record_names_add(&names, 0);
    record_names_add(&names, 1); /* it is there already */
    expect_names(&names, "orders,/");
    record_names_add(&names, NAME_NONE); /* there were too many names in all */
    expect_names(&names, "orders,/,+1");
    names = (struct record_names){0};
    for (int i = 0; i < RECORD_NAMES + 2; i++)
        record_names_add(&names, (uint16_t)(10 + i)); /* none of which the source knows */
    expect_names(&names, "+9");
}

static void names_and_texts_are_escaped(void **state)
{
    struct fault_record fault = {
        .name = 2, .target = NAME_NONE, .planned_at = -1, .planned_for = -1};
    /* Sixteen bytes fill the column: no NUL ends it. */
    memcpy(fault.kind, "a\\b\x01\xc3\xa9\x7f\"%456789", sizeof(fault.kind));
    expect_json(RECORD_KIND_FAULT, &fault,
                "{\"kind\":\"fault\",\"process\":\"gateway\",\"worker\":3,"
                "\"name\":\"a \\\"quoted\\\", \\\\name\\\\\","
                "\"fault_kind\":\"a\\\\b%01%C3%A9%7F\\\"%456789\",\"ordinal\":0}\n");
}

static void every_kind_is_json_without_double_keys(void **state)
{
    static const char record[1024];
    for (size_t kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        struct buf out = {0};
        record_append_json(&out, &source, (enum record_kind)kind, record);
        buf_append(&out, "", 1);
        cJSON *json = cJSON_Parse(buf_head(&out));
        assert_non_null(json);
        for (const cJSON *item = json->child; item; item = item->next)
            for (const cJSON *other = json->child; other != item; other = other->next)
                assert_string_not_equal(item->string, other->string);
        cJSON_Delete(json);
        buf_free(&out);
    }
}

static void expect_time(int64_t seconds, const char *expected)
{
    struct record_source at = source;
    struct buf out = {0};
    at.clock_offset.ns = seconds * NS_PER_S;
    struct state_record transition = {.at = 1};
    record_append_json(&out, &at, RECORD_KIND_STATE, &transition);
    buf_append(&out, "", 1);
    if (!strstr(buf_head(&out), expected))
        fail_msg("%s is not in %s", expected, buf_head(&out));
    buf_free(&out);
}

static void times_follow_the_calendar(void **state)
{
    expect_time(0, "\"1970-01-01T00:00:00.000000Z\"");
    expect_time(951782399, "\"2000-02-28T23:59:59.000000Z\"");
    expect_time(951782400, "\"2000-02-29T00:00:00.000000Z\"");
    expect_time(951868800, "\"2000-03-01T00:00:00.000000Z\"");
    expect_time(978307199, "\"2000-12-31T23:59:59.000000Z\"");
    expect_time(1709164800, "\"2024-02-29T00:00:00.000000Z\"");
    expect_time(1772323200, "\"2026-03-01T00:00:00.000000Z\"");
    expect_time(4107542399, "\"2100-02-28T23:59:59.000000Z\"");
    expect_time(4107542400, "\"2100-03-01T00:00:00.000000Z\"");
}

/* Every day until 2199 against the C library. */
static void times_agree_with_the_c_library(void **state)
{
    for (time_t day = 0; day < 84000; day++) {
        time_t seconds = day * 86400 + day % 86400;
        struct tm tm;
        char expected[64];
        gmtime_r(&seconds, &tm);
        strftime(expected, sizeof(expected), "\"%Y-%m-%dT%H:%M:%S.000000Z\"", &tm);
        expect_time(seconds, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_one_line),
        cmocka_unit_test(what_is_not_there_is_left_out),
        cmocka_unit_test(several_names_are_one_text),
        cmocka_unit_test(names_and_texts_are_escaped),
        cmocka_unit_test(every_kind_is_json_without_double_keys),
        cmocka_unit_test(times_follow_the_calendar),
        cmocka_unit_test(times_agree_with_the_c_library),
    };
    return cmocka_run_group_tests_name("record/json", tests, NULL, NULL);
}
