/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "lib/base/result.h"
#include "tests/unit/http/reading.h"

static struct http_head head;
static char text[1024];

static void parse_request(const char *version, const char *fields)
{
    snprintf(text, sizeof(text), "POST / %s\r\nHost: a\r\n%s\r\n", version, fields);
    assert_null(http_parse_request(&head, text, strlen(text)));
}

static void parse_response(int status, const char *version, const char *fields)
{
    snprintf(text, sizeof(text), "%s %d OK\r\n%s\r\n", version, status, fields);
    assert_null(http_parse_response(&head, text, strlen(text)));
}

#define ONE_ONE  "HTTP/1.1"
#define ONE_ZERO "HTTP/1.0"

struct message {
    const char *version, *fields;
    enum http_framing framing;
    uint64_t length;
};

static const struct message good[] = {
    {ONE_ONE, "", HTTP_NO_BODY, 0},
    {ONE_ONE, "Content-Length: 0\r\n", HTTP_LENGTH, 0},
    {ONE_ONE, "Content-Length:5\r\n", HTTP_LENGTH, 5},
    {ONE_ONE, "content-length: \t 0005 \t\r\n", HTTP_LENGTH, 5},
    {ONE_ZERO, "Content-Length: 5\r\n", HTTP_LENGTH, 5},
    {ONE_ONE, "Content-Length: 999999999999999999\r\n", HTTP_LENGTH, UINT64_C(999999999999999999)},
    {ONE_ONE, "Transfer-Encoding: chunked\r\n", HTTP_CHUNKED, 0},
    {ONE_ONE, "transfer-encoding:CHUNKED\r\n", HTTP_CHUNKED, 0},
    {ONE_ONE, "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", HTTP_CHUNKED, 0},
    {ONE_ONE, "X-Content-Length: 7\r\nContent-Lengt: 8\r\n", HTTP_NO_BODY, 0},
};

static void knows_how_long_a_message_is(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct http_body body;
        const struct message *message = &good[i];
        bool nothing = message->framing == HTTP_NO_BODY;
        parse_request(message->version, message->fields);
        assert_null(http_request_body(&body, &head));
        assert_int_equal(body.framing, message->framing);
        assert_true(body.left == message->length);
        assert_int_equal(body.complete,
                         nothing || (message->framing == HTTP_LENGTH && !message->length));
        parse_response(200, message->version, message->fields);
        assert_null(http_response_body(&body, &head, false));
        assert_int_equal(body.framing, nothing ? HTTP_UNTIL_CLOSE : message->framing);
        assert_true(body.left == message->length);
    }
}

#define OTHER_CODING "a Transfer-Encoding other than chunked"
#define BOTH         "both a Transfer-Encoding and a Content-Length"
#define REPEATED     "more than one Content-Length"
#define NO_NUMBER    "a Content-Length that is not a number"
#define NO_SIZE      "a Content-Length that is not a number, or beyond reason"
#define CHUNKED      "Transfer-Encoding: chunked\r\n"

static const struct {
    const char *version, *fields, *problem;
} wrong[] = {
    {ONE_ONE, "Content-Length: 5\r\n" CHUNKED, BOTH},
    {ONE_ONE, CHUNKED "Content-Length: 5\r\n", BOTH},
    {ONE_ONE, CHUNKED "Content-Length: 0\r\n", BOTH},
    {ONE_ONE, CHUNKED "Content-Length: nonsense\r\n", BOTH},
    {ONE_ONE, "Content-Length: 5\r\nContent-Length: 6\r\n", REPEATED},
    {ONE_ONE, "Content-Length: 5\r\ncontent-length: 5\r\n", REPEATED},
    {ONE_ONE, "Content-Length: 5\r\nX: y\r\nContent-Length:\r\n", REPEATED},
    {ONE_ONE, "Content-Length: 5, 5\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length: 5, 6\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length: 5,\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length: +5\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length: -5\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length: -0\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length: 0x5\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length: 5.0\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length: 1e3\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length: 1 2\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length: 5;a\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length: \"5\"\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length: \xd9\xa5\r\n", NO_NUMBER},
    {ONE_ONE, "Content-Length:\r\n", NO_SIZE},
    {ONE_ONE, "Content-Length: 1000000000000000000\r\n", NO_SIZE},
    {ONE_ONE, "Content-Length: 18446744073709551621\r\n", NO_SIZE},
    {ONE_ONE, "Content-Length: 0000000000000000005\r\n", NO_SIZE},
    {ONE_ONE, "Transfer-Encoding: gzip\r\n", OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding: identity\r\n", OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding: gzip, chunked\r\n", OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding: chunked, gzip\r\n", OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding: chunked, chunked\r\n", OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding: chunked;q=1\r\n", OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding: \"chunked\"\r\n", OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding: xchunked\r\n", OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding: chunkedx\r\n", OTHER_CODING},
    {ONE_ONE,
     "Transfer-Encoding: \xa0"
     "chunked\r\n",
     OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding: ,chunked\r\n", OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding: chunked,\r\n", OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding:\r\n", OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding: \r\nContent-Length: 5\r\n", OTHER_CODING},
    {ONE_ONE, CHUNKED "Transfer-Encoding:\r\n", OTHER_CODING},
    {ONE_ONE, "Transfer-Encoding:\r\n" CHUNKED, OTHER_CODING},
    {ONE_ONE, CHUNKED CHUNKED, OTHER_CODING},
    {ONE_ONE, CHUNKED "Transfer-encoding: identity\r\n", OTHER_CODING},
    {ONE_ZERO, CHUNKED, "a Transfer-Encoding in an HTTP/1.0 message"},
    {ONE_ZERO, CHUNKED "Connection: keep-alive\r\n", "a Transfer-Encoding in an HTTP/1.0 message"},
};

