/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "chaos/message/dialog.h"
#include "lib/base/buf.h"

#define MS(n) ((mono){(n)*NS_PER_MS + 1})

/* ---- a connection with a dialog */

struct rig {
    struct stream up, down;
    struct dialog *dialog;
    struct buf sent, got; /* what came out above, and below */
    mono now;
    struct fault *faults[4];
    uint64_t touch_from; /* faults touch requests from this number on */
    unsigned asked, done;
    char paths[256]; /* of the requests that were asked about */
};

static void on_ask(struct dialog *dialog, const struct dialog_request *request, mono now,
                   void *owner)
{
    struct rig *rig = owner;
    size_t length = strlen(rig->paths);
    rig->asked++;
    snprintf(rig->paths + length, sizeof(rig->paths) - length, "%.*s ",
             (int)request->head->target.length, request->head->target.at);
    for (unsigned i = 0; i < 4 && request->number >= rig->touch_from; i++) {
        struct rng rng;
        rng_init(&rng, 7);
        if (rig->faults[i])
            dialog_touch(dialog, i + 1, &rig->faults[i]->config, request->number, &rng, now);
    }
}

static void on_done(const struct dialog_touched *touched, mono now, void *owner)
{
    struct rig *rig = owner;
    assert_true(touched->id >= 1 && touched->id <= 4);
    rig->done++;
}

static const struct dialog_events events = {.ask = on_ask, .done = on_done};

static struct fault *make(const char *json)
{
    struct error error = {""};
    struct fault *fault = NULL;
    cJSON *item = cJSON_Parse(json);
    assert_non_null(item);
    if (fault_make(&fault, item, "test", &error) != OK)
        fail_msg("%s: %s", json, error.text);
    cJSON_Delete(item);
    return fault;
}

static void rig_open(struct rig *rig, const char *fault)
{
    *rig = (struct rig){.now = MS(0)};
    stream_init(&rig->up, 1 << 20, rig->now);
    stream_init(&rig->down, 1 << 20, rig->now);
    rig->dialog = dialog_new(&rig->up, &rig->down, &events, rig);
    if (fault)
        rig->faults[0] = make(fault);
}

static void rig_close(struct rig *rig)
{
    dialog_free(rig->dialog, rig->now);
    stream_release(&rig->up);
    stream_release(&rig->down);
    buf_free(&rig->sent);
    buf_free(&rig->got);
    for (int i = 0; i < 4; i++)
        fault_free(rig->faults[i]);
}

static void take_all(struct stream *stream, struct buf *out)
{
    const char *bytes;
    for (size_t n; (n = stream_peek(stream, &bytes)) > 0;) {
        buf_append(out, bytes, n);
        stream_take(stream, n);
    }
}

static void run(struct rig *rig, mono now)
{
    rig->now = now;
    for (int i = 0; i < 2; i++) {
        stream_run(&rig->up, now);
        stream_run(&rig->down, now);
        take_all(&rig->up, &rig->sent);
        take_all(&rig->down, &rig->got);
    }
}

/* Pushes in pieces of `split` bytes. */
static void push(struct rig *rig, struct stream *stream, const char *bytes, size_t n, size_t split)
{
    for (size_t at = 0; at < n; at += split) {
        stream_push(stream, bytes + at, n - at < split ? n - at : split, rig->now);
        run(rig, rig->now);
    }
}

static void up(struct rig *rig, const char *text)
{
    push(rig, &rig->up, text, strlen(text), SIZE_MAX / 2);
}

static void down(struct rig *rig, const char *text)
{
    push(rig, &rig->down, text, strlen(text), SIZE_MAX / 2);
}

static void expect(struct buf *out, const char *text)
{
    if (buf_len(out) != strlen(text) || (*text && memcmp(buf_head(out), text, strlen(text)) != 0))
        fail_msg("expected\n%s\ngot\n%.*s", text, (int)buf_len(out),
                 out->data ? buf_head(out) : "");
    buf_clear(out);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK_HEAD     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
#define OK_FIVE     OK_HEAD "hello"
#define ABORTED                                                                                  \
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\n" \
    "Service Unavailable\n"

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
        push(&rig, &rig.up, requests, sizeof(requests) - 1, split);
        push(&rig, &rig.down, responses, sizeof(responses) - 1, split);
        stream_end(&rig.down, rig.now);
        run(&rig, rig.now);
        expect(&rig.sent, requests);
        expect(&rig.got, responses);
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
        down(&rig, "220 hello\r\n");
        expect(&rig.got, "220 hello\r\n");
        up(&rig, others[i]);
        expect(&rig.sent, others[i]);
        assert_int_equal(rig.asked, 0);
        rig_close(&rig);
    }
}

static void a_head_without_end_passes(void **state)
{
    struct rig rig;
    rig_open(&rig, NULL);
    up(&rig, "GET / HTTP/1.1\r\n");
    assert_int_equal(buf_len(&rig.sent), 0);
    char line[1000];
    memset(line, 'a', sizeof(line));
    for (int i = 0; i < 100; i++)
        push(&rig, &rig.up, line, sizeof(line), sizeof(line));
    assert_int_equal(buf_len(&rig.sent), 16 + 100 * sizeof(line));
    rig_close(&rig);
}

