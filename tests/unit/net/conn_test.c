/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/net/address.h"
#include "lib/net/conn.h"
#include "tests/unit/net/running.h"

static struct running running;
static struct conn conn;
static int far; /* the other end, played by the test; -1 when it closed it */
static int calls;

static void count_and_stop(struct conn *ready, void *owner)
{
    assert_ptr_equal(ready, &conn);
    assert_ptr_equal(owner, &running);
    calls++;
    loop_stop(&running.loop);
}

static void start_with(int fd, const struct conn_ops *ops, conn_ready *ready)
{
    struct error error;
    assert_int_equal(conn_init(&conn, &running.loop, fd, ops, ready, &running, &error), OK);
}

/* A connection over a socket pair that has been called for its first room to write. */
static int set_up(void **state)
{
    int pair[2];
    calls = 0;
    running_start(&running);
    running_pair(pair);
    far = pair[1];
    start_with(pair[0], &conn_plain, count_and_stop);
    assert_int_equal(calls, 0);
    running_go(&running);
    assert_int_equal(calls, 1);
    assert_true(conn.writable);
    assert_false(conn.readable);
    return 0;
}

static void far_close(void)
{
    if (far >= 0)
        close(far);
    far = -1;
}

static int tear_down(void **state)
{
    conn_close(&conn);
    far_close();
    running_end(&running);
    return 0;
}

static void far_write(const char *text)
{
    assert_int_equal(write(far, text, strlen(text)), strlen(text));
}

static void assert_reads(const char *expected)
{
    char bytes[64];
    assert_int_equal(conn_read(&conn, bytes, sizeof(bytes)), strlen(expected));
    assert_memory_equal(bytes, expected, strlen(expected));
}

static void calls_once_for_what_came_and_not_again(void **state)
{
    char byte;
    far_write("hello");
    running_go(&running);
    assert_int_equal(calls, 2);
    assert_true(conn.readable);
    running_settle(&running);
    assert_int_equal(calls, 2);
    assert_reads("hello");
    assert_false(conn.readable);
    assert_int_equal(conn_read(&conn, &byte, 1), CONN_AGAIN);
    far_write("again");
    running_go(&running);
    assert_reads("again");
}

/* Who has used up its turn finds nothing, is called again without any news, and goes on. */
static void reads_on_in_the_next_turn(void **state)
{
    char byte;
    far_write("hello");
    running_go(&running);
    conn_spend(&conn, CONN_TURN - 1);
    assert_false(conn_turn_is_over(&conn));
    assert_int_equal(conn_read(&conn, &byte, 1), 1);
    assert_int_equal(conn_read(&conn, &byte, 1), CONN_AGAIN);
    assert_true(conn_turn_is_over(&conn));
    assert_true(conn.readable);
    assert_int_equal(calls, 2);
    running_go(&running);
    assert_int_equal(calls, 3);
    assert_reads("ello");
    running_settle(&running);
    assert_int_equal(calls, 3);
}

static void has_no_turn_after_its_end(void **state)
{
    conn_spend(&conn, CONN_TURN);
    assert_true(conn_turn_is_over(&conn));
    conn_close(&conn);
    running_settle(&running);
    assert_int_equal(calls, 1);
}

/* Also when the turn is used up. */
static void tells_whether_anything_follows(void **state)
{
    far_write("a");
    running_go(&running);
    conn_spend(&conn, CONN_TURN);
    assert_true(conn_has_more(&conn));
    assert_false(conn_has_more(&conn));
    far_close();
    running_go(&running);
    assert_true(conn_has_more(&conn));
}

static void stays_readable_until_it_was_emptied(void **state)
{
    char bytes[4];
    far_write("12345678");
    running_go(&running);
    assert_int_equal(conn_read(&conn, bytes, 4), 4);
    assert_true(conn.readable);
    assert_int_equal(conn_read(&conn, bytes, 4), 4);
    assert_memory_equal(bytes, "5678", 4);
    assert_true(conn.readable);
    assert_int_equal(conn_read(&conn, bytes, 4), CONN_AGAIN);
    assert_false(conn.readable);
}

static void an_owner_that_reads_later_misses_nothing(void **state)
{
    far_write("first ");
    running_go(&running);
    running_settle(&running);
    far_write("second");
    running_settle(&running);
    assert_true(conn.readable);
    assert_reads("first second");
}

static void reads_to_the_end_although_the_close_raised_no_second_call(void **state)
{
    char byte;
    far_write("last words");
    far_close();
    running_go(&running);
    assert_true(conn.peer_closed);
    assert_reads("last words");
    assert_true(conn.readable);
    assert_int_equal(conn_read(&conn, &byte, 1), CONN_EOF);
    assert_int_equal(conn_read(&conn, &byte, 1), CONN_EOF);
}

