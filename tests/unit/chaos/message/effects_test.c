/* SPDX-License-Identifier: MIT */
/* What each fault on messages does to the bytes, however they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/chaos/message/rig.h"

#define TEN_CHUNKED CHUNKED "5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"
#define UNTIL_END   "HTTP/1.1 200 OK\r\n\r\nhelloworld"
#define TEN         "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhelloworld"

/* What a response becomes by a fault. */
struct effect {
    const char *fault, *response, *becomes;
    enum stream_state state; /* of the connection then */
};

static void check_split(const struct effect *effect, size_t split)
{
    struct rig rig;
    rig_open(&rig, effect->fault);
    rig_up(&rig, GET("/"));
    rig_expect(&rig.sent, GET("/"));
    rig_push(&rig, &rig.down, effect->response, strlen(effect->response), split);
    if (strcmp(effect->response, UNTIL_END) == 0) {
        stream_end(&rig.down, rig.now);
        rig_run(&rig, rig.now);
    }
    rig_expect(&rig.got, effect->becomes);
    assert_int_equal(stream_state(&rig.down), effect->state);
    assert_int_equal(rig.done, 1);
    assert_int_equal(rig.down.held, 0);
    rig_close(&rig);
}

static void check(const struct effect *effects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t split = 1; split <= strlen(effects[i].response); split++)
            check_split(&effects[i], split);
}

#define CHECK(effects) check(effects, ARRAY_LEN(effects))

static void a_response_can_be_left_out(void **state)
{
    static const struct effect effects[] = {
        {"{\"kind\":\"empty_response\"}", OK_FIVE, "", STREAM_CUT},
        {"{\"kind\":\"empty_response\",\"reset\":true}", TEN_CHUNKED, "", STREAM_RESET},
        {"{\"kind\":\"empty_response\"}", "HTTP/1.1 100 Continue\r\n\r\n" OK_FIVE,
         "HTTP/1.1 100 Continue\r\n\r\n", STREAM_CUT},
    };
    CHECK(effects);
}

static void bodies_are_truncated(void **state)
{
    static const struct effect effects[] = {
        {"{\"kind\":\"truncate\",\"bytes\":3}", OK_FIVE, OK_HEAD "hel", STREAM_CUT},
        {"{\"kind\":\"truncate\"}", OK_FIVE, OK_HEAD, STREAM_CUT},
        {"{\"kind\":\"truncate\",\"bytes\":3,\"reset\":true}", OK_FIVE, OK_HEAD "hel",
         STREAM_RESET},
        {"{\"kind\":\"truncate\",\"bytes\":5}", OK_FIVE, OK_FIVE, STREAM_OPEN},
        {"{\"kind\":\"truncate\",\"bytes\":7}", TEN_CHUNKED, CHUNKED "5\r\nhello\r\n5\r\nwo",
         STREAM_CUT},
        {"{\"kind\":\"truncate\",\"bytes\":7}", UNTIL_END, "HTTP/1.1 200 OK\r\n\r\nhellowo",
         STREAM_CUT},
        {"{\"kind\":\"truncate\",\"body_share\":\"40%\"}", OK_FIVE, OK_HEAD "he", STREAM_CUT},
        {"{\"kind\":\"truncate\",\"body_share\":\"40%\",\"bytes\":1}", OK_FIVE, OK_HEAD "hel",
         STREAM_CUT},
        {"{\"kind\":\"truncate\",\"body_share\":\"40%\"}", TEN_CHUNKED, CHUNKED "5\r\nhell",
         STREAM_CUT},
        {"{\"kind\":\"truncate\",\"body_share\":\"70%\"}", UNTIL_END,
         "HTTP/1.1 200 OK\r\n\r\nhellowo", STREAM_CUT},
    };
    CHECK(effects);
}

