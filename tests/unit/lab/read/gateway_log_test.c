/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lab/read/gateway_log.h"
#include "lib/base/result.h"

#define TRACE "00-d7b6bf500ec9c01f0000000000000021-0000000000000021-01"

/* The last of the lines has to be about a request. */
static struct gateway_log_entry read_last(enum gateway_log_format format, const char *const *lines,
                                          size_t count)
{
    struct gateway_log_reader *reader = gateway_log_reader_new(format, true);
    struct gateway_log_entry entry = {.status = -1};
    bool last = false;
    for (size_t i = 0; i < count; i++)
        last = gateway_log_take(reader, lines[i], strlen(lines[i]), &entry);
    assert_true(last);
    gateway_log_reader_free(&reader);
    return entry;
}

static void assert_causes(const struct gateway_causes *causes, const char *expected)
{
    char text[200];
    assert_string_equal(gateway_causes_text(causes, text, sizeof(text)), expected);
}

static void nginx_says_it_in_its_error_log(void **state)
{
    static const char *const lines[] = {
        "2026/11/23 22:00:11 [error] 1384#1384: *2 connect() failed (111: Connection refused) "
        "while "
        "connecting to upstream, client: 127.0.0.1, server: , request: \"GET /orders HTTP/1.1\"",
        "2026/11/23 22:00:11 [warn] 1384#1384: *2 upstream server temporarily disabled while "
        "connecting to upstream, client: 127.0.0.1, server: , request: \"GET /orders HTTP/1.1\"",
        "2026/11/23 22:00:11 [error] 1384#1384: *2 no live upstreams while connecting to upstream, "
        "client: 127.0.0.1, server: , request: \"GET /orders HTTP/1.1\"",
        "tailgate trace=\"" TRACE "\" status=502 seconds=0.014 upstream=\"127.0.0.1:46111, "
        "127.0.0.1:41293, orders\" upstream_status=\"502, 502, 502\" connection=2",
    };
    struct gateway_log_entry entry = read_last(GATEWAY_LOG_NGINX, lines, ARRAY_LEN(lines));
    assert_true(entry.has_trace);
    assert_int_equal(entry.trace_id[0], 0xd7);
    assert_int_equal(entry.status, 502);
    assert_int_equal(entry.total_ns, 14000000);
    assert_int_equal(entry.tries, 2);
    assert_string_equal(entry.reason,
                        "connect() failed (111: Connection refused) while connecting to upstream");
    assert_causes(&entry.causes, "connect_refused");
}

static void a_message_belongs_to_one_request(void **state)
{
    static const char *const lines[] = {
        "2026/11/23 22:00:11 [error] 1#1: *7 upstream timed out (110: Connection timed out) while "
        "connecting to upstream, client: 127.0.0.1, server: ",
        "tailgate trace=- status=200 upstream=\"a:1, b:2\" upstream_status=\"504, 200\" "
        "connection=7",
        "tailgate trace=- status=503 upstream=\"b:2\" upstream_status=\"503\" connection=7",
    };
    struct gateway_log_entry entry = read_last(GATEWAY_LOG_NGINX, lines, 2);
    assert_causes(&entry.causes, "none"); /* its second try was answered */
    assert_int_equal(entry.tries, 2);
    assert_false(entry.has_trace);
    entry = read_last(GATEWAY_LOG_NGINX, lines, 3);
    assert_causes(&entry.causes, "upstream_status");
    assert_string_equal(entry.reason, "");
}

static void assert_nginx(const char *message, int status, const char *expected)
{
    struct gateway_causes causes = gateway_cause_nginx(message, status, 0);
    assert_causes(&causes, expected);
}