static void notices_a_close_that_comes_after_everything_was_read(void **state)
{
    char byte;
    far_write("x");
    running_go(&running);
    assert_reads("x");
    assert_false(conn.peer_closed);
    assert_int_equal(shutdown(far, SHUT_WR), 0);
    running_go(&running);
    assert_true(conn.peer_closed);
    assert_true(conn.readable);
    assert_int_equal(conn_read(&conn, &byte, 1), CONN_EOF);
    assert_int_equal(conn_write(&conn, "still", 5), 5);
    char bytes[5];
    assert_int_equal(read(far, bytes, 5), 5);
}

/* Until the socket is full; how much went in. */
static size_t fill(void)
{
    static const char block[65536];
    size_t total = 0;
    ssize_t put;
    while ((put = conn_write(&conn, block, sizeof(block))) > 0)
        total += (size_t)put;
    assert_int_equal(put, CONN_AGAIN);
    assert_false(conn.writable);
    return total;
}

static void far_drain(size_t total)
{
    static char block[65536];
    while (total > 0) {
        ssize_t got = read(far, block, sizeof(block));
        assert_true(got > 0);
        total -= (size_t)got;
    }
}

static void is_called_when_there_is_room_again(void **state)
{
    size_t total = fill();
    assert_true(total > 0);
    running_settle(&running);
    assert_int_equal(calls, 1);
    far_drain(total);
    running_go(&running);
    assert_true(conn.writable);
    assert_int_equal(conn_write(&conn, "x", 1), 1);
}

static void writes_parts_as_one(void **state)
{
    static const char text[] = "onetwothree";
    struct iovec parts[] = {{(void *)(uintptr_t)text, 3},
                            {(void *)(uintptr_t)(text + 3), 0},
                            {(void *)(uintptr_t)(text + 3), 3},
                            {(void *)(uintptr_t)(text + 6), 5}};
    char bytes[32];
    assert_int_equal(conn_writev(&conn, parts, 4), 11);
    assert_int_equal(read(far, bytes, sizeof(bytes)), 11);
    assert_memory_equal(bytes, text, 11);
}

static void a_part_of_the_parts_may_be_all_that_fits(void **state)
{
    size_t size = 4 << 20;
    char *block = calloc(1, size);
    struct iovec parts[] = {{block, size / 2}, {block + size / 2, size / 2}};
    assert_non_null(block);
    ssize_t put = conn_writev(&conn, parts, 2);
    assert_in_range(put, 1, size - 1);
    assert_int_equal(conn_writev(&conn, parts, 2), CONN_AGAIN);
    far_drain((size_t)put);
    free(block);
}

/* Without a signal: this process would not be here to see it. */
static void says_that_the_peer_is_gone(void **state)
{
    struct iovec parts[] = {{(char[]){"a"}, 1}, {(char[]){"b"}, 1}};
    far_close();
    assert_int_equal(conn_write(&conn, "x", 1), CONN_FAILED);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(conn_writev(&conn, parts, 2), CONN_FAILED);
    assert_int_equal(errno, EPIPE);
}

