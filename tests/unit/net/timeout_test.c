/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/net/timeout.h"
#include "tests/unit/net/running.h"

static struct running running;
static struct timeout_queue queue;

/* What expired, a letter each, and the timeouts that do it. */
static char story[64];

struct lettered {
    struct timeout timeout;
    char letter;
};
static struct lettered all[4];

static void expired(void *arg)
{
    const struct lettered *one = arg;
    assert_false(timeout_armed(&one->timeout));
    assert_false(mono_before(mono_now(), one->timeout.deadline));
    story[strlen(story)] = one->letter;
    if (one->letter == '.')
        loop_stop(&running.loop);
}

/* The timeouts are called a, b, c and ".", which ends the run. */
static int set_up(void **state)
{
    memset(story, 0, sizeof(story));
    running_start(&running);
    timeout_queue_init(&queue, &running.loop, duration_ms(20));
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i].letter = "abc."[i];
        timeout_init(&all[i].timeout, expired, &all[i]);
    }
    return 0;
}

static int tear_down(void **state)
{
    timeout_queue_release(&queue);
    running_end(&running);
    return 0;
}

static void arm(int i)
{
    timeout_arm(&queue, &all[i].timeout, mono_now());
}

static void expire_in_the_order_they_were_armed_and_not_early(void **state)
{
    mono start = mono_now();
    arm(2);
    arm(0);
    arm(1);
    arm(3);
    assert_true(timeout_armed(&all[3].timeout));
    running_go(&running);
    assert_string_equal(story, "cab.");
    assert_true(mono_between(start, mono_now()).ns >= duration_ms(20).ns);
}

static void two_may_change_places(void **state)
{
    mono now = mono_now();
    timeout_arm_for(&queue, &all[0].timeout, now, duration_ms(5));
    timeout_arm_for(&queue, &all[1].timeout, now, duration_ms(10));
    timeout_arm_for(&queue, &all[3].timeout, now, duration_ms(20));
    timeout_swap(&all[0].timeout, &all[1].timeout);
    timeout_swap(&all[1].timeout, &all[2].timeout);
    assert_false(timeout_armed(&all[1].timeout));
    running_go(&running);
    assert_string_equal(story, "ca.");
}

static void waits_of_their_own_length_expire_in_order(void **state)
{
    mono now = mono_now();
    timeout_arm_for(&queue, &all[3].timeout, now, duration_ms(40));
    timeout_arm_for(&queue, &all[1].timeout, now, duration_ms(10));
    timeout_arm_for(&queue, &all[0].timeout, now, duration_ms(20));
    timeout_arm_for(&queue, &all[2].timeout, now, duration_ms(5));
    running_go(&running);
    assert_string_equal(story, "cba.");
}

static void those_armed_later_expire_later(void **state)
{
    arm(0);
    usleep(5000);
    mono later = mono_now();
    arm(3);
    running_go(&running);
    assert_string_equal(story, "a.");
    assert_true(mono_between(later, mono_now()).ns >= duration_ms(20).ns);
}

static void can_be_cancelled_and_moved(void **state)
{
    for (int i = 0; i < 4; i++)
        arm(i);
    timeout_cancel(&all[1].timeout);
    timeout_cancel(&all[1].timeout);
    assert_false(timeout_armed(&all[1].timeout));
    arm(0);
    arm(3);
    running_go(&running);
    assert_string_equal(story, "ca.");
}

/* The timer still runs for the one that was cancelled; the next must not expire with it. */
static void a_cancelled_one_does_not_hurry_the_next(void **state)
{
    arm(0);
    timeout_cancel(&all[0].timeout);
    usleep(15000);
    mono start = mono_now();
    arm(3);
    running_go(&running);
    assert_true(mono_between(start, mono_now()).ns >= duration_ms(20).ns);
    assert_string_equal(story, ".");
}

static void a_queue_without_a_length_arms_nothing(void **state)
{
    struct timeout_queue off;
    timeout_queue_init(&off, &running.loop, duration_ns(0));
    timeout_arm(&off, &all[0].timeout, mono_now());
    assert_false(timeout_armed(&all[0].timeout));
    arm(1);
    timeout_arm(&off, &all[1].timeout, mono_now());
    assert_false(timeout_armed(&all[1].timeout));
    arm(3);
    running_go(&running);
    assert_string_equal(story, ".");
    timeout_queue_release(&off);
}

