/* SPDX-License-Identifier: MIT */
/* Where heads end, and the questions asked of a parsed one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "lib/base/result.h"
#include "lib/http/head.h"
#include "lib/http/status.h"
#include "tests/unit/http/sample.h"

struct ending {
    const char *bytes;
    size_t length;
    size_t end; /* 0 = not there yet */
};

static const struct ending endings[] = {
    {SAMPLE(""), 0},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a\r\n"), 0},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a\r\n\r"), 0},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 27},
    {SAMPLE("GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n"), 27},
    {SAMPLE("a\n\nb"), 3},
    {SAMPLE("a\n\r\nb"), 4},
    {SAMPLE("a\r\n\nb"), 4},
    {SAMPLE("a\r\n\r\r\n\nb"), 7},
    {SAMPLE("a\r\n\rb\r\n\r\n"), 9},
    {SAMPLE("\r\n\r\n"), 4},
    {SAMPLE("\r\n\r\n\r\n"), 4},
    {SAMPLE("\n\n"), 2},
    {SAMPLE("\na\n\n"), 4},
    {SAMPLE("a\r\r\r\r"), 0},
    {SAMPLE("\0\n\0\n\r\0\n\r\n"), 9},
};

static void assert_end(const struct ending *ending, size_t first, size_t step)
{
    size_t scanned = 0, end = 0, seen = first;
    for (;; seen += step) {
        seen = seen < ending->length ? seen : ending->length;
        char *copy = sample_copy(ending->bytes, seen);
        end = http_head_end(copy, seen, &scanned);
        free(copy);
        if (end || seen == ending->length)
            break;
        assert_true(scanned <= seen);
    }
    assert_int_equal(end, ending->end);
}

static void finds_the_same_end_however_the_head_arrives(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        assert_end(&endings[i], endings[i].length, 1);
        for (size_t split = 0; split < endings[i].length; split++) {
            assert_end(&endings[i], split, endings[i].length);
            assert_end(&endings[i], split, 1);
            assert_end(&endings[i], split, 2);
        }
    }
}

/* A head that comes byte by byte must not be searched from its start each time. */
static void remembers_how_far_it_looked(void **state)
{
    char text[5000];
    size_t scanned = 0;
    memset(text, 'x', sizeof(text));
    for (size_t n = 1; n <= sizeof(text); n++) {
        assert_int_equal(http_head_end(text, n, &scanned), 0);
        assert_true(scanned + 2 >= n);
    }
}

static struct http_head head;

static void parse(const char *text)
{
    assert_null(http_parse_request(&head, text, strlen(text)));
}

/* A request of that version with those fields. */
static void parse_fields(const char *version, const char *fields)
{
    static char text[2048];
    snprintf(text, sizeof(text), "GET / %s\r\nHost: a\r\n%s\r\n", version, fields);
    parse(text);
}

#define ONE_ONE  "HTTP/1.1"
#define ONE_ZERO "HTTP/1.0"

static void knows_its_fields_in_any_case_and_no_other(void **state)
{
#define NAME_OF(id, name) {HTTP_FIELD_##id, name},
    static const struct {
        enum http_field_id id;
        const char *name;
    } known[] = {HTTP_FIELDS(NAME_OF)};
#undef NAME_OF
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        char fields[256], upper[64] = "";
        for (size_t c = 0; known[i].name[c]; c++)
            upper[c] = (char)(known[i].name[c] & (known[i].name[c] == '-' ? 0x7f : ~0x20));
        snprintf(fields, sizeof(fields), "%sx: 1\r\n%.*s: 1\r\n-%s: 1\r\n", upper,
                 (int)strlen(upper) - 1, upper, upper);
        parse_fields(ONE_ONE, fields);
        assert_int_equal(head.present & ~(1u << HTTP_FIELD_HOST), 1u << HTTP_FIELD_OTHER);
        if (known[i].id == HTTP_FIELD_HOST)
            continue;
        snprintf(fields, sizeof(fields), "%s: 1\r\n", upper);
        parse_fields(ONE_ONE, fields);
        assert_true(http_has(&head, known[i].id));
        assert_ptr_equal(http_field(&head, known[i].id), &head.fields[1]);
    }
}

static void finds_the_first_field_of_a_name(void **state)
{
    parse_fields(ONE_ONE, "X-A: 1\r\nTE: 2\r\nx-a: 3\r\nte: 4\r\n");
    assert_ptr_equal(http_field_named(&head, "x-a"), &head.fields[1]);
    assert_ptr_equal(http_field_named(&head, "te"), &head.fields[2]);
    assert_ptr_equal(http_field(&head, HTTP_FIELD_TE), &head.fields[2]);
    assert_null(http_field_named(&head, "x"));
    assert_null(http_field_named(&head, "x-ab"));
    assert_null(http_field(&head, HTTP_FIELD_EXPECT));
}

static void compares_spans(void **state)
{
    struct http_span span = {"Chunked!", 7};
    assert_true(http_span_is(span, "Chunked"));
    assert_false(http_span_is(span, "chunked"));
    assert_false(http_span_is(span, "Chunked!"));
    assert_false(http_span_is(span, "Chunke"));
    assert_true(http_span_is_nocase(span, "chunked"));
    assert_false(http_span_is_nocase(span, "chunk"));
    assert_false(http_span_is_nocase(span, "chunked!"));
    assert_true(http_span_is((struct http_span){"", 0}, ""));
}

