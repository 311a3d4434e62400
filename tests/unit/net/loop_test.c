/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "tests/unit/net/running.h"

static struct running running;

/* What happened, a letter a call. */
static char story[64];

static void tell(char letter)
{
    size_t length = strlen(story);
    assert_true(length + 1 < sizeof(story));
    story[length] = letter;
}

static int set_up(void **state)
{
    memset(story, 0, sizeof(story));
    running_start(&running);
    return 0;
}

static int tear_down(void **state)
{
    running_end(&running);
    return 0;
}

static void tell_a(void *arg)
{
    tell('a');
}

static void tell_b(void *arg)
{
    tell('b');
}

static void tell_and_stop(void *arg)
{
    tell('.');
    loop_stop(&running.loop);
}

static void timers_fire_once_in_order_and_not_early(void **state)
{
    struct timer first, second, last;
    timer_init(&first, &running.loop, tell_a, NULL);
    timer_init(&second, &running.loop, tell_b, NULL);
    timer_init(&last, &running.loop, tell_and_stop, NULL);
    assert_false(timer_running(&last));
    mono start = mono_now();
    timer_start(&last, duration_ms(20));
    timer_start(&second, duration_ms(10));
    timer_start(&first, duration_ms(5));
    assert_true(timer_running(&last));
    running_go(&running);
    assert_string_equal(story, "ab.");
    assert_true(mono_between(start, mono_now()).ns >= duration_ms(20).ns);
    assert_false(timer_running(&last));
}

static void a_started_timer_can_be_moved_and_stopped(void **state)
{
    struct timer moved, stopped, last;
    timer_init(&moved, &running.loop, tell_a, NULL);
    timer_init(&stopped, &running.loop, tell_b, NULL);
    timer_init(&last, &running.loop, tell_and_stop, NULL);
    timer_start(&stopped, duration_ms(1));
    timer_start(&moved, duration_s(3600));
    timer_start(&last, duration_ms(1));
    timer_start(&last, duration_ms(20));
    timer_start(&moved, duration_ms(5));
    timer_stop(&stopped);
    timer_stop(&stopped);
    running_go(&running);
    assert_string_equal(story, "a.");
}

static struct timer again;

static void start_again(void *arg)
{
    tell('x');
    assert_false(timer_running(&again));
    if (strlen(story) < 3)
        timer_start(&again, duration_ns(0));
    else
        loop_stop(&running.loop);
}

static void a_timer_may_start_itself_again(void **state)
{
    timer_init(&again, &running.loop, start_again, NULL);
    timer_start(&again, duration_ns(-5));
    running_go(&running);
    assert_string_equal(story, "xxx");
}

static void the_loop_can_run_again_after_a_stop(void **state)
{
    struct timer timer;
    timer_init(&timer, &running.loop, tell_and_stop, NULL);
    for (int i = 0; i < 3; i++) {
        timer_start(&timer, duration_ms(1));
        running_go(&running);
    }
    assert_string_equal(story, "...");
}

static struct soon soon;

static void ask_twice(void *arg)
{
    tell(*(const char *)arg);
    soon_ask(&soon);
    soon_ask(&soon);
}

/* Two descriptors become readable in the same round; the call that the first one's callback puts
 * off comes behind the second's. */
static void soon_waits_for_the_other_callbacks_and_calls_once(void **state)
{
    struct fd_watch watches[2];
    int pair[2];
    static const char *const letters[] = {"1", "2"};
    running_pair(pair);
    assert_int_equal(write(pair[0], "x", 1), 1);
    assert_int_equal(write(pair[1], "x", 1), 1);
    soon_init(&soon, &running.loop, tell_and_stop, NULL);
    for (int i = 0; i < 2; i++)
        fd_watch_start(&watches[i], &running.loop, pair[i], ask_twice,
                       (void *)(uintptr_t)letters[i]);
    running_go(&running);
    assert_int_equal(strlen(story), 3);
    assert_int_equal(story[2], '.');
    for (int i = 0; i < 2; i++) {
        fd_watch_stop(&watches[i]);
        close(pair[i]);
    }
}

