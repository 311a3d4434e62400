/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/unit/chaos/message/rig.h"

/* ---- nothing touches */

static const char requests[] =
    GET("/a") "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
              "\r\n" /* an empty line between requests */
              "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
              "3;x=y\r\nabc\r\n0\r\nTrailer: yes\r\n\r\n"
              "HEAD /d HTTP/1.1\r\nHost: a\r\n\r\n" GET("/e") GET("/f");
static const char responses[] =
    OK_FIVE "HTTP/1.1 100 Continue\r\n\r\n"
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
            "HTTP/1.1 204 No Content\r\n\r\n"
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
            "HTTP/1.1 200 OK\r\n\r\nuntil the end";

static void what_nothing_touches_passes_at_any_split(void **state)
{
    for (size_t split = 1; split < sizeof(requests); split++) {
        struct rig rig;
        rig_open(&rig, NULL);
        rig_push(&rig, &rig.up, requests, sizeof(requests) - 1, split);
        rig_push(&rig, &rig.down, responses, sizeof(responses) - 1, split);
        stream_end(&rig.down, rig.now);
        rig_run(&rig, rig.now);
        rig_expect(&rig.sent, requests);
        rig_expect(&rig.got, responses);
        assert_string_equal(rig.paths, "/a /b /c /d /e /f ");
        assert_int_equal(stream_state(&rig.down), STREAM_FINISHED);
        assert_true(dialog_is_idle(rig.dialog));
        assert_int_equal(rig.up.held + rig.down.held, 0);
        rig_close(&rig);
    }
}

static void what_is_no_http_passes_at_once(void **state)
{
    static const char *const others[] = {"\x16\x03\x01\x02\x00",
                                         "hello",
                                         "PING\r\n",
                                         "GET /\r\n",
                                         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                         "G\n"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct rig rig;
        rig_open(&rig, NULL);
        rig_down(&rig, "220 hello\r\n");
        rig_expect(&rig.got, "220 hello\r\n");
        rig_up(&rig, others[i]);
        rig_expect(&rig.sent, others[i]);
        assert_int_equal(rig.asked, 0);
        rig_close(&rig);
    }
}

static void a_head_without_end_passes(void **state)
{
    struct rig rig;
    rig_open(&rig, NULL);
    rig_up(&rig, "GET / HTTP/1.1\r\n");
    assert_int_equal(buf_len(&rig.sent), 0);
    char line[1000];
    memset(line, 'a', sizeof(line));
    for (int i = 0; i < 100; i++)
        rig_push(&rig, &rig.up, line, sizeof(line), sizeof(line));
    assert_int_equal(buf_len(&rig.sent), 16 + 100 * sizeof(line));
    rig_close(&rig);
}

static void a_head_that_ends_half_way_passes(void **state)
{
    struct rig rig;
    rig_open(&rig, NULL);
    rig_up(&rig, "GET / HTT");
    stream_end(&rig.up, rig.now);
    rig_run(&rig, rig.now);
    rig_expect(&rig.sent, "GET / HTT");
    assert_int_equal(stream_state(&rig.up), STREAM_FINISHED);
    rig_close(&rig);
}

static void a_tunnel_passes(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"abort\"}");
    rig.touch_from = 1;
    rig_up(&rig, "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    rig_down(&rig, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
    buf_clear(&rig.sent);
    buf_clear(&rig.got);
    rig_up(&rig, GET("/not-http"));
    rig_down(&rig, "bytes");
    rig_expect(&rig.sent, GET("/not-http"));
    rig_expect(&rig.got, "bytes");
    assert_int_equal(rig.asked, 1);
    rig_close(&rig);
}

static void in_the_midst_of_a_connection_it_begins_with_the_next_request(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"abort\"}");
    rig_up(&rig, "the rest of a body");
    rig_down(&rig, OK_FIVE);
    rig_expect(&rig.sent, "the rest of a body");
    rig_expect(&rig.got, OK_FIVE);
    rig_up(&rig, GET("/"));
    rig_expect(&rig.sent, "");
    rig_expect(&rig.got, ABORTED);
    rig_close(&rig);
}

/* ---- delays */

static void a_request_goes_up_later(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"delay_request\",\"delay\":\"100ms\"}");
    rig_up(&rig, GET("/"));
    assert_int_equal(stream_due(&rig.up).ns, MS(100).ns);
    rig_run(&rig, MS(99));
    rig_expect(&rig.sent, "");
    rig_run(&rig, MS(100));
    rig_expect(&rig.sent, GET("/"));
    rig_down(&rig, OK_FIVE);
    rig_expect(&rig.got, OK_FIVE);
    assert_int_equal(rig.done, 1);
    assert_true(dialog_is_idle(rig.dialog));
    rig_close(&rig);
}