static void nginx_messages_are_told_apart(void **state)
{
    assert_nginx(
        "upstream timed out (110: Connection timed out) while reading response header from "
        "upstream",
        504, "response_timeout");
    assert_nginx(
        "upstream prematurely closed connection while reading response header from upstream", 502,
        "closed_before_response or reused_closed");
    assert_nginx("recv() failed (104: Connection reset by peer) while reading response header from "
                 "upstream",
                 502, "reset_before_response or reused_closed");
    assert_nginx("upstream prematurely closed connection while reading upstream", 200,
                 "body_truncated");
    assert_nginx("upstream timed out (110: Connection timed out) while reading upstream", 200,
                 "body_timeout");
    assert_nginx(
        "upstream sent invalid header: \"this\\x20...\" while reading response header from "
        "upstream",
        502, "response_malformed");
    assert_nginx("upstream sent too big header while reading response header from upstream", 502,
                 "response_head_too_large");
    assert_nginx("no live upstreams while connecting to upstream", 502, "no_endpoint");
    assert_nginx("", 499, "client_abort");
    assert_nginx("something new", 502, "unknown");
    assert_nginx("", 200, "none");
}

static void assert_haproxy(const char *state, int status, bool server, const char *expected)
{
    struct gateway_causes causes = gateway_cause_haproxy(state, status, server);
    assert_causes(&causes, expected);
}

static void haproxy_says_it_in_two_letters(void **state)
{
    static const char *const line[] = {
        "tailgate trace=\"" TRACE "\" status=503 ms=3 state=SC-- retries=+1 upstream=orders-0"};
    struct gateway_log_entry entry = read_last(GATEWAY_LOG_HAPROXY, line, 1);
    assert_int_equal(entry.tries, 2);
    assert_int_equal(entry.total_ns, 3000000);
    assert_string_equal(entry.reason, "SC--");
    assert_haproxy("SC", 503, true, "connect_refused or connect_failed or tls_failed");
    assert_haproxy("SC", 503, false, "no_endpoint");
    assert_haproxy("sC", 503, true, "connect_timeout");
    assert_haproxy("sH", 504, true, "response_timeout");
    assert_haproxy("SH", 502, true,
                   "closed_before_response or reset_before_response or reused_closed");
    assert_haproxy("PH", 502, true, "response_malformed or response_head_too_large");
    assert_haproxy("SD", 200, true, "body_truncated");
    assert_haproxy("sD", 200, true, "body_timeout");
    assert_haproxy("sQ", 503, false, "queue_timeout");
    assert_haproxy("CD", 200, true, "client_abort");
    assert_haproxy("CH", 504, true, "client_abort");
    assert_haproxy("CC", 503, true, "client_abort");
    assert_haproxy("cH--", 504, true, "client_abort");
    assert_haproxy("PR", 429, false, "rate_limited");
    assert_haproxy("PR", 503, false, "unknown");
    assert_haproxy("--", 503, true, "upstream_status");
    assert_haproxy("--", 200, true, "none");
    assert_haproxy("??", 502, true, "unknown");
}

static void assert_envoy(const char *flags, const char *details, int status, const char *expected)
{
    struct gateway_causes causes = gateway_cause_envoy(flags, details, status);
    assert_causes(&causes, expected);
}

static void envoy_says_it_in_flags(void **state)
{
    static const char *const line[] = {"tailgate trace=\"" TRACE "\" status=503 ms=1 tries=2 "
                                       "upstream=\"127.0.0.1:1\" flags=UF,URX details=\"x\""};
    struct gateway_log_entry entry = read_last(GATEWAY_LOG_ENVOY, line, 1);
    assert_int_equal(entry.tries, 2);
    assert_string_equal(entry.reason, "UF,URX x");
    assert_envoy("UF",
                 "upstream_reset_before_response_started{remote_connection_failure|"
                 "delayed_connect_error:_111}",
                 503, "connect_refused");
    assert_envoy("UF", "upstream_reset_before_response_started{connection_timeout}", 503,
                 "connect_timeout");
    assert_envoy("UT", "response_timeout", 504, "response_timeout");
    assert_envoy("UC", "", 503, "closed_before_response or reset_before_response or reused_closed");
    assert_envoy("UC", "", 200, "body_truncated");
    assert_envoy("UH", "no_healthy_upstream", 503, "no_endpoint");
    assert_envoy("DC", "downstream_remote_disconnect", 0, "client_abort");
    assert_envoy("DC", "downstream_remote_disconnect", 200, "client_abort");
    assert_envoy("-", "via_upstream", 503, "upstream_status");
    assert_envoy("-", "via_upstream", 200, "none");
}