/* What a fault makes of a response that came at once. */
static void becomes(const char *fault, const char *response, const char *text)
{
    struct rig rig;
    rig_open(&rig, fault);
    rig_up(&rig, GET("/"));
    rig_down(&rig, response);
    rig_expect(&rig.got, text);
    assert_int_equal(stream_state(&rig.down), STREAM_CUT);
    rig_close(&rig);
}

static void chunks_are_malformed(void **state)
{
    becomes("{\"kind\":\"malformed_chunk\",\"bytes\":5}", TEN_CHUNKED,
            CHUNKED "5\r\nhello\r\nno size\r\nworld\r\n0\r\n\r\n");
    becomes("{\"kind\":\"malformed_chunk\"}", TEN_CHUNKED,
            CHUNKED "no size\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n");
    becomes("{\"kind\":\"malformed_chunk\",\"bytes\":10}", TEN_CHUNKED,
            CHUNKED "5\r\nhello\r\n5\r\nworld\r\nno size\r\n");
    becomes("{\"kind\":\"malformed_chunk\",\"bytes\":5}", OK_FIVE,
            CHUNKED "5\r\nhello\r\nno size\r\n");
}

static void shorter_bodies_have_right_chunks(void **state)
{
    static const struct effect effects[] = {
        {"{\"kind\":\"malformed_chunk\",\"bytes\":11}", TEN_CHUNKED, TEN_CHUNKED, STREAM_OPEN},
    };
    struct rig rig;
    CHECK(effects);
    rig_open(&rig, "{\"kind\":\"malformed_chunk\",\"bytes\":6}");
    rig_up(&rig, GET("/"));
    rig_down(&rig, OK_FIVE);
    rig_expect(&rig.got, CHUNKED "5\r\nhello\r\n0\r\n\r\n");
    assert_int_equal(stream_state(&rig.down), STREAM_OPEN);
    rig_close(&rig);
}

static void every_split_has_a_chunk_without_size(void **state)
{
    for (size_t split = 1; split < strlen(TEN); split++) {
        struct rig rig;
        rig_open(&rig, "{\"kind\":\"malformed_chunk\",\"bytes\":7}");
        rig_up(&rig, GET("/"));
        rig_push(&rig, &rig.down, TEN, strlen(TEN), split);
        buf_append(&rig.got, "", 1);
        if (!strstr(buf_head(&rig.got), "w\r\n1\r\no\r\nno size\r\nrld") &&
            !strstr(buf_head(&rig.got), "wo\r\nno size\r\nrld"))
            fail_msg("%s", buf_head(&rig.got));
        assert_int_equal(stream_state(&rig.down), STREAM_CUT);
        rig_close(&rig);
    }
}

static void heads_are_changed(void **state)
{
    static const struct effect effects[] = {
        {"{\"kind\":\"malformed_head\"}", OK_FIVE,
         "HTTP/1.1 200 OK\r\nthis line is no field\r\nContent-Length: 5\r\n\r\nhello", STREAM_OPEN},
        {"{\"kind\":\"wrong_length\",\"difference\":10}", OK_FIVE,
         "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nhello", STREAM_OPEN},
        {"{\"kind\":\"wrong_length\",\"difference\":-2}", OK_FIVE,
         "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello", STREAM_OPEN},
        {"{\"kind\":\"wrong_length\",\"difference\":-9}", OK_FIVE,
         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nhello", STREAM_OPEN},
        {"{\"kind\":\"wrong_length\",\"difference\":1}", TEN_CHUNKED, TEN_CHUNKED, STREAM_OPEN},
        {"{\"kind\":\"edit_response\",\"set\":{\"X-A\":\"1\"},\"add\":{\"X-B\":\"2\"},"
         "\"remove\":[\"x-c\"]}",
         "HTTP/1.1 200 OK\r\nx-a: 0\r\nX-C: 0\r\nX-A: 7\r\nX-B: 0\r\nContent-Length: 0\r\n\r\n",
         "HTTP/1.1 200 OK\r\nX-B: 0\r\nContent-Length: 0\r\nX-A: 1\r\nX-B: 2\r\n\r\n", STREAM_OPEN},
    };
    CHECK(effects);
}

static void requests_are_edited(void **state)
{
    static const char post[] =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-C: 1\r\n\r\nhello";
    for (size_t split = 1; split < sizeof(post); split++) {
        struct rig rig;
        rig_open(&rig, "{\"kind\":\"edit_request\",\"set\":{\"Host\":\"b\"},\"remove\":[\"x-c\"]}");
        rig_push(&rig, &rig.up, post, sizeof(post) - 1, split);
        rig_expect(&rig.sent, "POST / HTTP/1.1\r\nContent-Length: 5\r\nHost: b\r\n\r\nhello");
        rig_down(&rig, OK_FIVE);
        rig_expect(&rig.got, OK_FIVE);
        assert_int_equal(rig.up.held + rig.down.held, 0);
        rig_close(&rig);
    }
}

static void a_head_grows_to_its_size(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"oversized_head\",\"size\":\"4KiB\"}");
    rig_up(&rig, GET("/"));
    rig_down(&rig, OK_FIVE);
    assert_int_equal(buf_len(&rig.got), 4096 + 5);
    assert_memory_equal(buf_head(&rig.got) + 4096 - 4, "\r\n\r\nhello", 9);
    rig_close(&rig);
}