static void closes_once_and_for_ever(void **state)
{
    char byte;
    int fd = conn.fd;
    far_write("unread");
    conn_close(&conn);
    assert_false(conn_is_open(&conn));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    conn_close(&conn);
    conn_reset(&conn);
    running_settle(&running);
    assert_int_equal(calls, 1);
    assert_int_equal(send(far, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(read(far, &byte, 1), -1);
}

static void close_and_stop(struct conn *ready, void *owner)
{
    calls++;
    conn_close(ready);
    loop_stop(&running.loop);
}

static void may_be_closed_in_its_own_call(void **state)
{
    conn.ready = close_and_stop;
    far_write("x");
    running_go(&running);
    assert_false(conn_is_open(&conn));
    assert_int_equal(calls, 2);
}

/* A TCP connection on the loopback address: `conn` and `far`. */
static void over_tcp(void)
{
    struct address address;
    int listening = socket(AF_INET, SOCK_STREAM, 0), near;
    conn_close(&conn);
    far_close();
    assert_true(address_parse(&address, "127.0.0.1:0"));
    assert_int_equal(bind(listening, &address.u.any, address.length), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_true(address_of_socket(&address, listening));
    near = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(near, &address.u.any, address.length), 0);
    far = accept(listening, NULL, NULL);
    assert_true(far >= 0);
    close(listening);
    assert_int_equal(fcntl(near, F_SETFL, O_NONBLOCK), 0);
    start_with(near, &conn_plain, count_and_stop);
    running_go(&running);
}

static void far_reset(void)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(far, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    far_close();
}

static void notices_a_reset(void **state)
{
    char byte;
    over_tcp();
    far_reset();
    running_go(&running);
    assert_true(conn.readable);
    assert_int_equal(conn_read(&conn, &byte, 1), CONN_FAILED);
    assert_int_equal(errno, ECONNRESET);
}

static void resets_so_that_the_peer_notices(void **state)
{
    char byte;
    over_tcp();
    conn_reset(&conn);
    assert_false(conn_is_open(&conn));
    assert_int_equal(read(far, &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
}

static void closes_so_that_the_peer_gets_everything(void **state)
{
    char bytes[8];
    over_tcp();
    assert_int_equal(conn_write(&conn, "bye", 3), 3);
    conn_close(&conn);
    assert_int_equal(read(far, bytes, sizeof(bytes)), 3);
    assert_int_equal(read(far, bytes, sizeof(bytes)), 0);
}

/* Without reading: an owner that waits for something else learns of it, bytes unread or not. */
static void knows_that_the_peer_is_gone_without_reading(void **state)
{
    over_tcp();
    assert_false(conn_peer_gone(&conn));
    far_write("unread");
    running_go(&running);
    assert_false(conn_peer_gone(&conn));
    far_reset();
    running_go(&running);
    assert_true(conn_peer_gone(&conn));
    over_tcp();
    far_close();
    running_go(&running);
    assert_true(conn_peer_gone(&conn));
}

/* The bytes and the reset raise one event, and reading the bytes looks like having read all. */
static void a_reset_behind_the_last_bytes_is_not_forgotten(void **state)
{
    char byte;
    over_tcp();
    far_write("last words");
    far_reset();
    running_go(&running);
    assert_reads("last words");
    assert_true(conn_peer_gone(&conn));
    assert_true(conn.readable);
    assert_int_equal(conn_read(&conn, &byte, 1), CONN_FAILED);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(conn_read(&conn, &byte, 1), CONN_FAILED);
}

/* A table of its own, that is interrupted and then fails. */
static int interruptions;
static bool closed;

static ssize_t odd_read(struct conn *odd, void *bytes, size_t n)
{
    assert_string_equal(odd->ops_state, "state");
    errno = interruptions-- > 0 ? EINTR : EIO;
    return -1;
}

static ssize_t odd_writev(struct conn *odd, const struct iovec *parts, int count)
{
    errno = interruptions-- > 0 ? EINTR : EAGAIN;
    return -1;
}

static void odd_close(struct conn *odd, bool orderly)
{
    closed = orderly;
    close(odd->fd);
}

static void goes_through_its_table_of_functions(void **state)
{
    static const struct conn_ops odd = {
        .name = "odd", .read = odd_read, .writev = odd_writev, .close = odd_close};
    char byte, name[] = "state";
    conn.ops = &odd;
    conn.ops_state = name;
    interruptions = 2;
    closed = false;
    assert_int_equal(conn_read(&conn, &byte, 1), CONN_FAILED);
    assert_int_equal(errno, EIO);
    interruptions = 2;
    assert_int_equal(conn_write(&conn, "x", 1), CONN_AGAIN);
    assert_int_equal(interruptions, -1);
    conn_close(&conn);
    assert_true(closed);
}

static void says_what_it_cannot_watch(void **state)
{
    struct conn other;
    struct error error = {""};
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(
        conn_init(&other, &running.loop, fd, &conn_plain, count_and_stop, NULL, &error),
        FAILED_SYSTEM);
    assert_non_null(strstr(error.text, "cannot watch a connection"));
    assert_false(conn_is_open(&other));
    conn_close(&other);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_once_for_what_came_and_not_again),
        TEST(stays_readable_until_it_was_emptied),
        TEST(reads_on_in_the_next_turn),
        TEST(has_no_turn_after_its_end),
        TEST(tells_whether_anything_follows),
        TEST(an_owner_that_reads_later_misses_nothing),
        TEST(reads_to_the_end_although_the_close_raised_no_second_call),
        TEST(notices_a_close_that_comes_after_everything_was_read),
        TEST(is_called_when_there_is_room_again),
        TEST(writes_parts_as_one),
        TEST(a_part_of_the_parts_may_be_all_that_fits),
        TEST(says_that_the_peer_is_gone),
        TEST(closes_once_and_for_ever),
        TEST(may_be_closed_in_its_own_call),
        TEST(notices_a_reset),
        TEST(resets_so_that_the_peer_notices),
        TEST(closes_so_that_the_peer_gets_everything),
        TEST(knows_that_the_peer_is_gone_without_reading),
        TEST(a_reset_behind_the_last_bytes_is_not_forgotten),
        TEST(goes_through_its_table_of_functions),
        TEST(says_what_it_cannot_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
