/* SPDX-License-Identifier: MIT */
/* What the parser of heads lets through and what it refuses, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "lib/base/result.h"
#include "lib/http/head.h"
#include "tests/unit/http/sample.h"

static void assert_span(struct http_span span, const char *expected)
{
    assert_int_equal(span.length, strlen(expected));
    assert_memory_equal(span.at, expected, span.length);
}

static void keeps_the_parts_of_a_request(void **state)
{
    static const char text[] = "POST /a/b?c=d%20e HTTP/1.1\r\n"
                               "Host: example:80\r\n"
                               "content-LENGTH:\t 5 \t \r\n"
                               "X-Empty:\r\n"
                               "X-Odd!#$%&'*+-.^_`|~9: a  b\t\"c\" \xc3\xa4\r\n\r\n";
    struct http_head head;
    assert_null(http_parse_request(&head, SAMPLE(text)));
    assert_span(head.start_line, "POST /a/b?c=d%20e HTTP/1.1");
    assert_span(head.method, "POST");
    assert_span(head.target, "/a/b?c=d%20e");
    assert_int_equal(head.minor_version, 1);
    assert_int_equal(head.field_count, 4);
    assert_span(head.fields[0].line, "Host: example:80\r\n");
    assert_span(head.fields[0].value, "example:80");
    assert_int_equal(head.fields[1].id, HTTP_FIELD_CONTENT_LENGTH);
    assert_span(head.fields[1].name, "content-LENGTH");
    assert_span(head.fields[1].value, "5");
    assert_span(head.fields[2].value, "");
    assert_int_equal(head.fields[3].id, HTTP_FIELD_OTHER);
    assert_span(head.fields[3].name, "X-Odd!#$%&'*+-.^_`|~9");
    assert_span(head.fields[3].value, "a  b\t\"c\" \xc3\xa4");
}

static void keeps_the_parts_of_a_response(void **state)
{
    static const char text[] = "HTTP/1.0 404 Not \xe4 Found\r\nServer: x\r\n\r\n";
    struct http_head head;
    assert_null(http_parse_response(&head, SAMPLE(text)));
    assert_int_equal(head.status, 404);
    assert_int_equal(head.minor_version, 0);
    assert_span(head.start_line, "HTTP/1.0 404 Not \xe4 Found");
    assert_span(head.method, "");
    assert_int_equal(head.field_count, 1);
}

static void forgets_the_head_before(void **state)
{
    struct http_head head;
    assert_null(http_parse_request(&head, SAMPLE("GET / HTTP/1.0\r\nHost: a\r\nTE: b\r\n\r\n")));
    assert_null(http_parse_response(&head, SAMPLE("HTTP/1.1 200 OK\r\n\r\n")));
    assert_int_equal(head.field_count, 0);
    assert_int_equal(head.present, 0);
    assert_int_equal(head.method.length, 0);
    assert_null(http_parse_request(&head, SAMPLE("GET / HTTP/1.0\r\n\r\n")));
    assert_int_equal(head.status, 0);
}

struct sample {
    const char *bytes;
    size_t length;
};

static const struct sample good_requests[] = {
    {SAMPLE("GET / HTTP/1.1\r\nHost: a\r\n\r\n")},
    {SAMPLE("GET / HTTP/1.1\r\nHost:\r\n\r\n")},
    {SAMPLE("GET / HTTP/1.0\r\n\r\n")},
    {SAMPLE("OPTIONS * HTTP/1.1\r\nhOST: a\r\n\r\n")},
    {SAMPLE("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n")},
    {SAMPLE("GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n")},
    {SAMPLE("M-SEARCH /\"<>\\^`{|}[]#? HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")},
    {SAMPLE("get / HTTP/1.1\r\nHost: a\r\n\r\n")},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a:\r\n\r\n")},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a.b-c_d~%41!$&'()*+;=:65535\r\n\r\n")},
    {SAMPLE("GET / HTTP/1.1\r\nHost: [2001:DB8::1.2.3.4]\r\n\r\n")},
    {SAMPLE("GET / HTTP/1.9\r\nHost: a\r\n\r\n")},
};

static const struct sample good_responses[] = {
    {SAMPLE("HTTP/1.1 200 OK\r\n\r\n")},
    {SAMPLE("HTTP/1.1 200 \r\n\r\n")},
    {SAMPLE("HTTP/1.1 200\r\n\r\n")},
    {SAMPLE("HTTP/1.1 999 \t odd\r\nA:b\r\n\r\n")},
    {SAMPLE("HTTP/1.0 100 Continue\r\nA: b\r\nA: b\r\n\r\n")},
};

/* No beginning of a right head is a right head, nor is one with something behind it. */
static void assert_exactly_right(sample_parser *parse, const struct sample *sample)
{
    char longer[256];
    for (size_t n = 0; n < sample->length; n++)
        assert_non_null(sample_problem(parse, sample->bytes, n));
    assert_null(sample_problem(parse, sample->bytes, sample->length));
    assert_true(sample->length < sizeof(longer));
    memcpy(longer, sample->bytes, sample->length);
    for (int byte = 0; byte < 256; byte++) {
        longer[sample->length] = (char)byte;
        assert_non_null(sample_problem(parse, longer, sample->length + 1));
    }
}

