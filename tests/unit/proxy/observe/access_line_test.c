/* SPDX-License-Identifier: MIT */
/* Lines of the access log, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/record/cause.h"
#include "proxy/observe/access_line.h"

static const char request[] = "GET /a?b=\"c HTTP/1.1\r\nHost: shop.example.com\r\n"
                              "User-Agent: say \"hi\" \\ #1\r\nReferer: http://r/\r\n"
                              "X-Forwarded-For: 10.0.0.1\r\n\r\n";

/* 2009-02-06T11:14:14.655Z */
static const wall started = {INT64_C(1233918854655) * NS_PER_MS};

static const struct request_record answered = {
    .client = {IP_V4(10, 0, 1, 2), 33317, IP_PEER_IP},
    .trace_id = {{0xab, 1}},
    .method = "GET",
    .status = 200,
    .attempts = 1,
    .read = 10 * NS_PER_MS,
    .queue = 0,
    .connect = 30 * NS_PER_MS,
    .tls = -1,
    .send = NS_PER_MS,
    .wait = 68 * NS_PER_MS,
    .receive = 5 * NS_PER_MS,
    .total = 1109 * NS_PER_MS,
    .bytes_in = 120,
    .bytes_out = 2750,
};

static struct access_entry entry_of(const struct request_record *record)
{
    return (struct access_entry){.record = record,
                                 .started = started,
                                 .gateway = "gw",
                                 .upstream = "static",
                                 .endpoint = "10.0.0.9:80",
                                 .body_in = 20,
                                 .body_out = 2700,
                                 .connected = true,
                                 .clients = 3,
                                 .exchanges = 2,
                                 .endpoint_connections = 1,
                                 .queued_behind = 4};
}

static void expect(enum access_format format, struct access_entry entry, const char *head_text,
                   const char *expected)
{
    struct access_texts texts;
    struct access_clock clock = {0};
    struct http_head head;
    struct buf out = {0};
    if (head_text) {
        assert_null(http_parse_request(&head, head_text, strlen(head_text)));
        access_texts_keep(&texts, format, &head);
        entry.texts = &texts;
    }
    access_line_append(&out, format, &entry, &clock);
    buf_append(&out, "", 1);
    assert_string_equal(buf_head(&out), expected);
    buf_free(&out);
}

static void test_httplog(void **state)
{
    expect(ACCESS_HTTPLOG, entry_of(&answered), request,
           "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] gw static/10.0.0.9:80 10/0/30/69/1109 200 "
           "2750 - - ---- 3/3/2/1/0 0/4 \"GET /a?b=#22c HTTP/1.1\"\n");
}

static void test_httplog_of_failures(void **state)
{
    struct request_record record = answered;
    record.status = 503;
    record.cause = CAUSE_QUEUE_TIMEOUT;
    record.queue = 50 * NS_PER_MS;
    record.attempts = 0;
    record.connect = record.send = record.wait = record.receive = -1;
    struct access_entry entry = entry_of(&record);
    entry.endpoint = NULL;
    entry.connected = false;
    expect(ACCESS_HTTPLOG, entry, "PUT / HTTP/1.0\r\n\r\n",
           "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] gw static/<NOSRV> 10/50/-1/-1/1109 503 2750 "
           "- - sQ-- 3/3/2/1/0 0/4 \"GET / HTTP/1.0\"\n");
    record.status = 400;
    record.cause = CAUSE_REQUEST_MALFORMED;
    entry.upstream = NULL;
    expect(ACCESS_HTTPLOG, entry, NULL,
           "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] gw gw/<NOSRV> 10/-1/-1/-1/1109 400 2750 "
           "- - PR-- 3/3/2/1/0 0/4 \"<BADREQ>\"\n");
}

static void test_httplog_of_reuse_retry_abort_and_own_answer(void **state)
{
    struct request_record record = answered;
    record.connect = -1;
    record.attempts = 3;
    record.status = 499;
    record.cause = CAUSE_CLIENT_ABORT;
    expect(ACCESS_HTTPLOG, entry_of(&record), "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
           "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] gw static/10.0.0.9:80 10/0/0/69/1109 -1 2750 "
           "- - CD-- 3/3/2/1/2 0/4 \"GET / HTTP/1.1\"\n");
    record.wait = record.receive = -1;
    expect(ACCESS_HTTPLOG, entry_of(&record), "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
           "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] gw static/10.0.0.9:80 10/0/0/-1/1109 -1 2750 "
           "- - CH-- 3/3/2/1/2 0/4 \"GET / HTTP/1.1\"\n");
    record = answered;
    record.attempts = 0;
    record.connect = record.send = record.wait = record.receive = -1;
    struct access_entry entry = entry_of(&record);
    entry.upstream = entry.endpoint = NULL;
    entry.connected = false;
    expect(ACCESS_HTTPLOG, entry, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
           "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] gw gw/<NOSRV> 10/-1/-1/-1/1109 200 2750 "
           "- - LR-- 3/3/2/1/0 0/4 \"GET / HTTP/1.1\"\n");
}