static void a_response_comes_down_later(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"delay_response\",\"delay\":\"100ms\"}");
    rig_up(&rig, GET("/"));
    rig_expect(&rig.sent, GET("/"));
    rig_down(&rig, "HTTP/1.1 100 Continue\r\n\r\n");
    rig_expect(&rig.got, "HTTP/1.1 100 Continue\r\n\r\n");
    rig_run(&rig, MS(50));
    rig_down(&rig, OK_FIVE);
    rig_run(&rig, MS(149));
    rig_expect(&rig.got, "");
    assert_int_equal(rig.done, 0);
    rig_run(&rig, MS(150));
    rig_expect(&rig.got, OK_FIVE);
    assert_int_equal(rig.done, 1);
    rig_close(&rig);
}

static void a_delay_ends_when_its_fault_goes(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"delay_request\",\"delay\":\"100ms\"}");
    rig.faults[1] = rig_fault("{\"kind\":\"delay_response\",\"delay\":\"1h\"}");
    rig_up(&rig, GET("/"));
    dialog_let_go(rig.dialog, 1, rig.now);
    assert_int_equal(rig.done, 1);
    rig_run(&rig, MS(1));
    rig_expect(&rig.sent, GET("/"));
    rig_down(&rig, OK_FIVE);
    rig_expect(&rig.got, "");
    dialog_let_go(rig.dialog, 2, rig.now);
    rig_run(&rig, MS(2));
    rig_expect(&rig.got, OK_FIVE);
    assert_int_equal(rig.done, 2);
    rig_close(&rig);
}

static void a_change_holds_for_what_waits(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"delay_response\",\"delay\":\"1h\"}");
    rig_up(&rig, GET("/"));
    rig_down(&rig, OK_FIVE);
    struct fault *shorter = rig_fault("{\"kind\":\"delay_response\",\"delay\":\"20ms\"}");
    dialog_change(rig.dialog, 1, &shorter->config, MS(1));
    rig_run(&rig, MS(19));
    rig_expect(&rig.got, "");
    rig_run(&rig, MS(20));
    rig_expect(&rig.got, OK_FIVE);
    fault_free(rig.faults[0]);
    rig.faults[0] = shorter;
    rig_close(&rig);
}

/* ---- abort */

static void an_aborted_request_is_answered_and_the_next_goes_on(void **state)
{
    for (size_t split = 1; split < 200; split++) {
        static const char post[] =
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\n0\r\n\r\n";
        struct rig rig;
        rig_open(&rig, "{\"kind\":\"abort\"}");
        rig_push(&rig, &rig.up, post, sizeof(post) - 1, split);
        rig_expect(&rig.sent, "");
        rig_expect(&rig.got, ABORTED);
        assert_int_equal(rig.done, 1);
        rig.touch_from = UINT64_MAX;
        rig_up(&rig, GET("/next"));
        rig_down(&rig, OK_FIVE);
        rig_expect(&rig.sent, GET("/next"));
        rig_expect(&rig.got, OK_FIVE);
        assert_int_equal(rig.up.held + rig.down.held, 0);
        rig_close(&rig);
    }
}

static void an_abort_waits_for_the_responses_before_it(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"abort\"}");
    rig.touch_from = 1;
    rig_up(&rig, GET("/a") GET("/b"));
    rig_expect(&rig.sent, GET("/a"));
    rig_expect(&rig.got, "");
    rig_down(&rig, OK_FIVE);
    rig_expect(&rig.got, OK_FIVE ABORTED);
    rig_close(&rig);
}

static void an_abort_can_be_late(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"abort\"}");
    rig.faults[1] = rig_fault("{\"kind\":\"delay_request\",\"delay\":\"10ms\"}");
    rig_up(&rig, GET("/"));
    rig_run(&rig, MS(9));
    rig_expect(&rig.got, "");
    rig_run(&rig, MS(10));
    rig_expect(&rig.got, ABORTED);
    rig_close(&rig);
}

static void an_abort_closes_where_the_client_does_not_go_on(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"abort\",\"status\":429}");
    rig_up(&rig, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    rig_expect(&rig.got, "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\n"
                         "Content-Length: 18\r\nConnection: close\r\n\r\nToo Many Requests\n");
    assert_int_equal(stream_state(&rig.down), STREAM_CUT);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nothing_touches_passes_at_any_split),
        cmocka_unit_test(what_is_no_http_passes_at_once),
        cmocka_unit_test(a_head_without_end_passes),
        cmocka_unit_test(a_head_that_ends_half_way_passes),
        cmocka_unit_test(a_tunnel_passes),
        cmocka_unit_test(in_the_midst_of_a_connection_it_begins_with_the_next_request),
        cmocka_unit_test(a_request_goes_up_later),
        cmocka_unit_test(a_response_comes_down_later),
        cmocka_unit_test(a_delay_ends_when_its_fault_goes),
        cmocka_unit_test(a_change_holds_for_what_waits),
        cmocka_unit_test(an_aborted_request_is_answered_and_the_next_goes_on),
        cmocka_unit_test(an_abort_waits_for_the_responses_before_it),
        cmocka_unit_test(an_abort_can_be_late),
        cmocka_unit_test(an_abort_closes_where_the_client_does_not_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