static void takes_right_heads_and_no_part_of_them(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(good_requests); i++)
        assert_exactly_right(http_parse_request, &good_requests[i]);
    for (size_t i = 0; i < ARRAY_LEN(good_responses); i++)
        assert_exactly_right(http_parse_response, &good_responses[i]);
}

struct wrong {
    const char *bytes;
    size_t length;
    const char *problem;
};

#define GET          "GET / HTTP/1.1\r\nHost: a\r\n"
#define WRONG_END    "a line end that is not CRLF"
#define WRONG_TARGET "no request target, or a character that is not allowed in it"
#define WRONG_NUMBER "an HTTP version other than 1.x"
#define WRONG_NAME   "a character that is not allowed in a field name"
#define WRONG_VALUE  "a control character in a field value"
#define WRONG_SPACE  "whitespace before the colon of a field"
#define FOLDED       "a folded field line"
#define WRONG_HOST   "a Host that is not a name and a port"

static const struct wrong wrong_requests[] = {
    /* the request line */
    {SAMPLE(""), "no method"},
    {SAMPLE("\r\n\r\n"), "no method"},
    {SAMPLE("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), "no method"},
    {SAMPLE(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "no method"},
    {SAMPLE("GE(T / HTTP/1.1\r\nHost: a\r\n\r\n"), "no method"},
    {SAMPLE("G\0ET / HTTP/1.1\r\nHost: a\r\n\r\n"), "no method"},
    {SAMPLE("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), "no method"},
    {SAMPLE("GET\r\n\r\n"), "no method"},
    {SAMPLE("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), WRONG_TARGET},
    {SAMPLE("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n"), WRONG_TARGET},
    {SAMPLE("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), WRONG_TARGET},
    {SAMPLE("GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"), WRONG_TARGET},
    {SAMPLE("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"), WRONG_TARGET},
    {SAMPLE("GET /\r\nX: y HTTP/1.1\r\nHost: a\r\n\r\n"), WRONG_TARGET},
    {SAMPLE("GET /\r\n\r\n"), WRONG_TARGET},
    {SAMPLE("GET / \r\n\r\n"), "no HTTP version"},
    {SAMPLE("GET / b HTTP/1.1\r\nHost: a\r\n\r\n"), "no HTTP version"},
    {SAMPLE("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"), "no HTTP version"},
    {SAMPLE("GET / http/1.1\r\nHost: a\r\n\r\n"), "no HTTP version"},
    {SAMPLE("GET / HTTP 1.1\r\nHost: a\r\n\r\n"), "no HTTP version"},
    {SAMPLE("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), WRONG_NUMBER},
    {SAMPLE("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), WRONG_NUMBER},
    {SAMPLE("GET / HTTP/1,1\r\nHost: a\r\n\r\n"), "no HTTP version"},
    {SAMPLE("GET / HTTP/x.1\r\nHost: a\r\n\r\n"), "no HTTP version"},
    {SAMPLE("GET / HTTP/1.x\r\nHost: a\r\n\r\n"), "no HTTP version"},
    {SAMPLE("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), WRONG_END},
    {SAMPLE("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), WRONG_END},
    /* line ends */
    {SAMPLE("GET / HTTP/1.1\nHost: a\n\n"), WRONG_END},
    {SAMPLE("GET / HTTP/1.1\rHost: a\r\n\r\n"), WRONG_END},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a\n\r\n"), WRONG_END},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), WRONG_END},
    {SAMPLE(GET "X: y\rZ: w\r\n\r\n"), WRONG_END},
    {SAMPLE(GET "X: y\nTransfer-Encoding: chunked\r\n\r\n"), WRONG_END},
    {SAMPLE(GET "\n"), "an empty field name"},
    {SAMPLE(GET "\r\r\n"), WRONG_END},
    /* names */
    {SAMPLE(GET ": x\r\n\r\n"), "an empty field name"},
    {SAMPLE(GET "Content-Length : 5\r\n\r\n"), WRONG_SPACE},
    {SAMPLE(GET "Content-Length\t: 5\r\n\r\n"), WRONG_SPACE},
    {SAMPLE(GET "X Y: 5\r\n\r\n"), WRONG_SPACE},
    {SAMPLE(GET "Transfer-Encoding\x0b: chunked\r\n\r\n"), WRONG_NAME},
    {SAMPLE(GET "X\0: y\r\n\r\n"), WRONG_NAME},
    {SAMPLE(GET "X\r\nY: z\r\n\r\n"), WRONG_NAME},
    {SAMPLE(GET "\"X\": y\r\n\r\n"), "an empty field name"},
    {SAMPLE(GET "X\xa0: y\r\n\r\n"), WRONG_NAME},
    /* folding */
    {SAMPLE(GET "X: y\r\n z\r\n\r\n"), FOLDED},
    {SAMPLE(GET "X: y\r\n\tz: w\r\n\r\n"), FOLDED},
    {SAMPLE("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), FOLDED},
    {SAMPLE(GET "Transfer-Encoding:\r\n chunked\r\n\r\n"), FOLDED},
    /* values */
    {SAMPLE(GET "X: \0\r\n\r\n"), WRONG_VALUE},
    {SAMPLE(GET "X: a\x0b\r\n\r\n"), WRONG_VALUE},
    {SAMPLE(GET "X: a\x7f\r\n\r\n"), WRONG_VALUE},
    {SAMPLE(GET "Transfer-Encoding: \x0c chunked\r\n\r\n"), WRONG_VALUE},
    /* Host */
    {SAMPLE("GET / HTTP/1.1\r\n\r\n"), "no Host field"},
    {SAMPLE("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), WRONG_SPACE},
    {SAMPLE("GET / HTTP/1.1\r\nXHost: a\r\n\r\n"), "no Host field"},
    {SAMPLE(GET "Host: b\r\n\r\n"), "more than one Host field"},
    {SAMPLE(GET "hOsT: a\r\n\r\n"), "more than one Host field"},
    {SAMPLE("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), "more than one Host field"},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a#\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.0\r\nHost: a\\b\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: :80\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a:b:c\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: []\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: [\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: [g::1]\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a]:[b\r\n\r\n"), WRONG_HOST},
    {SAMPLE("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n"), WRONG_HOST},
};

static const struct wrong wrong_responses[] = {
    {SAMPLE(""), "no HTTP version"},
    {SAMPLE("hello, this is not HTTP\r\n\r\n"), "no HTTP version"},
    {SAMPLE("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "no HTTP version"},
    {SAMPLE("\x15\x03\x01\x00\x02\x02\x50\r\n\r\n"), "no HTTP version"},
    {SAMPLE("http/1.1 200 OK\r\n\r\n"), "no HTTP version"},
    {SAMPLE("\r\nHTTP/1.1 200 OK\r\n\r\n"), "no HTTP version"},
    {SAMPLE("HTTP/2 200 OK\r\n\r\n"), "no HTTP version"},
    {SAMPLE("HTTP/1.1\r\n\r\n"), "no status code"},
    {SAMPLE("HTTP/1.1  200 OK\r\n\r\n"), "a status code that is not three digits"},
    {SAMPLE("HTTP/1.1 20 OK\r\n\r\n"), "a status code that is not three digits"},
    {SAMPLE("HTTP/1.1 +20 OK\r\n\r\n"), "a status code that is not three digits"},
    {SAMPLE("HTTP/1.1 2x0 OK\r\n\r\n"), "a status code that is not three digits"},
    {SAMPLE("HTTP/1.1 099 OK\r\n\r\n"), "a status code below 100"},
    {SAMPLE("HTTP/1.1 000 OK\r\n\r\n"), "a status code below 100"},
    {SAMPLE("HTTP/1.1 2000 OK\r\n\r\n"), "a status line that does not end in CRLF"},
    {SAMPLE("HTTP/1.1 200OK\r\n\r\n"), "a status line that does not end in CRLF"},
    {SAMPLE("HTTP/1.1 200 OK\n\n"), "a status line that does not end in CRLF"},
    {SAMPLE("HTTP/1.1 200 O\0K\r\n\r\n"), "a status line that does not end in CRLF"},
    {SAMPLE("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), FOLDED},
    {SAMPLE("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"), WRONG_SPACE},
    {SAMPLE("HTTP/1.1 200 OK\r\nA: b\n\r\n"), WRONG_END},
};

static void assert_refused(sample_parser *parse, const struct wrong *wrong)
{
    const char *problem = sample_problem(parse, wrong->bytes, wrong->length);
    if (!problem || strcmp(problem, wrong->problem) != 0)
        print_error("%.*s\n", (int)wrong->length, wrong->bytes);
    assert_non_null(problem);
    assert_string_equal(problem, wrong->problem);
}

static void refuses_wrong_requests(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong_requests); i++)
        assert_refused(http_parse_request, &wrong_requests[i]);
}

static void refuses_wrong_responses(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong_responses); i++)
        assert_refused(http_parse_response, &wrong_responses[i]);
}

/* RFC 9110 5.6.2, written another way than in the parser. */
static bool is_token_byte(int byte)
{
    return byte > ' ' && byte < 127 && !strchr("\"(),/:;<=>?@[\\]{}", byte);
}

static bool is_value_byte(int byte)
{
    return byte == '\t' || (byte >= ' ' && byte != 127);
}

static bool is_target_byte(int byte)
{
    return byte > ' ' && byte < 127;
}

static bool takes_byte(const char *before, int byte, const char *after)
{
    char text[128];
    int length = snprintf(text, sizeof(text), "%s*%s", before, after);
    text[strlen(before)] = (char)byte;
    return !sample_problem(http_parse_request, text, (size_t)length);
}

static void knows_each_byte_and_where_it_may_stand(void **state)
{
    for (int byte = 0; byte < 256; byte++) {
        assert_int_equal(takes_byte("G", byte, "T / HTTP/1.1\r\nHost: a\r\n\r\n"),
                         is_token_byte(byte));
        assert_int_equal(takes_byte("GET /", byte, " HTTP/1.1\r\nHost: a\r\n\r\n"),
                         is_target_byte(byte));
        assert_int_equal(takes_byte(GET "X", byte, "Y: z\r\n\r\n"),
                         is_token_byte(byte) || byte == ':');
        assert_int_equal(takes_byte(GET "X: y", byte, "z\r\n\r\n"), is_value_byte(byte));
        assert_int_equal(takes_byte("GET / HTTP/1.1\r\nHost: a", byte, "b\r\n\r\n"),
                         is_target_byte(byte) && !strchr("\"#,/:<>?@[\\]^`{|}", byte));
    }
}

/* Values are read several bytes at a time: each byte at each place, between short and long
 * neighbours, one of which is a tab. */
static void knows_each_byte_wherever_it_stands(void **state)
{
    static const char filler[] = "ab\xffgh\tijklmnopqrstuvw";
    for (size_t ahead = 0; ahead < sizeof(filler); ahead++)
        for (size_t behind = 0; behind < sizeof(filler); behind++)
            for (int byte = 0; byte < 256; byte++) {
                char before[64], after[64];
                snprintf(before, sizeof(before), GET "X: y%.*s", (int)ahead, filler);
                snprintf(after, sizeof(after), "%.*sz\r\n\r\n", (int)behind, filler);
                assert_int_equal(takes_byte(before, byte, after), is_value_byte(byte));
            }
}

static size_t request_with_fields(char *out, size_t size, int count)
{
    int length = snprintf(out, size, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 1; i < count; i++)
        length += snprintf(out + length, size - (size_t)length, "X-%d: %d\r\n", i, i);
    length += snprintf(out + length, size - (size_t)length, "\r\n");
    return (size_t)length;
}

static void bounds_the_number_of_fields(void **state)
{
    char text[8192];
    size_t length = request_with_fields(text, sizeof(text), HTTP_MAX_FIELDS);
    assert_null(sample_problem(http_parse_request, text, length));
    length = request_with_fields(text, sizeof(text), HTTP_MAX_FIELDS + 1);
    assert_string_equal(sample_problem(http_parse_request, text, length), "too many fields");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_parts_of_a_request),
        cmocka_unit_test(keeps_the_parts_of_a_response),
        cmocka_unit_test(forgets_the_head_before),
        cmocka_unit_test(takes_right_heads_and_no_part_of_them),
        cmocka_unit_test(refuses_wrong_requests),
        cmocka_unit_test(refuses_wrong_responses),
        cmocka_unit_test(knows_each_byte_and_where_it_may_stand),
        cmocka_unit_test(knows_each_byte_wherever_it_stands),
        cmocka_unit_test(bounds_the_number_of_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
