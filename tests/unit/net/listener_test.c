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
#include <sys/resource.h>

#include "lib/net/listener.h"
#include "tests/unit/net/running.h"

static struct running running;
static struct listener listener;

/* What was accepted: descriptors and who called. */
static int accepted[8];
static char peers[8][ADDRESS_TEXT];
static int accepted_count, stop_after;

/* What the test itself opened; closed at its end. */
static int dialled[8];
static int dialled_count;

static int set_up(void **state)
{
    accepted_count = dialled_count = 0;
    stop_after = 1;
    running_start(&running);
    return 0;
}

static void close_all(int *fds, int count)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

static int tear_down(void **state)
{
    listener_close(&listener);
    listener_close(&listener);
    close_all(accepted, accepted_count);
    close_all(dialled, dialled_count);
    running_end(&running);
    return 0;
}

static void on_accept(void *owner, int fd, const struct address *peer)
{
    assert_ptr_equal(owner, &running);
    address_format(peer, peers[accepted_count], ADDRESS_TEXT);
    accepted[accepted_count++] = fd;
    if (accepted_count >= stop_after)
        loop_stop(&running.loop);
}

static struct address parsed(const char *text)
{
    struct address address;
    assert_true(address_parse(&address, text));
    return address;
}

static enum result open_at(struct listener *at, const struct address *address, bool share,
                           struct error *error)
{
    struct listener_options options = {.backlog = 8, .share = share};
    return listener_open(at, &running.loop, address, &options, on_accept, &running, error);
}

static void listen_on(const char *text)
{
    struct address address = parsed(text);
    struct error error;
    assert_int_equal(open_at(&listener, &address, false, &error), OK);
}

static int dial_listener(void)
{
    const struct address *address = &listener.address;
    int fd = socket(address->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &address->u.any, address->length), 0);
    dialled[dialled_count++] = fd;
    return fd;
}

static void hands_over_sockets_that_are_ready_for_use(void **state)
{
    struct address mine;
    char text[ADDRESS_TEXT];
    int nodelay = 0;
    socklen_t length = sizeof(nodelay);
    listen_on("127.0.0.1:0");
    assert_int_not_equal(listener.address.u.in.sin_port, 0);
    assert_true(address_of_socket(&mine, dial_listener()));
    running_go(&running);
    assert_int_equal(accepted_count, 1);
    assert_string_equal(peers[0], address_format(&mine, text, sizeof(text)));
    assert_int_not_equal(fcntl(accepted[0], F_GETFL) & O_NONBLOCK, 0);
    assert_int_not_equal(fcntl(accepted[0], F_GETFD) & FD_CLOEXEC, 0);
    assert_int_equal(getsockopt(accepted[0], IPPROTO_TCP, TCP_NODELAY, &nodelay, &length), 0);
    assert_int_not_equal(nodelay, 0);
}

static void accepts_all_that_wait(void **state)
{
    listen_on("127.0.0.1:0");
    stop_after = 5;
    for (int i = 0; i < 5; i++)
        dial_listener();
    running_go(&running);
    assert_int_equal(accepted_count, 5);
}

static void listens_on_unix_sockets_and_cleans_up(void **state)
{
    char folder[] = "/tmp/tailgate-listener-XXXXXX", text[64];
    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof(text), "unix:%s/s", folder);
    listen_on(text);
    dial_listener();
    running_go(&running);
    assert_int_equal(accepted_count, 1);
    listener_close(&listener);
    assert_int_equal(rmdir(folder), 0);
}

static void says_that_the_port_is_taken(void **state)
{
    struct listener second;
    struct error error = {""};
    char text[ADDRESS_TEXT];
    listen_on("127.0.0.1:0");
    assert_int_equal(open_at(&second, &listener.address, false, &error), FAILED_SYSTEM);
    address_format(&listener.address, text, sizeof(text));
    assert_non_null(strstr(error.text, text));
    assert_non_null(strstr(error.text, "another program already does"));
    listener_close(&second);
    assert_int_equal(listener_check_free(&listener.address, &error), FAILED_SYSTEM);
}

