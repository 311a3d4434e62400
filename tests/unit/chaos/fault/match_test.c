/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "chaos/fault/draw.h"
#include "chaos/fault/fault.h"
#include "lib/http/target.h"

static struct fault *make(const char *match, struct error *error)
{
    char json[1024];
    struct fault *fault = NULL;
    snprintf(json, sizeof(json), "{\"kind\":\"abort\",\"match\":%s}", match);
    cJSON *item = cJSON_Parse(json);
    assert_non_null(item);
    (void)!fault_make(&fault, item, "test", error);
    cJSON_Delete(item);
    return fault;
}

static void parse(struct http_head *head, const char *bytes)
{
    const char *problem = http_parse_request(head, bytes, strlen(bytes));
    if (!problem)
        problem = http_resolve_target(head);
    if (problem)
        fail_msg("%s: %s", bytes, problem);
}

static bool matches(const char *match, const char *request)
{
    struct error error = {""};
    struct http_head head;
    struct fault *fault = make(match, &error);
    if (!fault)
        fail_msg("%s: %s", match, error.text);
    parse(&head, request);
    bool result = fault_match_request(&fault->config.match, &head);
    fault_free(fault);
    return result;
}

static void refused(const char *match, const char *why)
{
    struct error error = {""};
    struct fault *fault = make(match, &error);
    if (fault)
        fail_msg("%s was accepted", match);
    if (!strstr(error.text, why) || strncmp(error.text, "test:1:", 7) != 0)
        fail_msg("%s: %s", match, error.text);
}

#define GET(target)  "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(target) "POST " target " HTTP/1.1\r\nHost: a\r\nX-Kind: slow-lane\r\n\r\n"

static void nothing_asked_matches_all(void **state)
{
    assert_true(matches("{}", GET("/")));
    assert_true(matches("{}", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"));
}

static void methods_are_exact(void **state)
{
    assert_true(matches("{\"methods\":[\"GET\",\"POST\"]}", POST("/a")));
    assert_false(matches("{\"methods\":[\"GET\"]}", POST("/a")));
    assert_false(matches("{\"methods\":[\"PO\"]}", POST("/a")));
}

static void paths_match_by_segments_and_without_queries(void **state)
{
    assert_true(matches("{\"path\":\"/orders\"}", GET("/orders")));
    assert_true(matches("{\"path\":\"/orders\"}", GET("/orders/7?x=1")));
    assert_true(matches("{\"path\":\"/orders\"}", GET("/orders?x=1")));
    assert_true(matches("{\"path\":\"/orders\"}", GET("http://b:80/orders/1")));
    assert_false(matches("{\"path\":\"/orders\"}", GET("/ordersx")));
    assert_false(matches("{\"path\":\"/orders\"}", GET("/")));
    assert_true(matches("{\"path\":\"/\"}", GET("/orders")));
    assert_true(matches("{\"path\":\"/\"}", GET("http://b?x")));
    assert_true(matches("{\"exact\":\"/orders\"}", GET("/orders?y")));
    assert_false(matches("{\"exact\":\"/orders\"}", GET("/orders/7")));
    assert_false(matches("{\"path\":\"/\"}", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"));
}

static void headers_match_by_value_prefix_or_presence(void **state)
{
    assert_true(matches("{\"headers\":{\"x-kind\":\"slow-lane\"}}", POST("/")));
    assert_false(matches("{\"headers\":{\"x-kind\":\"slow\"}}", POST("/")));
    assert_true(matches("{\"headers\":{\"X-KIND\":{\"prefix\":\"slow\"}}}", POST("/")));
    assert_true(matches("{\"headers\":{\"x-kind\":{}}}", POST("/")));
    assert_false(matches("{\"headers\":{\"x-kind\":{}}}", GET("/")));
    assert_true(matches("{\"headers\":{\"x-kind\":{\"present\":false}}}", GET("/")));
    assert_false(matches("{\"headers\":{\"x-kind\":{\"present\":false}}}", POST("/")));
    assert_false(matches("{\"headers\":{\"x-kind\":{},\"x-other\":{}}}", POST("/")));
}

static void routes_and_endpoints_are_asked_for_by_name(void **state)
{
    struct error error = {""};
    struct fault *fault = make("{\"route\":\"/api\",\"endpoint\":\"127.0.0.1:9001\"}", &error);
    const struct fault_match *match = &fault->config.match;
    assert_true(fault_match_asks_gateway(match));
    assert_true(fault_match_route(match, NULL, "/api"));
    assert_true(fault_match_route(match, "/api", "/other"));
    assert_false(fault_match_route(match, "api", "/"));
    assert_true(fault_match_endpoint(match, "127.0.0.1:9001"));
    assert_false(fault_match_endpoint(match, "127.0.0.1:9002"));
    fault_free(fault);
    fault = make("{\"path\":\"/\"}", &error);
    assert_false(fault_match_asks_gateway(&fault->config.match));
    assert_true(fault_match_asks_request(&fault->config.match));
    assert_true(fault_match_route(&fault->config.match, NULL, "/"));
    assert_true(fault_match_endpoint(&fault->config.match, "a:1"));
    fault_free(fault);
}

static void impossible_questions_are_refused(void **state)
{
    refused("{\"path\":\"orders\"}", "must begin with \"/\"");
    refused("{\"exact\":\"orders\"}", "must begin with \"/\"");
    refused("{\"path\":\"/a\",\"exact\":\"/a\"}", "exclude one another");
    refused("{\"methods\":[]}", "empty");
    refused("{\"methods\":[\"G T\"]}", "no method");
    refused("{\"headers\":{\"a b\":\"c\"}}", "no name of a field");
    refused("{\"headers\":{\"a\":{\"exact\":\"b\",\"prefix\":\"b\"}}}", "by one of");
    refused("{\"headers\":{\"a\":{\"exact\":\"b\",\"present\":false}}}", "by one of");
    refused("{\"mehtods\":[\"GET\"]}", "methods");
}

#define PARENT "4bf92f3577b34da6a3ce929d0e0e4736"

static uint64_t key_of(const char *fields, uint64_t number)
{
    char text[512];
    struct http_head head;
    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    parse(&head, text);
    return draw_key(&head, number);
}

static void requests_of_a_trace_have_its_key(void **state)
{
    const char *first = "traceparent: 00-" PARENT "-00f067aa0ba902b7-01\r\n";
    const char *other_span = "traceparent: 00-" PARENT "-00f067aa0ba902b8-00\r\n";
    const char *other = "traceparent: 00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    assert_true(key_of(first, 1) == key_of(first, 2));
    assert_true(key_of(first, 1) == key_of(other_span, 7));
    assert_true(key_of(first, 1) != key_of(other, 1));
}

static void requests_without_a_trace_have_their_number(void **state)
{
    assert_int_equal(key_of("", 7), 7);
    assert_int_equal(key_of("traceparent: 00-" PARENT "\r\n", 8), 8);
    assert_int_equal(key_of("traceparent: 00-" PARENT "-00f067aa0ba902b7-01\r\n"
                            "traceparent: 00-" PARENT "-00f067aa0ba902b7-01\r\n",
                            9),
                     9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_asked_matches_all),
        cmocka_unit_test(methods_are_exact),
        cmocka_unit_test(paths_match_by_segments_and_without_queries),
        cmocka_unit_test(headers_match_by_value_prefix_or_presence),
        cmocka_unit_test(routes_and_endpoints_are_asked_for_by_name),
        cmocka_unit_test(impossible_questions_are_refused),
        cmocka_unit_test(requests_of_a_trace_have_its_key),
        cmocka_unit_test(requests_without_a_trace_have_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
