/* SPDX-License-Identifier: MIT */
#include "tests/unit/lab/analysis/blame_scene.h"

/* ---- one try */

static void a_pause_takes_the_blame_on_its_endpoint_alone(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "gc", "pause", 0, 2 * SECOND, 2 * SECOND + 300 * MS);
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 2 * SECOND, 2 * SECOND + TIMEOUT);
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 1, 2 * SECOND, 2 * SECOND + TIMEOUT);
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 8 * SECOND, 8 * SECOND + TIMEOUT);
    judge(scene);
    assert_string_equal(blamed(scene, 0), "gc");
    assert_int_equal(scene->cases[0].class, BLAME_INJECTED);
    assert_int_equal(scene->cases[0].overlaps[BLAME_INJECTED], TIMEOUT);
    assert_string_equal(blamed(scene, 1), "unattributed");
    assert_string_equal(blamed(scene, 2), "unattributed");
}

/* What is in force all the time meets every failure, and is the reason of few. */
static void what_is_always_there_does_not_take_the_blame(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "slow", "latency", 0, 0, 10 * SECOND);
    add_span(scene, "gc", "pause", 0, 2 * SECOND, 2 * SECOND + 300 * MS);
    for (int64_t i = 0; i < 30; i++)
        fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 2 * SECOND - 60 * MS + i * 10 * MS,
                  2 * SECOND - 60 * MS + i * 10 * MS + TIMEOUT);
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 8 * SECOND, 8 * SECOND + TIMEOUT);
    judge(scene);
    for (size_t i = 0; i < 30; i++)
        assert_string_equal(blamed(scene, i), "gc");
    assert_string_equal(blamed(scene, 30), "slow");
}

static void a_fault_cannot_have_just_any_consequence(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "gc", "pause", 0, 2 * SECOND, 4 * SECOND);
    add_span(scene, "shut", "refuse", 0, 2 * SECOND, 4 * SECOND);
    fail_once(scene, CAUSE_CONNECT_REFUSED, 0, 3 * SECOND, 3 * SECOND + MS);
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 3 * SECOND, 3 * SECOND + TIMEOUT);
    fail_once(scene, CAUSE_RESPONSE_MALFORMED, 0, 3 * SECOND, 3 * SECOND + MS);
    judge(scene);
    assert_string_equal(blamed(scene, 0), "shut");
    assert_string_equal(blamed(scene, 1), "gc");
    assert_string_equal(blamed(scene, 2), "backend");
}

/* A late response tells what the timeout hid; of more time than the try had, it has no more than
 * that. */
static void without_anything_recorded_the_backends_account_tells(void **state)
{
    struct scene *scene = *state;
    struct blame_try *locked =
        fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, SECOND, SECOND + TIMEOUT);
    locked->backend_queue = 380 * MS;
    locked->backend_work = 20 * MS;
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 3 * SECOND, 3 * SECOND + TIMEOUT)->backend_work =
        400 * MS;
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 5 * SECOND, 5 * SECOND + TIMEOUT)->backend_work =
        20 * MS;
    judge(scene);
    assert_string_equal(blamed(scene, 0), "lock");
    assert_int_equal(scene->cases[0].overlaps[BLAME_LOCK], TIMEOUT);
    assert_string_equal(blamed(scene, 1), "work");
    assert_string_equal(blamed(scene, 2), "unattributed");
}

/* What it does while it holds a lock is work; what its own timeout ended took too long. */
static void holding_a_lock_is_not_waiting_for_it(void **state)
{
    struct scene *scene = *state;
    char verdict[BLAME_VERDICT];
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, SECOND, SECOND + TIMEOUT)->backend_lock = 400 * MS;
    scene->tries[0].backend_work = 0;
    struct blame_try *ended =
        fail_once(scene, CAUSE_UPSTREAM_STATUS, 0, 3 * SECOND, 3 * SECOND + TIMEOUT);
    ended->gave_up = true;
    ended->backend_work = TIMEOUT;
    judge(scene);
    assert_string_equal(blamed(scene, 0), "work");
    assert_int_equal(scene->cases[0].overlaps[BLAME_LOCK], 0);
    assert_string_equal(blamed(scene, 1), "work");
    blame_verdict(verdict, &scene->book, &scene->cases[1]);
    assert_non_null(strstr(verdict, "given up by the backend itself"));
}