static void walks_a_list_over_all_its_fields(void **state)
{
    static const char *const expected[] = {"a", "b c", "d", "e"};
    size_t count = 0;
    int field = 0;
    uint32_t offset = 0;
    struct http_span element;
    parse_fields(ONE_ONE, "Connection: ,, a ,\t b c\t,\r\nTE: no\r\nconnection:\r\n"
                          "CONNECTION: d\r\nConnection: ,\r\nConnection: ,e,,\r\n");
    while (http_list_next(&head, HTTP_FIELD_CONNECTION, &field, &offset, &element)) {
        assert_true(count < ARRAY_LEN(expected));
        assert_true(http_span_is(element, expected[count++]));
    }
    assert_int_equal(count, ARRAY_LEN(expected));
    field = 0;
    offset = 0;
    assert_false(http_list_next(&head, HTTP_FIELD_UPGRADE, &field, &offset, &element));
}

static void finds_connection_options(void **state)
{
    parse_fields(ONE_ONE, "Connection: keep-alive, X-Close\r\nConnection: UPGRADE\r\n");
    assert_int_equal(head.options,
                     HTTP_OPTION_KEEP_ALIVE | HTTP_OPTION_UPGRADE | HTTP_OPTION_OTHER);
    parse_fields(ONE_ONE, "Connection: keep\r\nX: close\r\nConnection: , closed\r\n");
    assert_int_equal(head.options, HTTP_OPTION_OTHER);
    parse_fields(ONE_ONE, "Connection: ,Close\r\n");
    assert_int_equal(head.options, HTTP_OPTION_CLOSE);
    parse_fields(ONE_ONE, "Keep-Alive: close\r\n");
    assert_int_equal(head.options, 0);
}

static void knows_whether_the_connection_stays_open(void **state)
{
    static const struct {
        const char *version, *fields;
        bool kept;
    } cases[] = {
        {ONE_ONE, "", true},
        {ONE_ONE, "Connection: close\r\n", false},
        {ONE_ONE, "Connection: x, CLOSE\r\n", false},
        {ONE_ONE, "Connection: keep-alive\r\nConnection: close\r\n", false},
        {ONE_ONE, "Connection: closed\r\n", true},
        {ONE_ONE, "Proxy-Connection: close\r\n", true},
        {ONE_ZERO, "", false},
        {ONE_ZERO, "Connection: Keep-Alive\r\n", true},
        {ONE_ZERO, "Connection: keep-alive, close\r\n", false},
        {ONE_ZERO, "Keep-Alive: timeout=5\r\n", false},
        {ONE_ZERO, "Proxy-Connection: keep-alive\r\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        parse_fields(cases[i].version, cases[i].fields);
        assert_int_equal(http_keeps_alive(&head), cases[i].kept);
    }
}

/* 1 for each field that belongs to one hop, 0 for the others, in their order behind Host. */
static void assert_hops(const char *fields, const char *expected)
{
    parse_fields(ONE_ONE, fields);
    assert_int_equal(head.field_count, 1 + strlen(expected));
    assert_false(http_is_hop_by_hop(&head, &head.fields[0]));
    for (int i = 1; i < head.field_count; i++)
        assert_int_equal(http_is_hop_by_hop(&head, &head.fields[i]), expected[i - 1] == '1');
}

static void knows_what_belongs_to_one_hop(void **state)
{
    assert_hops("Connection: x\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\n"
                "Upgrade: h2c\r\n",
                "11111");
    assert_hops("Transfer-Encoding: chunked\r\nTrailer: x\r\nX-Keep-Alive: x\r\nCookie: a\r\n",
                "0000");
    assert_hops("X-Hop: 1\r\nX-Hope: 2\r\nx-hOP: 3\r\nConnection: close, x-HOP\r\nX-Ho: 4\r\n",
                "10110");
    assert_hops("Connection: a\r\nA: 1\r\nB: 1\r\nConnection: b\r\n", "1111");
    assert_hops("Connection: close\r\nClose: 1\r\nClosed: 1\r\n", "110");
    assert_hops("Connection: keep-alive\r\nClose: 1\r\n", "10");
}

/* Who could strip these could change where the message goes or ends for the next hop. */
static void lets_no_connection_field_strip_framing_or_host(void **state)
{
    assert_hops("Connection: host, content-length\r\nContent-Length: 5\r\n", "10");
    assert_hops("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", "10");
}

static void knows_idempotent_methods(void **state)
{
    static const char *const safe[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    static const char *const unsafe[] = {"POST", "PATCH", "CONNECT", "get", "GETS", "GE", ""};
    for (size_t i = 0; i < ARRAY_LEN(safe); i++)
        assert_true(
            http_method_is_idempotent((struct http_span){safe[i], (uint32_t)strlen(safe[i])}));
    for (size_t i = 0; i < ARRAY_LEN(unsafe); i++)
        assert_false(
            http_method_is_idempotent((struct http_span){unsafe[i], (uint32_t)strlen(unsafe[i])}));
}

static void names_the_statuses_it_sends(void **state)
{
    static const int sent[] = {400, 404, 408, 429, 431, 502, 503, 504};
    for (size_t i = 0; i < ARRAY_LEN(sent); i++)
        assert_string_not_equal(http_reason(sent[i]), "Unknown");
    assert_string_equal(http_reason(504), "Gateway Timeout");
    assert_string_equal(http_reason(799), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_same_end_however_the_head_arrives),
        cmocka_unit_test(remembers_how_far_it_looked),
        cmocka_unit_test(knows_its_fields_in_any_case_and_no_other),
        cmocka_unit_test(finds_the_first_field_of_a_name),
        cmocka_unit_test(compares_spans),
        cmocka_unit_test(walks_a_list_over_all_its_fields),
        cmocka_unit_test(finds_connection_options),
        cmocka_unit_test(knows_whether_the_connection_stays_open),
        cmocka_unit_test(knows_what_belongs_to_one_hop),
        cmocka_unit_test(lets_no_connection_field_strip_framing_or_host),
        cmocka_unit_test(knows_idempotent_methods),
        cmocka_unit_test(names_the_statuses_it_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