static void soon_can_be_cancelled(void **state)
{
    struct soon other;
    struct timer last;
    soon_init(&soon, &running.loop, tell_a, NULL);
    soon_init(&other, &running.loop, tell_b, NULL);
    timer_init(&last, &running.loop, tell_and_stop, NULL);
    soon_cancel(&soon);
    soon_ask(&soon);
    soon_ask(&other);
    soon_cancel(&soon);
    timer_start(&last, duration_ms(5));
    running_go(&running);
    assert_string_equal(story, "b.");
}

static void ask_again(void *arg)
{
    int *left = arg;
    tell('s');
    if (--*left > 0)
        soon_ask(&soon);
    else
        loop_stop(&running.loop);
}

static void soon_may_ask_for_itself_again(void **state)
{
    int left = 4;
    soon_init(&soon, &running.loop, ask_again, &left);
    soon_ask(&soon);
    running_go(&running);
    assert_string_equal(story, "ssss");
}

static struct turn turn;
static int turns;

static void take_turn(void *arg)
{
    turns++;
    turn_ask(&turn, &running.loop);
    turn_ask(&turn, &running.loop);
}

static void turn_stopped(void *arg)
{
    turn_cancel(&turn);
    tell_and_stop(NULL);
}

/* It asks for another turn in each: timers and descriptors come all the same. */
static void turns_let_the_others_go_first(void **state)
{
    struct fd_watch watch;
    struct timer timer;
    int pair[2];
    running_pair(pair);
    assert_int_equal(write(pair[0], "x", 1), 1);
    turns = 0;
    turn_init(&turn, take_turn, NULL);
    take_turn(NULL);
    fd_watch_start(&watch, &running.loop, pair[1], running_stop_call, &running);
    running_go(&running);
    assert_in_range(turns, 1, 2);
    fd_watch_stop(&watch);
    timer_init(&timer, &running.loop, turn_stopped, NULL);
    timer_start(&timer, duration_ms(5));
    running_go(&running);
    assert_string_equal(story, ".");
    int before = turns;
    assert_true(before > 2);
    running_settle(&running);
    assert_int_equal(turns, before);
    close(pair[0]);
    close(pair[1]);
}

static void a_signal_is_handled_in_the_loop(void **state)
{
    struct signal_watch watch, other;
    signal_watch_start(&watch, &running.loop, SIGUSR1, tell_and_stop, NULL);
    signal_watch_start(&other, &running.loop, SIGUSR2, tell_a, NULL);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_string_equal(story, "");
    running_go(&running);
    assert_string_equal(story, ".");
    assert_int_equal(raise(SIGUSR1), 0);
    running_go(&running);
    assert_string_equal(story, "..");
    signal_watch_stop(&watch);
    signal_watch_stop(&other);
}

static void read_one(void *arg)
{
    char byte;
    assert_int_equal(read(*(const int *)arg, &byte, 1), 1);
    tell(byte);
    if (byte == '.')
        loop_stop(&running.loop);
}

/* Level-triggered: who reads one byte of many is called again. */
static void a_watched_descriptor_calls_while_there_is_something(void **state)
{
    struct fd_watch watch;
    int pair[2];
    running_pair(pair);
    fd_watch_start(&watch, &running.loop, pair[1], read_one, &pair[1]);
    assert_int_equal(write(pair[0], "abc.d", 5), 5);
    running_go(&running);
    assert_string_equal(story, "abc.");
    fd_watch_stop(&watch);
    running_settle(&running);
    assert_string_equal(story, "abc.");
    close(pair[0]);
    close(pair[1]);
}

static void a_loop_can_be_released_twice(void **state)
{
    struct loop loop;
    struct error error;
    assert_int_equal(loop_init(&loop, false, &error), OK);
    loop_release(&loop);
    loop_release(&loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(timers_fire_once_in_order_and_not_early),
        TEST(a_started_timer_can_be_moved_and_stopped),
        TEST(a_timer_may_start_itself_again),
        TEST(the_loop_can_run_again_after_a_stop),
        TEST(soon_waits_for_the_other_callbacks_and_calls_once),
        TEST(soon_can_be_cancelled),
        TEST(soon_may_ask_for_itself_again),
        TEST(turns_let_the_others_go_first),
        TEST(a_signal_is_handled_in_the_loop),
        TEST(a_watched_descriptor_calls_while_there_is_something),
        TEST(a_loop_can_be_released_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