/* Ten times as many are in flight ever after: in most of the round that is what is usual. */
static void an_overload_that_does_not_end_follows_what_began_it(void **state)
{
    struct scene *scene = *state;
    char chain[BLAME_CHAIN];
    add_span(scene, "gc", "pause", 0, 2 * SECOND, 3 * SECOND);
    for (size_t i = 0; i < scene->wait_count; i++)
        if (scene->waits[i].from >= 2 * SECOND)
            scene->waits[i].until = scene->waits[i].from + 900 * MS;
    struct blame_try *try =
        fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 9 * SECOND, 9 * SECOND + TIMEOUT);
    try->backend_queue = TIMEOUT;
    judge(scene);
    assert_string_equal(blamed(scene, 0), "gc");
    assert_true(scene->cases[0].aftermath);
    blame_chain(chain, &scene->book, &scene->cases[0]);
    assert_string_equal(chain, "pause gc > aftermath > lock > response_timeout");
}

static void a_fault_that_names_whom_it_touched_has_no_others(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "cut", "truncate", 0, 0, 10 * SECOND);
    scene->spans[0].precise = true;
    fail_once(scene, CAUSE_BODY_TRUNCATED, 0, SECOND, SECOND + MS)->faults = "other,cut";
    fail_once(scene, CAUSE_BODY_TRUNCATED, 0, 3 * SECOND, 3 * SECOND + MS);
    fail_once(scene, CAUSE_BODY_TRUNCATED, 0, 4 * SECOND, 4 * SECOND + MS)->faults = "cutter";
    fail_once(scene, CAUSE_BODY_TRUNCATED, 0, 5 * SECOND, 5 * SECOND + MS);
    scene->cases[3].touched = 0;
    judge(scene);
    assert_string_equal(blamed(scene, 0), "cut");
    assert_string_equal(blamed(scene, 1), "backend");
    assert_string_equal(blamed(scene, 2), "backend");
    assert_string_equal(blamed(scene, 3), "cut");
}

static void what_was_seen_from_outside_comes_last(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "", "stall", 0, 2 * SECOND, 3 * SECOND);
    scene->spans[0].class = BLAME_STALL;
    add_span(scene, "gc", "pause", 0, 2 * SECOND + 900 * MS, 3 * SECOND);
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 2 * SECOND + 100 * MS, 2 * SECOND + 200 * MS);
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 2 * SECOND + 850 * MS, 2 * SECOND + 950 * MS);
    judge(scene);
    assert_int_equal(scene->cases[0].class, BLAME_STALL);
    assert_string_equal(blamed(scene, 1), "gc");
}

static void a_race_without_a_fault_is_a_class_of_its_own(void **state)
{
    struct scene *scene = *state;
    fail_once(scene, CAUSE_REUSED_CLOSED, 0, SECOND, SECOND + MS);
    fail_once(scene, CAUSE_UPSTREAM_STATUS, 0, SECOND, SECOND + MS);
    judge(scene);
    assert_int_equal(scene->cases[0].class, BLAME_IDLE_RACE);
    assert_int_equal(scene->cases[1].class, BLAME_BACKEND);
}

/* ---- what would have been */

static void a_late_arrival_tells_whether_it_would_have_been_in_time(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "gc", "pause", 0, 2 * SECOND, 2 * SECOND + 300 * MS);
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 2 * SECOND, 2 * SECOND + TIMEOUT)->late = 220 * MS;
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 2 * SECOND, 2 * SECOND + TIMEOUT)->late = 900 * MS;
    fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 2 * SECOND, 2 * SECOND + TIMEOUT);
    judge(scene);
    assert_int_equal(scene->cases[0].true_wait, 320 * MS);
    assert_int_equal(scene->cases[0].would_succeed, 1);
    assert_int_equal(scene->cases[1].would_succeed, 0);
    assert_int_equal(scene->cases[2].would_succeed, -1);
    assert_true(scene->cases[2].true_wait < 0);
}

/* What the backend says it took itself is not the doing of what happened on the way. */
static void a_delay_on_the_way_is_innocent_of_what_the_backend_took(void **state)
{
    struct scene *scene = *state;
    char verdict[BLAME_VERDICT];
    add_span(scene, "far", "latency", 0, 0, 10 * SECOND);
    scene->spans[0].on_the_way = true;
    const int64_t works[] = {139 * MS, 60 * MS, -1};
    for (int64_t i = 0; i < 3; i++) {
        struct blame_try *try =
            fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, i * SECOND, i * SECOND + TIMEOUT);
        try->late = 40 * MS;
        try->backend_work = works[i];
    }
    judge(scene);
    assert_string_equal(blamed(scene, 0), "work");
    assert_int_equal(scene->cases[0].overlaps[BLAME_INJECTED], MS);
    assert_int_equal(scene->cases[0].would_succeed, -1);
    assert_string_equal(blamed(scene, 1), "far");
    assert_int_equal(scene->cases[1].held, 80 * MS);
    assert_int_equal(scene->cases[1].would_succeed, 1);
    assert_string_equal(blamed(scene, 2), "far");
    assert_int_equal(scene->cases[2].would_succeed, -1);
    blame_verdict(verdict, &scene->book, &scene->cases[2]);
    assert_null(strstr(verdict, "in time"));
}

