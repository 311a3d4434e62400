/* SPDX-License-Identifier: MIT */
/* A connection with faults over a socket pair, whose other end the test plays. */
#include "chaos/conn/faulty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/unit/net/running.h"

enum { MOST = 4 };

static struct running running;
static struct alarms alarms;
static struct faulty_shared shared;
static struct conn conn;
static struct fault *faults[MOST];
static unsigned count;
static int far, calls;
static bool wants_end;
static char got[64];
static size_t got_length;

/* Reads on until there is what was waited for. */
static void on_ready(struct conn *ready, void *owner)
{
    calls++;
    while (ready->readable && got_length < sizeof(got)) {
        ssize_t n = conn_read(ready, got + got_length, sizeof(got) - got_length);
        if (n <= 0)
            break;
        got_length += (size_t)n;
    }
    if (got_length > 0 || (wants_end && ready->peer_closed))
        loop_stop(&running.loop);
}

static int set_up(void **state)
{
    struct error error;
    int pair[2];
    count = 0;
    calls = 0;
    got_length = 0;
    wants_end = false;
    running_start(&running);
    assert_int_equal(alarms_init(&alarms, &running.loop, &error), OK);
    faulty_shared_init(&shared, &alarms, 4096);
    running_pair(pair);
    far = pair[1];
    assert_int_equal(
        conn_init(&conn, &running.loop, pair[0], &conn_plain, on_ready, &running, &error), OK);
    running_settle(&running);
    return 0;
}

static int tear_down(void **state)
{
    conn_close(&conn);
    if (far >= 0)
        close(far);
    while (count > 0)
        fault_free(faults[--count]);
    faulty_shared_release(&shared);
    alarms_release(&alarms);
    running_end(&running);
    return 0;
}

/* The result is what it is called in later calls. */
static unsigned touch(const char *json)
{
    struct error error;
    cJSON *item = cJSON_Parse(json);
    if (fault_make(&faults[count], item, "test", &error) != OK)
        fail_msg("%s: %s", json, error.text);
    cJSON_Delete(item);
    struct faulty_fault fault = {.id = count, .config = &faults[count]->config};
    rng_init(&fault.up, 7);
    rng_init(&fault.down, 7);
    faulty_touch(&conn, &shared, &fault, mono_now());
    assert_true(faulty_is_on(&conn));
    return count++;
}

static void far_write(const char *text)
{
    assert_int_equal(write(far, text, strlen(text)), strlen(text));
}

static void assert_far_has(const char *expected)
{
    char bytes[64];
    if (!*expected) {
        assert_int_equal(read(far, bytes, sizeof(bytes)), -1);
        assert_int_equal(errno, EAGAIN);
        return;
    }
    assert_int_equal(read(far, bytes, sizeof(bytes)), strlen(expected));
    assert_memory_equal(bytes, expected, strlen(expected));
}

static void assert_got(const char *expected)
{
    assert_int_equal(got_length, strlen(expected));
    assert_memory_equal(got, expected, strlen(expected));
    got_length = 0;
}

static void assert_end(ssize_t kind)
{
    char byte;
    wants_end = true;
    if (!conn.peer_closed)
        running_go(&running);
    assert_true(conn.readable);
    assert_int_equal(conn_read(&conn, &byte, 1), kind);
}

static void bytes_come_later_in_both_directions(void **state)
{
    touch("{\"kind\": \"latency\", \"latency\": \"20ms\", \"stream\": \"both\"}");
    mono start = mono_now();
    assert_int_equal(conn_write(&conn, "up", 2), 2);
    far_write("down");
    assert_far_has("");
    running_go(&running);
    assert_true(mono_between(start, mono_now()).ns >= 20 * NS_PER_MS);
    assert_far_has("up");
    assert_got("down");
}

static void bytes_that_had_come_before_are_not_forgotten(void **state)
{
    far_write("early");
    /* The loop has told nobody yet when the fault comes. */
    touch("{\"kind\": \"latency\", \"latency\": \"5ms\"}");
    running_go(&running);
    assert_got("early");
}

static void what_was_held_goes_on_at_once_when_the_fault_lets_go(void **state)
{
    unsigned id = touch("{\"kind\": \"latency\", \"latency\": \"1h\", \"stream\": \"both\"}");
    assert_int_equal(conn_write(&conn, "up", 2), 2);
    far_write("down");
    running_settle(&running);
    assert_int_equal(got_length, 0);
    faulty_let_go(&conn, id, mono_now());
    assert_far_has("up");
    running_go(&running);
    assert_got("down");
    faulty_let_go(&conn, id, mono_now());
    touch("{\"kind\": \"noop\"}");
    faulty_let_go(&conn, 1, mono_now());
    assert_false(faulty_is_on(&conn));
    far_write("plain");
    running_go(&running);
    assert_got("plain");
    assert_int_equal(conn_write(&conn, "up", 2), 2);
    assert_far_has("up");
}