static void without_used_connections_there_is_no_race(void **state)
{
    static const char line[] = "tailgate status=502 state=SH";
    struct gateway_log_reader *reader = gateway_log_reader_new(GATEWAY_LOG_HAPROXY, false);
    struct gateway_log_entry entry;
    assert_true(gateway_log_take(reader, line, sizeof(line) - 1, &entry));
    assert_causes(&entry.causes, "closed_before_response or reset_before_response");
    gateway_log_reader_free(&reader);
}

static void what_is_not_understood_is_counted_and_shown(void **state)
{
    static const char *const lines[] = {
        "tailgate status=200 trace=" TRACE,         /* right */
        "tailgate trace=" TRACE,                    /* no status */
        "tailgate status=abc",                      /* no number */
        "tailgate status=200 trace=zz",             /* no traceparent */
        "tailgate status=200 trace=\"" TRACE,       /* does not end */
        "tailgate status=200 trace=\"" TRACE "\"x", /* goes on behind its end */
        "tailgate status=200 Weird=1",              /* no key */
        "tailgate status=200 other=1",              /* no key of ours */
        "tailgate status=nan",
        "tailgate status=1e3",
        "tailgate status=200 tries=99999999999",
        "tailgate status=200 upstream=\"\\q\"", /* no escape */
        "[NOTICE] something else",
        "",
    };
    struct gateway_log_reader *reader = gateway_log_reader_new(GATEWAY_LOG_NGINX, true);
    struct gateway_log_entry entry;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_int_equal(gateway_log_take(reader, lines[i], strlen(lines[i]), &entry), i == 0);
    assert_int_equal(reader->lines, ARRAY_LEN(lines));
    assert_int_equal(reader->requests, 1);
    assert_int_equal(reader->untraced, 0);
    assert_int_equal(reader->not_understood, 11);
    assert_int_equal(reader->others, 2);
    assert_string_equal(reader->example, lines[1]);
    gateway_log_reader_free(&reader);
}

/* Also lines that end anywhere. */
static void no_part_of_a_line_does_harm(void **state)
{
    static const char line[] =
        "tailgate trace=\"" TRACE "\" status=502 upstream=\"a\\x22b\\\\, c:1\" connection=9";
    struct gateway_log_entry entry;
    for (size_t length = 0; length < sizeof(line); length++) {
        struct gateway_log_reader *reader = gateway_log_reader_new(GATEWAY_LOG_NGINX, true);
        char *copy = test_malloc(length + 1);
        memcpy(copy, line, length);
        bool taken = gateway_log_take(reader, copy, length, &entry);
        assert_true(!taken || entry.status != 200);
        test_free(copy);
        gateway_log_reader_free(&reader);
    }
    const char *const whole[] = {line};
    entry = read_last(GATEWAY_LOG_NGINX, whole, 1);
    assert_string_equal(entry.upstream, "a\"b\\, c:1");
    assert_int_equal(entry.tries, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nginx_says_it_in_its_error_log),
        cmocka_unit_test(a_message_belongs_to_one_request),
        cmocka_unit_test(nginx_messages_are_told_apart),
        cmocka_unit_test(haproxy_says_it_in_two_letters),
        cmocka_unit_test(envoy_says_it_in_flags),
        cmocka_unit_test(without_used_connections_there_is_no_race),
        cmocka_unit_test(what_is_not_understood_is_counted_and_shown),
        cmocka_unit_test(no_part_of_a_line_does_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