/* A short pause is innocent of what the backend takes for long. */
static void what_would_have_been_too_late_anyway_is_the_backends(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "gc", "pause", 0, 2 * SECOND + 20 * MS, 2 * SECOND + 30 * MS);
    const int64_t late[] = {300 * MS, 5 * MS};
    for (uint32_t i = 0; i < 2; i++) {
        struct blame_try *try =
            fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 2 * SECOND, 2 * SECOND + TIMEOUT);
        try->late = late[i];
        try->backend_work = TIMEOUT + late[i];
    }
    judge(scene);
    assert_string_equal(blamed(scene, 0), "work");
    assert_string_equal(blamed(scene, 1), "gc");
    assert_int_equal(scene->cases[1].would_succeed, 1);
}

/* It closes what is idle for too long, and nothing that is asked of it. */
static void a_pause_closes_idle_connections_alone(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "gc", "pause", 0, 2 * SECOND, 2 * SECOND + 200 * MS);
    fail_once(scene, CAUSE_CLOSED_BEFORE_RESPONSE, 0, 2 * SECOND + 199 * MS, 2 * SECOND + 201 * MS);
    fail_once(scene, CAUSE_REUSED_CLOSED, 0, 2 * SECOND + 199 * MS, 2 * SECOND + 201 * MS);
    judge(scene);
    assert_string_equal(blamed(scene, 0), "backend");
    assert_string_equal(blamed(scene, 1), "gc");
}

/* The request was reset on one endpoint first; what it ended of is the pause of the other. */
static void the_try_that_ended_it_is_asked_first(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "rst", "reset_peer", 1, 0, 10 * SECOND);
    scene->spans[0].precise = true;
    add_span(scene, "gc", "pause", 0, 2 * SECOND, 2 * SECOND + 300 * MS);
    add_case(scene, CAUSE_RESPONSE_TIMEOUT, 2 * SECOND, 2 * SECOND + TIMEOUT + MS)->touched = 0;
    add_try(scene, 0, 1, CAUSE_RESET_BEFORE_RESPONSE, 2 * SECOND, 2 * SECOND + MS)->number = 1;
    add_try(scene, 0, 0, CAUSE_RESPONSE_TIMEOUT, 2 * SECOND + MS, 2 * SECOND + MS + TIMEOUT)
        ->number = 2;
    add_case(scene, CAUSE_RESPONSE_TIMEOUT, 2 * SECOND, 2 * SECOND + TIMEOUT + MS)->touched = 0;
    add_try(scene, 1, 0, CAUSE_RESPONSE_TIMEOUT, 2 * SECOND, 2 * SECOND + TIMEOUT)->number = 1;
    add_try(scene, 1, 1, CAUSE_RESET_BEFORE_RESPONSE, 2 * SECOND + 9 * MS, 2 * SECOND + 10 * MS)
        ->number = 2; /* its hedge */
    judge(scene);
    for (uint32_t i = 0; i < 2; i++) {
        assert_string_equal(blamed(scene, i), "gc");
        assert_string_equal(scene->spans[scene->cases[i].other].name, "rst");
    }
}

/* ---- what never reached the gateway */

static struct blame_case *lose(struct scene *scene, int64_t due, int64_t from, int64_t until)
{
    struct blame_case *item = add_case(scene, CAUSE_CLIENT_ABORT, from, until);
    item->part = BLAME_LOST;
    item->error = CLIENT_ERROR_TIMEOUT;
    item->due = due;
    item->latency = 400 * MS;
    return item;
}

static void waiting_outside_is_the_clients_or_the_stopped_gateways(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "halt", "stop", BLAME_EVERYWHERE, 2 * SECOND, 2 * SECOND + 600 * MS);
    lose(scene, 2 * SECOND + 50 * MS, 2 * SECOND + 600 * MS, 2 * SECOND + 601 * MS);
    lose(scene, 5 * SECOND, 5 * SECOND + 390 * MS, 5 * SECOND + 400 * MS);
    struct blame_case *unsent = lose(scene, 6 * SECOND, 6 * SECOND, 6 * SECOND + 400 * MS);
    unsent->recorded = false;
    unsent->unsent = true;
    for (uint32_t i = 0; i < 2; i++)
        add_try(scene, i, 0, CAUSE_CLIENT_ABORT, scene->cases[i].from, scene->cases[i].until)
            ->backend_work = MS;
    judge(scene);
    assert_string_equal(blamed(scene, 0), "halt");
    assert_string_equal(blamed(scene, 1), "client");
    assert_string_equal(blamed(scene, 2), "client");
}