static void a_change_holds_for_what_is_in_flight(void **state)
{
    unsigned id = touch("{\"kind\": \"latency\", \"latency\": \"1h\"}");
    far_write("down");
    running_settle(&running);
    struct fault *before = faults[id];
    touch("{\"kind\": \"latency\", \"latency\": \"1ms\"}"); /* beside it: behind it */
    faulty_let_go(&conn, 1, mono_now());
    faulty_change(&conn, id, &faults[1]->config, mono_now());
    running_go(&running);
    assert_got("down");
    assert_ptr_equal(faults[id], before);
}

static void who_writes_more_than_is_in_flight_waits(void **state)
{
    static char much[8192];
    unsigned id = touch("{\"kind\": \"latency\", \"latency\": \"1h\", \"stream\": \"upstream\"}");
    assert_int_equal(conn_write(&conn, much, sizeof(much)), 4096);
    assert_int_equal(conn_write(&conn, much, sizeof(much)), CONN_AGAIN);
    assert_false(conn.writable);
    faulty_let_go(&conn, id, mono_now());
    running_settle(&running);
    assert_true(conn.writable);
    assert_true(calls > 1);
}

static void who_is_not_read_is_not_read_for(void **state)
{
    static char much[65536];
    touch("{\"kind\": \"latency\", \"latency\": \"1h\"}");
    ssize_t put = write(far, much, sizeof(much));
    running_settle(&running);
    assert_true(put > 8192);
    int left = 0;
    char bytes[65536];
    left = (int)recv(conn.fd, bytes, sizeof(bytes), MSG_PEEK);
    assert_in_range(left, 1, put - 4096);
}

static void an_end_stands_behind_the_bytes(void **state)
{
    unsigned id = touch("{\"kind\": \"latency\", \"latency\": \"10ms\"}");
    far_write("last words");
    close(far);
    far = -1;
    running_go(&running);
    assert_got("last words");
    assert_end(CONN_EOF);
    faulty_let_go(&conn, id, mono_now());
    assert_end(CONN_EOF);
}

static void the_owners_end_goes_the_same_way(void **state)
{
    char byte;
    touch("{\"kind\": \"latency\", \"latency\": \"10ms\", \"stream\": \"upstream\"}");
    assert_int_equal(conn_write(&conn, "x", 1), 1);
    conn_finish(&conn);
    assert_int_equal(read(far, &byte, 1), -1);
    running_settle(&running);
    running_settle(&running);
    assert_int_equal(read(far, &byte, 1), 1);
    assert_int_equal(read(far, &byte, 1), 0);
    far_write("still heard");
    running_go(&running);
    assert_got("still heard");
}

static void a_cut_is_an_end_and_a_reset_a_failure(void **state)
{
    char byte;
    touch("{\"kind\": \"limit_data\", \"bytes\": 4}");
    far_write("12345678");
    running_go(&running);
    assert_got("1234");
    assert_end(CONN_EOF);
    assert_int_equal(conn_write(&conn, "x", 1), CONN_FAILED);
    assert_int_equal(errno, EPIPE);
    touch("{\"kind\": \"reset_peer\", \"timeout\": \"1ms\"}");
    running_settle(&running);
    assert_int_equal(conn_read(&conn, &byte, 1), CONN_FAILED);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(conn_write(&conn, "x", 1), CONN_FAILED);
    assert_int_equal(errno, ECONNRESET);
}

static void idle_for_too_long_it_closes_by_itself(void **state)
{
    mono start = mono_now();
    touch("{\"kind\": \"idle_close\", \"idle\": \"15ms\"}");
    assert_end(CONN_EOF);
    assert_true(mono_between(start, mono_now()).ns >= 15 * NS_PER_MS);
}

static void a_stale_connection_says_nothing_of_its_end(void **state)
{
    touch("{\"kind\": \"half_open\", \"idle\": \"1ms\"}");
    running_settle(&running);
    close(far);
    far = -1;
    running_settle(&running);
    assert_false(conn_peer_gone(&conn));
    assert_false(conn.readable);
    assert_int_equal(conn_write(&conn, "lost", 4), 4);
    assert_int_equal(conn_write(&conn, "lost", 4), 4);
}

static void one_that_breaks_is_heard_out(void **state)
{
    touch("{\"kind\": \"noop\", \"stream\": \"both\"}");
    far_write("413");
    close(far);
    far = -1;
    assert_int_equal(conn_write(&conn, "body", 4), 4); /* nobody takes it any more */
    running_go(&running);
    assert_got("413");
    assert_end(CONN_EOF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(bytes_come_later_in_both_directions),
        TEST(bytes_that_had_come_before_are_not_forgotten),
        TEST(what_was_held_goes_on_at_once_when_the_fault_lets_go),
        TEST(a_change_holds_for_what_is_in_flight),
        TEST(who_writes_more_than_is_in_flight_waits),
        TEST(who_is_not_read_is_not_read_for),
        TEST(an_end_stands_behind_the_bytes),
        TEST(the_owners_end_goes_the_same_way),
        TEST(a_cut_is_an_end_and_a_reset_a_failure),
        TEST(idle_for_too_long_it_closes_by_itself),
        TEST(a_stale_connection_says_nothing_of_its_end),
        TEST(one_that_breaks_is_heard_out),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