static void an_early_reply_does_not_wait_for_the_body(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"early_reply\",\"status\":413}");
    rig_up(&rig, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc");
    rig_expect(&rig.sent, "");
    rig_expect(&rig.got, "HTTP/1.1 413 Content Too Large\r\nContent-Type: text/plain\r\n"
                         "Content-Length: 18\r\nConnection: close\r\n\r\nContent Too Large\n");
    assert_int_equal(stream_state(&rig.down), STREAM_CUT);
    rig_up(&rig, "more");
    rig_expect(&rig.sent, "");
    assert_int_equal(rig.up.held, 0);
    rig_close(&rig);
}

/* ---- time */

static void a_stall_ends(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"stall\",\"bytes\":2,\"hold\":\"50ms\"}");
    rig_up(&rig, GET("/"));
    rig_down(&rig, OK_FIVE);
    rig_expect(&rig.got, OK_HEAD "he");
    rig_run(&rig, MS(49));
    rig_expect(&rig.got, "");
    rig_run(&rig, MS(50));
    rig_expect(&rig.got, "llo");
    assert_int_equal(rig.done, 1);
    rig_close(&rig);
}

static void a_stall_for_ever_ends_with_its_fault_or_both_sides(void **state)
{
    for (int both = 0; both < 2; both++) {
        struct rig rig;
        rig_open(&rig, "{\"kind\":\"stall\"}");
        rig_up(&rig, GET("/"));
        rig_down(&rig, OK_FIVE);
        stream_end(&rig.down, rig.now);
        rig_run(&rig, MS(100000));
        rig_expect(&rig.got, OK_HEAD);
        assert_int_equal(stream_due(&rig.down).ns, STREAM_NEVER.ns);
        if (both)
            stream_end(&rig.up, rig.now);
        else
            dialog_let_go(rig.dialog, 1, rig.now);
        rig_run(&rig, rig.now);
        rig_expect(&rig.got, both ? "" : "hello");
        assert_int_equal(stream_state(&rig.down), both ? STREAM_CUT : STREAM_FINISHED);
        rig_close(&rig);
    }
}

static void a_body_comes_at_its_rate(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"response_rate\",\"rate\":100}");
    rig.faults[1] = rig_fault("{\"kind\":\"response_rate\",\"rate\":\"1KiB\"}");
    rig_up(&rig, GET("/"));
    rig_down(&rig, TEN);
    for (int ms = 0; ms < 100; ms++) {
        rig_run(&rig, MS(ms));
        size_t content = buf_len(&rig.got) - (strlen(TEN) - 10);
        assert_int_equal(content, ms / 10);
    }
    rig_run(&rig, MS(100));
    rig_expect(&rig.got, TEN);
    rig_close(&rig);
}

