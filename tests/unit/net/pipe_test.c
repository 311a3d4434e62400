/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "lib/net/pipe.h"
#include "tests/unit/net/running.h"

/* A connection to read from and one to write to, each with its other end. */
static struct running running;
static struct conn from, to;
static int source, sink;
static struct pipes pipes;

static void ignore(struct conn *conn, void *owner) {}

static void start(struct conn *conn, int *far)
{
    struct error error;
    int pair[2];
    running_pair(pair);
    *far = pair[1];
    assert_int_equal(conn_init(conn, &running.loop, pair[0], &conn_plain, ignore, &running, &error),
                     OK);
    conn->readable = conn->writable = true;
}

static int set_up(void **state)
{
    running_start(&running);
    start(&from, &source);
    start(&to, &sink);
    pipes_init(&pipes, 2);
    return 0;
}

static int tear_down(void **state)
{
    conn_close(&from);
    conn_close(&to);
    close(source);
    close(sink);
    pipes_release(&pipes);
    running_end(&running);
    return pipes.open;
}

static void assert_arrived(const char *expected)
{
    char bytes[64];
    assert_int_equal(read(sink, bytes, sizeof(bytes)), strlen(expected));
    assert_memory_equal(bytes, expected, strlen(expected));
}

static void carries_what_was_put_and_then_what_came(void **state)
{
    struct pipe *pipe = pipes_lend(&pipes);
    char head[] = "head ";
    const struct iovec parts[] = {{head, 2}, {head + 2, 3}};
    assert_int_equal(write(source, "body and more", 13), 13);
    assert_true(pipe_put(pipe, parts, 2));
    assert_int_equal(pipe_fill(pipe, &from, 4), 4);
    assert_int_equal(pipe->held, 9);
    assert_int_equal(pipe_drain(pipe, &to), 9);
    assert_int_equal(pipe->held, 0);
    assert_arrived("head body");
    assert_true(from.readable);
    assert_int_equal(pipe_fill(pipe, &from, 100), 9);
    assert_int_equal(pipe_fill(pipe, &from, 100), CONN_AGAIN);
    assert_false(from.readable);
    assert_int_equal(pipe_drain(pipe, &to), 9);
    assert_arrived(" and more");
    pipes_take_back(&pipes, pipe);
}

static void says_when_the_source_has_ended(void **state)
{
    struct pipe *pipe = pipes_lend(&pipes);
    assert_int_equal(shutdown(source, SHUT_WR), 0);
    assert_int_equal(pipe_fill(pipe, &from, 100), CONN_EOF);
    from.problem = ECONNRESET; /* as conn_peer_gone would have found it */
    assert_int_equal(pipe_fill(pipe, &from, 100), CONN_FAILED);
    assert_int_equal(errno, ECONNRESET);
    pipes_take_back(&pipes, pipe);
}

static void keeps_what_the_sink_does_not_take(void **state)
{
    static char block[65536];
    struct pipe *pipe = pipes_lend(&pipes);
    ssize_t put = 1;
    while (put > 0) {
        ssize_t got = 0;
        if (pipe->held == 0) {
            assert_int_equal(write(source, block, sizeof(block)), sizeof(block));
            from.used = 0; /* each in a turn of its own */
            got = pipe_fill(pipe, &from, sizeof(block));
            assert_true(got > 0);
        }
        put = pipe_drain(pipe, &to);
    }
    assert_int_equal(put, CONN_AGAIN);
    assert_false(to.writable);
    assert_true(pipe->held > 0);
    pipes_take_back(&pipes, pipe);
    assert_int_equal(pipes.open, 0); /* its bytes are for nobody else */
}

static void moves_nothing_when_the_turn_is_used_up(void **state)
{
    struct pipe *pipe = pipes_lend(&pipes);
    assert_int_equal(write(source, "x", 1), 1);
    conn_spend(&from, CONN_TURN);
    assert_int_equal(pipe_fill(pipe, &from, 100), CONN_AGAIN);
    assert_true(from.readable);
    pipes_take_back(&pipes, pipe);
}

static void says_when_the_sink_has_gone(void **state)
{
    struct pipe *pipe = pipes_lend(&pipes);
    char byte = 'x';
    assert_true(pipe_put(pipe, &(struct iovec){&byte, 1}, 1));
    assert_int_equal(shutdown(to.fd, SHUT_WR), 0);
    assert_int_equal(pipe_drain(pipe, &to), CONN_FAILED);
    assert_int_equal(errno, EPIPE);
    pipes_take_back(&pipes, pipe);
}

static void lends_no_more_than_the_limit(void **state)
{
    struct pipe *one = pipes_lend(&pipes), *two = pipes_lend(&pipes);
    assert_non_null(one);
    assert_non_null(two);
    assert_null(pipes_lend(&pipes));
    pipes_take_back(&pipes, one);
    assert_ptr_equal(pipes_lend(&pipes), one);
    pipes_take_back(&pipes, two);
    pipes_take_back(&pipes, one);
    assert_int_equal(pipes.open, 2);
}

static void refuses_to_be_filled_by_what_is_put(void **state)
{
    static char block[PIPE_PIECE];
    struct pipe *pipe = pipes_lend(&pipes);
    assert_false(pipe_put(pipe, &(struct iovec){block, pipe->capacity / 4 + 1}, 1));
    assert_int_equal(pipe->held, 0);
    pipes_take_back(&pipes, pipe);
}

static void joins_only_what_travels_as_it_is(void **state)
{
    static const struct conn_ops other = {.name = "other"};
    assert_true(pipe_can_join(&from, &to));
    to.ops = &other;
    assert_false(pipe_can_join(&from, &to));
    assert_false(pipe_can_join(&to, &from));
    to.ops = &conn_plain;
}

static int ignore_broken_pipes(void **state)
{
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(carries_what_was_put_and_then_what_came),
        TEST(says_when_the_source_has_ended),
        TEST(keeps_what_the_sink_does_not_take),
        TEST(moves_nothing_when_the_turn_is_used_up),
        TEST(says_when_the_sink_has_gone),
        TEST(lends_no_more_than_the_limit),
        TEST(refuses_to_be_filled_by_what_is_put),
        TEST(joins_only_what_travels_as_it_is),
    };
    return cmocka_run_group_tests(tests, ignore_broken_pipes, NULL);
}