static void says_what_else_is_wrong_with_an_address(void **state)
{
    struct address nowhere = parsed("unix:/nowhere/at/all/s");
    struct error error = {""};
    assert_int_equal(open_at(&listener, &nowhere, false, &error), FAILED_SYSTEM);
    assert_non_null(strstr(error.text, "unix:/nowhere/at/all/s: its folder is not there"));
    assert_int_equal(listener_check_free(&nowhere, &error), FAILED_SYSTEM);
    struct address elsewhere = parsed("192.0.2.1:0");
    assert_int_equal(open_at(&listener, &elsewhere, false, &error), FAILED_SYSTEM);
    assert_non_null(strstr(error.text, "no interface of this machine has the address"));
}

static void workers_share_a_port_when_all_say_so(void **state)
{
    struct listener first, alone;
    struct error error;
    struct address any = parsed("127.0.0.1:0");
    assert_int_equal(open_at(&first, &any, true, &error), OK);
    assert_int_equal(open_at(&alone, &first.address, false, &error), FAILED_SYSTEM);
    assert_int_equal(open_at(&listener, &first.address, true, &error), OK);
    listener_close(&first);
    dial_listener();
    running_go(&running);
    assert_int_equal(accepted_count, 1);
}

/* Who shares its port would let another process of the same user in without a word. */
static void sees_that_a_shared_port_is_taken(void **state)
{
    struct error error;
    struct address any = parsed("127.0.0.1:0");
    assert_int_equal(open_at(&listener, &any, true, &error), OK);
    struct address address = listener.address;
    assert_int_equal(listener_check_free(&address, &error), FAILED_SYSTEM);
    assert_non_null(strstr(error.text, "another program already does"));
    listener_close(&listener);
    assert_int_equal(listener_check_free(&address, &error), OK);
    assert_int_equal(listener_check_free(&any, &error), OK);
    assert_int_equal(open_at(&listener, &address, true, &error), OK);
}

/* What a restarted program finds: its predecessor's connections in TIME_WAIT. */
static void a_port_is_free_although_old_connections_linger(void **state)
{
    struct error error;
    listen_on("127.0.0.1:0");
    struct address address = listener.address;
    dial_listener();
    running_go(&running);
    close(accepted[--accepted_count]);
    assert_int_equal(read(dialled[0], &(char){0}, 1), 0);
    close(dialled[--dialled_count]);
    listener_close(&listener);
    assert_int_equal(listener_check_free(&address, &error), OK);
    assert_int_equal(open_at(&listener, &address, false, &error), OK);
}

static void can_be_held(void **state)
{
    listen_on("127.0.0.1:0");
    listener_hold(&listener, true);
    listener_hold(&listener, true);
    dial_listener();
    running_settle(&running);
    assert_int_equal(accepted_count, 0);
    listener_hold(&listener, false);
    listener_hold(&listener, false);
    running_go(&running);
    assert_int_equal(accepted_count, 1);
}

static void hold_on_accept(void *owner, int fd, const struct address *peer)
{
    on_accept(owner, fd, peer);
    listener_hold(&listener, true);
}

static void can_be_held_after_each_connection(void **state)
{
    listen_on("127.0.0.1:0");
    listener.accept = hold_on_accept;
    for (int i = 1; i <= 3; i++)
        dial_listener();
    for (int i = 1; i <= 3; i++) {
        running_go(&running);
        running_settle(&running);
        assert_int_equal(accepted_count, i);
        listener_hold(&listener, false);
    }
}

static void close_on_accept(void *owner, int fd, const struct address *peer)
{
    on_accept(owner, fd, peer);
    listener_close(&listener);
}

static void may_be_closed_in_its_own_call(void **state)
{
    listen_on("127.0.0.1:0");
    listener.accept = close_on_accept;
    dial_listener();
    dial_listener();
    running_go(&running);
    running_settle(&running);
    assert_int_equal(accepted_count, 1);
}

/* ---- without descriptors */

static char story[8];
static rlim_t usual_limit;

static void limit_descriptors(rlim_t limit)
{
    struct rlimit now;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    usual_limit = now.rlim_cur;
    now.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
}

static void on_exhausted(void *owner, bool paused)
{
    story[strlen(story)] = paused ? 'p' : 'r';
    if (paused)
        loop_stop(&running.loop);
}

/* Two connections wait, and no descriptor is left. */
static void run_out_of_descriptors(void)
{
    memset(story, 0, sizeof(story));
    listen_on("127.0.0.1:0");
    listener.exhausted = on_exhausted;
    dial_listener();
    int last = dial_listener();
    limit_descriptors((rlim_t)last + 1);
    running_go(&running);
    assert_string_equal(story, "p");
    assert_true(listener.paused);
    assert_int_equal(accepted_count, 0);
}