static void a_head_that_ends_half_way_passes(void **state)
{
    struct rig rig;
    rig_open(&rig, NULL);
    up(&rig, "GET / HTT");
    stream_end(&rig.up, rig.now);
    run(&rig, rig.now);
    expect(&rig.sent, "GET / HTT");
    assert_int_equal(stream_state(&rig.up), STREAM_FINISHED);
    rig_close(&rig);
}

static void a_tunnel_passes(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"abort\"}");
    rig.touch_from = 1;
    up(&rig, "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    down(&rig, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
    buf_clear(&rig.sent);
    buf_clear(&rig.got);
    up(&rig, GET("/not-http"));
    down(&rig, "bytes");
    expect(&rig.sent, GET("/not-http"));
    expect(&rig.got, "bytes");
    assert_int_equal(rig.asked, 1);
    rig_close(&rig);
}

static void in_the_midst_of_a_connection_it_begins_with_the_next_request(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"abort\"}");
    up(&rig, "the rest of a body");
    down(&rig, OK_FIVE);
    expect(&rig.sent, "the rest of a body");
    expect(&rig.got, OK_FIVE);
    up(&rig, GET("/"));
    expect(&rig.sent, "");
    expect(&rig.got, ABORTED);
    rig_close(&rig);
}

/* ---- delays */

static void a_request_goes_up_later(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"delay_request\",\"delay\":\"100ms\"}");
    up(&rig, GET("/"));
    assert_int_equal(stream_due(&rig.up).ns, MS(100).ns);
    run(&rig, MS(99));
    expect(&rig.sent, "");
    run(&rig, MS(100));
    expect(&rig.sent, GET("/"));
    down(&rig, OK_FIVE);
    expect(&rig.got, OK_FIVE);
    assert_int_equal(rig.done, 1);
    assert_true(dialog_is_idle(rig.dialog));
    rig_close(&rig);
}

static void a_response_comes_down_later(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"delay_response\",\"delay\":\"100ms\"}");
    up(&rig, GET("/"));
    expect(&rig.sent, GET("/"));
    down(&rig, "HTTP/1.1 100 Continue\r\n\r\n");
    expect(&rig.got, "HTTP/1.1 100 Continue\r\n\r\n");
    run(&rig, MS(50));
    down(&rig, OK_FIVE);
    run(&rig, MS(149));
    expect(&rig.got, "");
    assert_int_equal(rig.done, 0);
    run(&rig, MS(150));
    expect(&rig.got, OK_FIVE);
    assert_int_equal(rig.done, 1);
    rig_close(&rig);
}

static void a_delay_ends_when_its_fault_goes(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"delay_request\",\"delay\":\"100ms\"}");
    rig.faults[1] = make("{\"kind\":\"delay_response\",\"delay\":\"1h\"}");
    up(&rig, GET("/"));
    dialog_let_go(rig.dialog, 1, rig.now);
    assert_int_equal(rig.done, 1);
    run(&rig, MS(1));
    expect(&rig.sent, GET("/"));
    down(&rig, OK_FIVE);
    expect(&rig.got, "");
    dialog_let_go(rig.dialog, 2, rig.now);
    run(&rig, MS(2));
    expect(&rig.got, OK_FIVE);
    assert_int_equal(rig.done, 2);
    rig_close(&rig);
}

static void a_change_holds_for_what_waits(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"delay_response\",\"delay\":\"1h\"}");
    up(&rig, GET("/"));
    down(&rig, OK_FIVE);
    struct fault *shorter = make("{\"kind\":\"delay_response\",\"delay\":\"20ms\"}");
    dialog_change(rig.dialog, 1, &shorter->config, MS(1));
    run(&rig, MS(19));
    expect(&rig.got, "");
    run(&rig, MS(20));
    expect(&rig.got, OK_FIVE);
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
        push(&rig, &rig.up, post, sizeof(post) - 1, split);
        expect(&rig.sent, "");
        expect(&rig.got, ABORTED);
        assert_int_equal(rig.done, 1);
        rig.touch_from = UINT64_MAX;
        up(&rig, GET("/next"));
        down(&rig, OK_FIVE);
        expect(&rig.sent, GET("/next"));
        expect(&rig.got, OK_FIVE);
        assert_int_equal(rig.up.held + rig.down.held, 0);
        rig_close(&rig);
    }
}

static void an_abort_waits_for_the_responses_before_it(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"abort\"}");
    rig.touch_from = 1;
    up(&rig, GET("/a") GET("/b"));
    expect(&rig.sent, GET("/a"));
    expect(&rig.got, "");
    down(&rig, OK_FIVE);
    expect(&rig.got, OK_FIVE ABORTED);
    rig_close(&rig);
}

static void an_abort_can_be_late(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"abort\"}");
    rig.faults[1] = make("{\"kind\":\"delay_request\",\"delay\":\"10ms\"}");
    up(&rig, GET("/"));
    run(&rig, MS(9));
    expect(&rig.got, "");
    run(&rig, MS(10));
    expect(&rig.got, ABORTED);
    rig_close(&rig);
}

static void an_abort_closes_where_the_client_does_not_go_on(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"abort\",\"status\":429}");
    up(&rig, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect(&rig.got, "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\n"
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