static void assert_problem(const char *said, size_t i)
{
    if (!said || strcmp(said, wrong[i].problem) != 0)
        print_error("%s\n", wrong[i].fields);
    assert_non_null(said);
    assert_string_equal(said, wrong[i].problem);
}

static void refuses_lengths_that_can_be_read_two_ways(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct http_body body;
        parse_request(wrong[i].version, wrong[i].fields);
        assert_problem(http_request_body(&body, &head), i);
        parse_response(200, wrong[i].version, wrong[i].fields);
        assert_problem(http_response_body(&body, &head, false), i);
    }
}

static void knows_responses_without_a_body(void **state)
{
    static const char *const fields[] = {"", "Content-Length: 5\r\n", CHUNKED};
    static const int never[] = {100, 101, 103, 199, 204, 304};
    static const int always[] = {200, 205, 300, 404, 500, 999};
    struct http_body body;
    for (size_t f = 0; f < ARRAY_LEN(fields); f++) {
        for (size_t i = 0; i < ARRAY_LEN(never); i++) {
            parse_response(never[i], ONE_ONE, fields[f]);
            assert_null(http_response_body(&body, &head, false));
            assert_int_equal(body.framing, HTTP_NO_BODY);
            assert_true(body.complete);
        }
        for (size_t i = 0; i < ARRAY_LEN(always); i++) {
            parse_response(always[i], ONE_ONE, fields[f]);
            assert_null(http_response_body(&body, &head, true));
            assert_int_equal(body.framing, HTTP_NO_BODY);
            assert_null(http_response_body(&body, &head, false));
            assert_int_not_equal(body.framing, HTTP_NO_BODY);
            assert_false(body.complete);
        }
    }
}

static void takes_no_more_than_the_length(void **state)
{
    static const char bytes[] = "helloGET / HTTP/1.1\r\n";
    struct http_body body;
    parse_request(ONE_ONE, "Content-Length: 5\r\n");
    assert_null(http_request_body(&body, &head));
    for (size_t split = 0; split < sizeof(bytes); split++) {
        struct reading reading = reading_of(body, SAMPLE(bytes), split, 1);
        assert_null(reading.problem);
        assert_true(reading.complete);
        assert_int_equal(reading.used, 5);
        assert_int_equal(reading.payload_length, 5);
        assert_memory_equal(reading.payload, "hello", 5);
    }
    assert_false(reading_of(body, bytes, 4, 2, 1).complete);
}

static void skips_what_is_sure_to_be_content(void **state)
{
    struct http_body body;
    parse_response(200, ONE_ONE, "Content-Length: 10\r\n");
    assert_null(http_response_body(&body, &head, false));
    assert_int_equal(http_body_run(&body), 10);
    http_body_skip(&body, 9);
    assert_false(body.complete);
    http_body_skip(&body, 1);
    assert_true(body.complete);
    assert_int_equal(http_body_run(&body), 0);
}

static void skips_within_a_chunk(void **state)
{
    struct http_body body;
    size_t used;
    struct http_span payload;
    parse_response(200, ONE_ONE, "Transfer-Encoding: chunked\r\n");
    assert_null(http_response_body(&body, &head, false));
    assert_int_equal(http_body_run(&body), 0);
    assert_null(http_body_take(&body, SAMPLE("a\r\n01"), &used, &payload));
    assert_int_equal(http_body_run(&body), 8);
    http_body_skip(&body, 8);
    assert_int_equal(http_body_run(&body), 0);
    assert_null(http_body_take(&body, SAMPLE("\r\n0\r\n\r\n"), &used, &payload));
    assert_true(body.complete);
}

static void takes_nothing_where_there_is_no_body(void **state)
{
    struct http_body body;
    parse_request(ONE_ONE, "");
    assert_null(http_request_body(&body, &head));
    size_t used = 9;
    struct http_span payload;
    assert_null(http_body_take(&body, SAMPLE("GET"), &used, &payload));
    assert_int_equal(used, 0);
    assert_int_equal(payload.length, 0);
}

static void takes_everything_until_the_close(void **state)
{
    struct http_body body;
    parse_response(200, ONE_ZERO, "");
    assert_null(http_response_body(&body, &head, false));
    struct reading reading = reading_of(body, SAMPLE("0\r\n\r\nmore"), 3, 2);
    assert_null(reading.problem);
    assert_false(reading.complete);
    assert_int_equal(reading.payload_length, 9);
    assert_memory_equal(reading.payload, "0\r\n\r\nmore", 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_how_long_a_message_is),
        cmocka_unit_test(refuses_lengths_that_can_be_read_two_ways),
        cmocka_unit_test(knows_responses_without_a_body),
        cmocka_unit_test(takes_no_more_than_the_length),
        cmocka_unit_test(skips_what_is_sure_to_be_content),
        cmocka_unit_test(skips_within_a_chunk),
        cmocka_unit_test(takes_nothing_where_there_is_no_body),
        cmocka_unit_test(takes_everything_until_the_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