static void test_envoy(void **state)
{
    expect(ACCESS_ENVOY, entry_of(&answered), request,
           "[2009-02-06T11:14:14.655Z] \"GET /a?b=\\x22c HTTP/1.1\" 200 - 20 2700 1109 69 "
           "\"10.0.0.1\" \"say \\x22hi\\x22 \\x5C #1\" \"ab010000000000000000000000000000\" "
           "\"shop.example.com\" \"10.0.0.9:80\"\n");
}

static void test_envoy_of_failures(void **state)
{
    struct request_record record = answered;
    record.status = 504;
    record.cause = CAUSE_RESPONSE_TIMEOUT;
    record.wait = record.receive = -1;
    expect(ACCESS_ENVOY, entry_of(&record),
           "GET / HTTP/1.0\r\nX-Request-Id: r1\r\nUser-Agent:\r\n\r\n",
           "[2009-02-06T11:14:14.655Z] \"GET / HTTP/1.0\" 504 UT 20 2700 1109 - \"-\" \"-\" \"r1\" "
           "\"-\" \"10.0.0.9:80\"\n");
    record.status = 499;
    record.cause = CAUSE_CLIENT_ABORT;
    struct access_entry entry = entry_of(&record);
    entry.endpoint = NULL;
    expect(ACCESS_ENVOY, entry, NULL,
           "[2009-02-06T11:14:14.655Z] \"- - HTTP/1.1\" 0 DC 20 2700 1109 - \"-\" \"-\" \"-\" "
           "\"-\" \"-\"\n");
}

static void test_combined(void **state)
{
    expect(ACCESS_COMBINED, entry_of(&answered), request,
           "10.0.1.2 - - [06/Feb/2009:12:14:14 +0100] \"GET /a?b=\\x22c HTTP/1.1\" 200 2700 "
           "\"http://r/\" \"say \\x22hi\\x22 \\x5C #1\" rt=1.109 uct=\"0.030\" uht=\"0.099\" "
           "urt=\"0.104\"\n");
}

static void test_combined_of_failures(void **state)
{
    struct request_record record = answered;
    record.client = (struct ip_peer){.kind = IP_PEER_UNKNOWN};
    record.connect = record.send = record.wait = record.receive = -1;
    struct access_entry entry = entry_of(&record);
    entry.connected = false;
    expect(ACCESS_COMBINED, entry, NULL,
           "- - - [06/Feb/2009:12:14:14 +0100] \"-\" 200 2700 \"-\" \"-\" rt=1.109 uct=\"-\" "
           "uht=\"-\" urt=\"-\"\n");
}

static void test_long_texts_are_cut(void **state)
{
    struct access_texts texts;
    struct http_head head;
    char text[4096], target[2000];
    memset(target, 'x', sizeof(target));
    target[0] = '/';
    snprintf(text, sizeof(text), "GET %.*s HTTP/1.1\r\nHost: a\r\nUser-Agent: u\r\n\r\n",
             (int)sizeof(target), target);
    assert_null(http_parse_request(&head, text, strlen(text)));
    access_texts_keep(&texts, ACCESS_COMBINED, &head);
    assert_int_equal(texts.length[ACCESS_TEXT_TARGET], 1024);
    assert_int_equal(texts.length[ACCESS_TEXT_USER_AGENT], 1);
    assert_int_equal(texts.bytes[texts.start[ACCESS_TEXT_USER_AGENT]], 'u');
    /* Nothing is kept that the format does not show. */
    assert_int_equal(texts.length[ACCESS_TEXT_HOST], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_httplog),
        cmocka_unit_test(test_httplog_of_failures),
        cmocka_unit_test(test_httplog_of_reuse_retry_abort_and_own_answer),
        cmocka_unit_test(test_envoy),
        cmocka_unit_test(test_envoy_of_failures),
        cmocka_unit_test(test_combined),
        cmocka_unit_test(test_combined_of_failures),
        cmocka_unit_test(test_long_texts_are_cut),
    };
    /* An hour ahead of UTC, without summer. */
    setenv("TZ", "XYZ-1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