static void moves_between_queues(void **state)
{
    struct timeout_queue soon, late;
    timeout_queue_init(&soon, &running.loop, duration_ms(5));
    timeout_queue_init(&late, &running.loop, duration_s(3600));
    timeout_arm(&soon, &all[0].timeout, mono_now());
    timeout_arm(&late, &all[0].timeout, mono_now());
    timeout_arm(&late, &all[1].timeout, mono_now());
    timeout_arm(&soon, &all[1].timeout, mono_now());
    arm(3);
    running_go(&running);
    assert_string_equal(story, "b.");
    timeout_cancel(&all[0].timeout);
    timeout_queue_release(&soon);
    timeout_queue_release(&late);
}

static int rearmed;

static void arm_again(void *arg)
{
    story[strlen(story)] = 'r';
    if (++rearmed < 3)
        timeout_arm(&queue, arg, mono_now());
    else
        loop_stop(&running.loop);
}

static void may_be_armed_again_as_it_expires(void **state)
{
    struct timeout timeout;
    rearmed = 0;
    timeout_init(&timeout, arm_again, &timeout);
    mono start = mono_now();
    timeout_arm(&queue, &timeout, start);
    arm(0);
    running_go(&running);
    assert_string_equal(story, "rarr");
    assert_true(mono_between(start, mono_now()).ns >= duration_ms(60).ns);
}

static void cancel_the_next(void *arg)
{
    story[strlen(story)] = 'x';
    timeout_cancel(&all[0].timeout);
}

/* Both are due in the same round. */
static void one_may_cancel_another_that_is_due(void **state)
{
    struct timeout first;
    mono now = mono_now();
    timeout_init(&first, cancel_the_next, NULL);
    timeout_arm(&queue, &first, now);
    timeout_arm(&queue, &all[0].timeout, now);
    timeout_arm(&queue, &all[3].timeout, now);
    running_go(&running);
    assert_string_equal(story, "x.");
}

static void die(void *arg)
{
    free(arg);
    loop_stop(&running.loop);
}

static void its_owner_may_die_as_it_expires(void **state)
{
    struct timeout *timeout = malloc(sizeof(*timeout));
    assert_non_null(timeout);
    timeout_init(timeout, die, timeout);
    timeout_arm(&queue, timeout, mono_now());
    running_go(&running);
}

static void a_released_queue_is_silent(void **state)
{
    arm(0);
    timeout_queue_release(&queue);
    usleep(25000);
    running_settle(&running);
    assert_string_equal(story, "");
    timeout_cancel(&all[0].timeout);
}

/* They expire when they would have if they had been armed in the other queue. */
static void all_of_a_queue_move_with_the_time_they_have_waited(void **state)
{
    struct timeout_queue longer;
    timeout_queue_init(&longer, &running.loop, duration_ms(60));
    mono start = mono_now();
    arm(1);
    usleep(5000);
    arm(3);
    timeout_queue_move(&longer, &queue);
    running_go(&running);
    duration took = mono_between(start, mono_now());
    assert_string_equal(story, "b.");
    assert_true(took.ns >= duration_ms(65).ns);
    assert_true(list_empty(&queue.waiting));
    timeout_queue_release(&longer);
}

static void moving_to_a_queue_without_a_length_disarms(void **state)
{
    struct timeout_queue off;
    timeout_queue_init(&off, &running.loop, duration_ms(0));
    arm(0);
    timeout_queue_move(&off, &queue);
    assert_false(timeout_armed(&all[0].timeout));
    usleep(25000);
    running_settle(&running);
    assert_string_equal(story, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(expire_in_the_order_they_were_armed_and_not_early),
        TEST(those_armed_later_expire_later),
        TEST(can_be_cancelled_and_moved),
        TEST(a_cancelled_one_does_not_hurry_the_next),
        TEST(a_queue_without_a_length_arms_nothing),
        TEST(moves_between_queues),
        TEST(may_be_armed_again_as_it_expires),
        TEST(one_may_cancel_another_that_is_due),
        TEST(its_owner_may_die_as_it_expires),
        TEST(waits_of_their_own_length_expire_in_order),
        TEST(two_may_change_places),
        TEST(a_released_queue_is_silent),
        TEST(all_of_a_queue_move_with_the_time_they_have_waited),
        TEST(moving_to_a_queue_without_a_length_disarms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