static void a_rate_ends_with_its_fault(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"response_rate\",\"rate\":1}");
    rig_up(&rig, GET("/"));
    rig_down(&rig, TEN);
    dialog_let_go(rig.dialog, 1, rig.now);
    rig_run(&rig, MS(1));
    rig_expect(&rig.got, TEN);
    rig_close(&rig);
}

static void what_is_kept_for_a_share_goes_on_when_its_fault_goes(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"truncate\",\"body_share\":\"50%\"}");
    rig_up(&rig, GET("/"));
    rig_down(&rig, CHUNKED "5\r\nhello\r\n");
    rig_expect(&rig.got, CHUNKED "5\r\nhe");
    dialog_let_go(rig.dialog, 1, rig.now);
    rig_down(&rig, "0\r\n\r\n");
    rig_expect(&rig.got, "llo\r\n0\r\n\r\n");
    assert_true(dialog_is_idle(rig.dialog));
    rig_close(&rig);
}

static void chunks_end_well_when_their_fault_goes(void **state)
{
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"malformed_chunk\",\"bytes\":100}");
    rig_up(&rig, GET("/"));
    rig_down(&rig, OK_HEAD "he");
    dialog_let_go(rig.dialog, 1, rig.now);
    rig_down(&rig, "llo");
    rig_expect(&rig.got, CHUNKED "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
    assert_int_equal(stream_state(&rig.down), STREAM_OPEN);
    rig_close(&rig);
}

static void responses_without_a_body_have_nothing_to_spoil(void **state)
{
    static const char *const faults[] = {"{\"kind\":\"truncate\"}",
                                         "{\"kind\":\"truncate\",\"body_share\":\"10%\"}",
                                         "{\"kind\":\"stall\"}", "{\"kind\":\"malformed_chunk\"}",
                                         "{\"kind\":\"response_rate\",\"rate\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct rig rig;
        rig_open(&rig, faults[i]);
        rig_up(&rig, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" GET("/b"));
        rig_down(&rig, OK_HEAD "HTTP/1.1 204 No Content\r\n\r\n");
        rig_expect(&rig.got, OK_HEAD "HTTP/1.1 204 No Content\r\n\r\n");
        assert_int_equal(rig.done, 2);
        assert_true(dialog_is_idle(rig.dialog));
        rig_close(&rig);
    }
}

static void a_touch_knows_its_trace(void **state)
{
    static const uint8_t id[16] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
                                   0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};
    struct rig rig;
    rig_open(&rig, "{\"kind\":\"abort\"}");
    rig_up(&rig, "GET / HTTP/1.1\r\nHost: a\r\n"
                 "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n");
    assert_int_equal(rig.done, 1);
    assert_memory_equal(rig.last.trace_id, id, sizeof(id));
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_can_be_left_out),
        cmocka_unit_test(bodies_are_truncated),
        cmocka_unit_test(chunks_are_malformed),
        cmocka_unit_test(shorter_bodies_have_right_chunks),
        cmocka_unit_test(every_split_has_a_chunk_without_size),
        cmocka_unit_test(heads_are_changed),
        cmocka_unit_test(requests_are_edited),
        cmocka_unit_test(a_head_grows_to_its_size),
        cmocka_unit_test(an_early_reply_does_not_wait_for_the_body),
        cmocka_unit_test(a_stall_ends),
        cmocka_unit_test(a_stall_for_ever_ends_with_its_fault_or_both_sides),
        cmocka_unit_test(a_body_comes_at_its_rate),
        cmocka_unit_test(a_rate_ends_with_its_fault),
        cmocka_unit_test(what_is_kept_for_a_share_goes_on_when_its_fault_goes),
        cmocka_unit_test(chunks_end_well_when_their_fault_goes),
        cmocka_unit_test(responses_without_a_body_have_nothing_to_spoil),
        cmocka_unit_test(a_touch_knows_its_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