/* A try that was not on its endpoint was not held by it. */
static void only_its_own_tries_count(void **state)
{
    struct scene *scene = *state;
    char verdict[BLAME_VERDICT];
    add_span(scene, "gc", "pause", 1, 2 * SECOND, 2 * SECOND + 300 * MS);
    add_case(scene, CAUSE_RESPONSE_TIMEOUT, 2 * SECOND, 2 * SECOND + 2 * TIMEOUT);
    add_try(scene, 0, 0, CAUSE_RESPONSE_TIMEOUT, 2 * SECOND, 2 * SECOND + TIMEOUT);
    struct blame_try *last = add_try(scene, 0, 1, CAUSE_RESPONSE_TIMEOUT, 2 * SECOND + TIMEOUT,
                                     2 * SECOND + 2 * TIMEOUT);
    last->number = 2;
    last->late = 120 * MS;
    judge(scene);
    assert_int_equal(scene->cases[0].held, TIMEOUT);
    blame_verdict(verdict, &scene->book, &scene->cases[0]);
    assert_non_null(strstr(verdict, "after 200ms, 100ms of it in the injected pause"));
    assert_non_null(strstr(verdict, "the response to the last try came after 220ms"));
}

/* ---- slow requests */

static void a_slow_request_waited_for_its_largest_part(void **state)
{
    struct scene *scene = *state;
    static const enum blame_class expected[] = {BLAME_LOCK, BLAME_WORK, BLAME_CLIENT, BLAME_QUEUE,
                                                BLAME_UNATTRIBUTED};
    for (uint32_t i = 0; i < ARRAY_LEN(expected); i++) {
        int64_t from = (6 + i) * SECOND / 2;
        struct blame_case *item = add_case(scene, CAUSE_NONE, from, from + 90 * MS);
        struct blame_try *try = add_try(scene, i, 0, CAUSE_NONE, from, from + 90 * MS);
        try->backend_queue = expected[i] == BLAME_LOCK ? 50 * MS : 0;
        try->backend_work = expected[i] == BLAME_WORK ? 60 * MS : 5 * MS;
        item->queue = expected[i] == BLAME_QUEUE ? 70 * MS : -1;
        item->latency += expected[i] == BLAME_CLIENT ? 300 * MS : 0;
    }
    add_span(scene, "gc", "pause", 0, 2 * SECOND, 2 * SECOND + 60 * MS);
    add_case(scene, CAUSE_NONE, 2 * SECOND, 2 * SECOND + 90 * MS);
    add_try(scene, ARRAY_LEN(expected), 0, CAUSE_NONE, 2 * SECOND, 2 * SECOND + 90 * MS);
    judge(scene);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_string_equal(blamed(scene, i), blame_class_name(expected[i]));
    assert_string_equal(blamed(scene, ARRAY_LEN(expected)), "gc");
}

/* ---- the tables */

static void every_kind_of_fault_has_its_effects(void **state)
{
    for (int kind = 0; kind < FAULT_COUNT; kind++)
        if (strcmp(fault_kind_names[kind], "descriptors") != 0)
            assert_int_not_equal(effects_of_fault(fault_kind_names[kind]), EFFECT_ALL);
    assert_int_equal(effects_of_fault("anything"), EFFECT_ALL);
}

static void an_empty_round_is_judged(void **state)
{
    struct scene *scene = *state;
    scene->wait_count = 0;
    judge(scene);
    assert_int_equal(scene->stalls.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pause_takes_the_blame_on_its_endpoint_alone),
        TEST(what_is_always_there_does_not_take_the_blame),
        TEST(a_fault_cannot_have_just_any_consequence),
        TEST(without_anything_recorded_the_backends_account_tells),
        TEST(holding_a_lock_is_not_waiting_for_it),
        TEST(an_overload_that_does_not_end_follows_what_began_it),
        TEST(a_fault_that_names_whom_it_touched_has_no_others),
        TEST(what_was_seen_from_outside_comes_last),
        TEST(a_race_without_a_fault_is_a_class_of_its_own),
        TEST(a_late_arrival_tells_whether_it_would_have_been_in_time),
        TEST(a_delay_on_the_way_is_innocent_of_what_the_backend_took),
        TEST(what_would_have_been_too_late_anyway_is_the_backends),
        TEST(a_pause_closes_idle_connections_alone),
        TEST(the_try_that_ended_it_is_asked_first),
        TEST(waiting_outside_is_the_clients_or_the_stopped_gateways),
        TEST(only_its_own_tries_count),
        TEST(a_slow_request_waited_for_its_largest_part),
        TEST(every_kind_of_fault_has_its_effects),
        TEST(an_empty_round_is_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