/* Descriptors are there again: it says so, and those who waited come in. */
static void go_on(void)
{
    stop_after = 2;
    running_go(&running);
    assert_string_equal(story, "pr");
    assert_false(listener.paused);
    assert_int_equal(accepted_count, 2);
}

/* Long enough for it to try again. */
static void wait_for_a_try(void)
{
    for (int i = 0; i < 5; i++)
        running_settle(&running);
}

static void pauses_without_descriptors_and_goes_on_with_them(void **state)
{
    run_out_of_descriptors();
    limit_descriptors(usual_limit);
    go_on();
}

static void says_once_that_it_pauses_however_often_it_tries(void **state)
{
    run_out_of_descriptors();
    wait_for_a_try();
    wait_for_a_try();
    assert_string_equal(story, "p");
    limit_descriptors(usual_limit);
    go_on();
}

static void goes_on_when_those_who_waited_are_gone(void **state)
{
    run_out_of_descriptors();
    close_all(dialled, dialled_count);
    dialled_count = 0;
    limit_descriptors(usual_limit);
    go_on();
}

static void may_be_held_while_it_pauses(void **state)
{
    run_out_of_descriptors();
    listener_hold(&listener, true);
    limit_descriptors(usual_limit);
    wait_for_a_try();
    assert_int_equal(accepted_count, 0);
    listener_hold(&listener, false);
    go_on();
}

static void a_hold_that_ends_does_not_end_a_pause(void **state)
{
    run_out_of_descriptors();
    listener_hold(&listener, true);
    listener_hold(&listener, false);
    assert_true(listener.paused);
    limit_descriptors(usual_limit);
    go_on();
}

static void may_be_closed_while_it_pauses(void **state)
{
    run_out_of_descriptors();
    listener_close(&listener);
    limit_descriptors(usual_limit);
    wait_for_a_try();
    assert_string_equal(story, "p");
}

/* ---- reload */

static void goes_on_with_another_owner_and_loses_nobody(void **state)
{
    struct listener heir;
    listen_on("127.0.0.1:0");
    struct address address = listener.address;
    dial_listener();
    listener_move(&heir, &listener, &running);
    assert_int_equal(listener.fd, -1);
    assert_true(address_equal(&heir.address, &address));
    dial_listener();
    stop_after = 2;
    running_go(&running);
    assert_int_equal(accepted_count, 2);
    listener_close(&heir);
}

static void what_pauses_or_is_held_still_does_with_its_heir(void **state)
{
    struct listener heir;
    listen_on("127.0.0.1:0");
    listener_hold(&listener, true);
    listener_move(&heir, &listener, &running);
    dial_listener();
    running_settle(&running);
    assert_int_equal(accepted_count, 0);
    listener_hold(&heir, false);
    running_go(&running);
    assert_int_equal(accepted_count, 1);
    listener_close(&heir);
}

static void accepts_those_who_wait_before_it_closes_for_good(void **state)
{
    struct error error;
    listen_on("127.0.0.1:0");
    struct address address = listener.address;
    dial_listener();
    dial_listener();
    listener_finish(&listener);
    assert_int_equal(accepted_count, 2);
    assert_int_equal(listener_check_free(&address, &error), OK);
    listener_finish(&listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hands_over_sockets_that_are_ready_for_use),
        TEST(accepts_all_that_wait),
        TEST(listens_on_unix_sockets_and_cleans_up),
        TEST(says_that_the_port_is_taken),
        TEST(says_what_else_is_wrong_with_an_address),
        TEST(workers_share_a_port_when_all_say_so),
        TEST(sees_that_a_shared_port_is_taken),
        TEST(a_port_is_free_although_old_connections_linger),
        TEST(can_be_held),
        TEST(can_be_held_after_each_connection),
        TEST(may_be_closed_in_its_own_call),
        TEST(pauses_without_descriptors_and_goes_on_with_them),
        TEST(says_once_that_it_pauses_however_often_it_tries),
        TEST(goes_on_when_those_who_waited_are_gone),
        TEST(may_be_held_while_it_pauses),
        TEST(a_hold_that_ends_does_not_end_a_pause),
        TEST(may_be_closed_while_it_pauses),
        TEST(goes_on_with_another_owner_and_loses_nobody),
        TEST(what_pauses_or_is_held_still_does_with_its_heir),
        TEST(accepts_those_who_wait_before_it_closes_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
