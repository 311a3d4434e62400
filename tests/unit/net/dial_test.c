/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/net/conn.h"
#include "lib/net/dial.h"
#include "tests/unit/net/running.h"

static struct running running;
static struct conn conn;

static int set_up(void **state)
{
    conn.fd = -1;
    running_start(&running);
    return 0;
}

static int tear_down(void **state)
{
    conn_close(&conn);
    running_end(&running);
    return 0;
}

static void stop(struct conn *ready, void *owner)
{
    loop_stop(&running.loop);
}

/* A socket bound to that address, which becomes the one it was really bound to. */
static int bound_to(struct address *address, const char *text)
{
    assert_true(address_parse(address, text));
    int fd = socket(address->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &address->u.any, address->length), 0);
    assert_true(address_of_socket(address, fd));
    return fd;
}

/* Dials, waits for the answer, and gives what dial_error says of it. */
static int outcome(const struct address *address)
{
    struct error error;
    int fd = dial_start(address);
    assert_true(fd >= 0);
    assert_int_equal(conn_init(&conn, &running.loop, fd, &conn_plain, stop, NULL, &error), OK);
    running_go(&running);
    assert_true(conn.writable || conn.peer_closed);
    return dial_error(fd);
}

static void connects(void **state)
{
    struct address address;
    int nodelay = 0;
    socklen_t length = sizeof(nodelay);
    int listening = bound_to(&address, "127.0.0.1:0");
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(outcome(&address), 0);
    assert_int_equal(getsockopt(conn.fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &length), 0);
    assert_int_not_equal(nodelay, 0);
    assert_int_not_equal(fcntl(conn.fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_not_equal(fcntl(conn.fd, F_GETFD) & FD_CLOEXEC, 0);
    int accepted = accept(listening, NULL, NULL);
    assert_int_equal(conn_write(&conn, "x", 1), 1);
    assert_int_equal(read(accepted, &(char){0}, 1), 1);
    close(accepted);
    close(listening);
}

static void says_that_nobody_listens(void **state)
{
    struct address address;
    int holder = bound_to(&address, "127.0.0.1:0");
    assert_int_equal(outcome(&address), ECONNREFUSED);
    close(holder);
}

static void waits_where_nobody_accepts(void **state)
{
    struct address address;
    struct error error;
    int listening = bound_to(&address, "127.0.0.1:0"), waiting[8];
    assert_int_equal(listen(listening, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        waiting[i] = dial_start(&address);
    int fd = dial_start(&address);
    assert_true(fd >= 0);
    assert_int_equal(conn_init(&conn, &running.loop, fd, &conn_plain, stop, NULL, &error), OK);
    running_settle(&running);
    assert_false(conn.writable);
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        close(waiting[i]);
    close(listening);
}

static void dials_unix_sockets(void **state)
{
    struct address address;
    char folder[] = "/tmp/tailgate-dial-XXXXXX", text[64];
    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof(text), "unix:%s/s", folder);
    assert_true(address_parse(&address, text));
    assert_int_equal(dial_start(&address), -1);
    assert_int_equal(errno, ENOENT);
    int listening = bound_to(&address, text);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(outcome(&address), 0);
    close(listening);
    conn_close(&conn);
    assert_int_equal(dial_start(&address), -1);
    assert_int_equal(errno, ECONNREFUSED);
    unlink(text + 5);
    rmdir(folder);
}

static void reports_a_descriptor_that_is_none(void **state)
{
    assert_int_equal(dial_error(-1), EBADF);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connects),
        TEST(says_that_nobody_listens),
        TEST(waits_where_nobody_accepts),
        TEST(dials_unix_sockets),
        TEST(reports_a_descriptor_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
