/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "chaos/fault/fault.h"
#include "lab/analysis/blame.h"
#include "lab/analysis/effects.h"
#include "lib/base/memory.h"

#define MS      INT64_C(1000000)
#define SECOND  (1000 * MS)
#define TIMEOUT (100 * MS)

/* A made-up round: two endpoints of one upstream, asked in turns, 100 times a second each for ten
 * seconds. Cases and tries are added to it. */
struct scene {
    struct stall_wait *waits;
    size_t wait_count;
    struct stalls stalls;
    struct blame_case cases[64];
    struct blame_try tries[256];
    struct blame_span spans[16];
    struct blame_state states[16];
    struct blame_book book;
};

static const char *const endpoints[] = {"127.0.0.1:1", "127.0.0.1:2"};
static const char *const upstreams[] = {"orders", "users"};

static int set_up(void **state)
{
    struct scene *scene = mem_alloc(1, sizeof(*scene));
    scene->waits = mem_alloc(4000, sizeof(*scene->waits));
    for (int64_t i = 0; i < 2000; i++)
        scene->waits[scene->wait_count++] = (struct stall_wait){
            i * 5 * MS, i * 5 * MS + 3 * MS, (uint32_t)(i % 2), STALL_HEAD, true};
    scene->book = (struct blame_book){.cases = scene->cases,
                                      .tries = scene->tries,
                                      .spans = scene->spans,
                                      .states = scene->states,
                                      .endpoints = endpoints,
                                      .upstreams = upstreams,
                                      .endpoint_count = 2,
                                      .upstream_count = 2,
                                      .stalls = &scene->stalls};
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    stalls_free(&scene->stalls);
    blame_free(&scene->book);
    free(scene->waits);
    free(scene);
    return 0;
}

static void add_span(struct scene *scene, const char *name, const char *kind, uint32_t endpoint,
                     int64_t from, int64_t to)
{
    scene->spans[scene->book.span_count++] = (struct blame_span){.from = from,
                                                                 .to = to,
                                                                 .endpoint = endpoint,
                                                                 .class = BLAME_INJECTED,
                                                                 .name = name,
                                                                 .kind = kind,
                                                                 .target = "it",
                                                                 .effects = effects_of_fault(kind)};
}

static struct blame_try *add_try(struct scene *scene, uint32_t owner, uint32_t endpoint,
                                 enum cause outcome, int64_t from, int64_t until)
{
    struct blame_try *try = &scene->tries[scene->book.try_count++];
    *try = (struct blame_try){.owner = owner,
                              .endpoint = endpoint,
                              .number = 1,
                              .outcome = outcome,
                              .from = from,
                              .until = until,
                              .late = -1,
                              .listened = -1,
                              .backend_queue = -1,
                              .backend_lock = -1,
                              .backend_work = -1,
                              .backend_gc = -1,
                              .backend_cleanup = -1};
    return try;
}

static void add_state(struct scene *scene, int64_t at, enum state_kind kind, const char *subject)
{
    scene->states[scene->book.state_count++] =
        (struct blame_state){.at = at, .kind = kind, .subject = subject, .value = -1};
}

static struct blame_case *add_case(struct scene *scene, enum cause cause, int64_t from,
                                   int64_t until)
{
    struct blame_case *item = &scene->cases[scene->book.case_count++];
    *item = (struct blame_case){.part = cause == CAUSE_NONE ? BLAME_SLOW : BLAME_FAILED,
                                .recorded = true,
                                .cause = cause,
                                .status = cause_row(cause)->status,
                                .due = from,
                                .from = from,
                                .until = until,
                                .queue = -1,
                                .deliver = -1,
                                .latency = until - from,
                                .touched = BLAME_NONE};
    return item;
}

/* A request whose only try failed. */
static struct blame_try *fail_once(struct scene *scene, enum cause cause, uint32_t endpoint,
                                   int64_t from, int64_t until)
{
    uint32_t owner = (uint32_t)scene->book.case_count;
    add_case(scene, cause, from, until);
    return add_try(scene, owner, endpoint, cause, from, until);
}

static void judge(struct scene *scene)
{
    stalls_find(&scene->stalls, scene->waits, scene->wait_count, 2);
    blame_sort(&scene->book);
    blame_judge(&scene->book);
}

static const char *blamed(const struct scene *scene, size_t number)
{
    const struct blame_case *item = &scene->cases[number];
    return item->span == BLAME_NONE ? blame_class_name(item->class) : scene->spans[item->span].name;
}

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

/* ---- requests that no endpoint was tried for */

static void an_ejection_is_traced_back_to_what_failed_before_it(void **state)
{
    struct scene *scene = *state;
    char chain[BLAME_CHAIN], verdict[BLAME_VERDICT];
    add_span(scene, "gc", "pause", 0, 2 * SECOND, 2 * SECOND + 300 * MS);
    for (int64_t i = 0; i < 3; i++)
        add_try(scene, BLAME_NONE, 0, CAUSE_RESPONSE_TIMEOUT, 2 * SECOND + i * MS,
                2 * SECOND + i * MS + TIMEOUT);
    add_state(scene, 2 * SECOND + 2 * MS + TIMEOUT, STATE_ENDPOINT_EJECTED, endpoints[0]);
    add_case(scene, CAUSE_NO_ENDPOINT, 7 * SECOND, 7 * SECOND);
    judge(scene);
    assert_string_equal(blamed(scene, 0), "gc");
    blame_chain(chain, &scene->book, &scene->cases[0]);
    assert_string_equal(
        chain, "pause gc > 3 x response_timeout > endpoint_ejected 127.0.0.1:1 > no_endpoint");
    blame_verdict(verdict, &scene->book, &scene->cases[0]);
    assert_non_null(strstr(verdict, "the injected pause \"gc\" on it"));
}

/* What led to an ejection is not asked again about the next one. */
static void each_ejection_has_failures_of_its_own(void **state)
{
    struct scene *scene = *state;
    char chain[BLAME_CHAIN], verdict[BLAME_VERDICT];
    add_span(scene, "gc", "pause", 0, 2 * SECOND, 2 * SECOND + 300 * MS);
    for (int64_t at = 2; at <= 5; at += 3) {
        for (int64_t i = 0; i < 3; i++)
            add_try(scene, BLAME_NONE, 0,
                    at == 5 && i == 0 ? CAUSE_CONNECT_REFUSED : CAUSE_RESPONSE_TIMEOUT, at * SECOND,
                    at * SECOND + TIMEOUT);
        add_state(scene, at * SECOND + TIMEOUT, STATE_ENDPOINT_EJECTED, endpoints[0]);
    }
    add_case(scene, CAUSE_NO_ENDPOINT, 7 * SECOND, 7 * SECOND);
    judge(scene);
    assert_string_equal(blamed(scene, 0), "backend");
    blame_chain(chain, &scene->book, &scene->cases[0]);
    assert_string_equal(chain, "3 failures, mostly response_timeout > endpoint_ejected 127.0.0.1:1 "
                               "> no_endpoint");
    blame_verdict(verdict, &scene->book, &scene->cases[0]);
    assert_non_null(strstr(verdict, "behind 3 failed tries (mostly response_timeout)"));
}

/* The other upstream's ejection, though it is the later one, has refused nobody here. */
static void a_state_of_another_upstream_refuses_nobody(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "ours", "pause", 0, 2 * SECOND, 2 * SECOND + 300 * MS);
    add_span(scene, "theirs", "pause", 1, 3 * SECOND, 3 * SECOND + 300 * MS);
    for (uint32_t i = 0; i < 2; i++) {
        int64_t from = (2 + i) * SECOND;
        add_try(scene, BLAME_NONE, i, CAUSE_RESPONSE_TIMEOUT, from, from + TIMEOUT)->upstream = i;
        add_state(scene, from + TIMEOUT, STATE_ENDPOINT_EJECTED, endpoints[i]);
    }
    for (uint32_t i = 0; i < 2; i++)
        add_case(scene, CAUSE_NO_ENDPOINT, 7 * SECOND, 7 * SECOND)->upstream = i;
    add_state(scene, 8 * SECOND, STATE_POOL_EXHAUSTED, upstreams[1]);
    add_case(scene, CAUSE_QUEUE_TIMEOUT, 9 * SECOND, 9 * SECOND);
    judge(scene);
    assert_string_equal(blamed(scene, 0), "ours");
    assert_string_equal(blamed(scene, 1), "theirs");
    assert_int_equal(scene->cases[2].state, BLAME_NONE);
}

/* What touched the tries that opened a breaker says so of their own requests. */
static void a_breaker_is_traced_back_to_a_fault_that_names_whom_it_touched(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "net", "delay_response", 0, 0, 10 * SECOND);
    scene->spans[0].precise = true;
    for (int64_t i = 0; i < 3; i++) {
        fail_once(scene, CAUSE_RESPONSE_TIMEOUT, 0, 2 * SECOND, 2 * SECOND + TIMEOUT);
        scene->cases[i].touched = 0;
    }
    add_state(scene, 2 * SECOND + TIMEOUT, STATE_BREAKER_OPENED, "orders");
    add_case(scene, CAUSE_BREAKER_OPEN, 3 * SECOND, 3 * SECOND);
    judge(scene);
    assert_string_equal(blamed(scene, 3), "net");
}

/* Nothing of another upstream's endpoint is behind a queue for one's own. */
static void a_queue_is_not_held_up_by_another_upstream(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "theirs", "pause", 1, 2 * SECOND, 2 * SECOND + 300 * MS);
    for (uint32_t i = 0; i < 2; i++)
        add_try(scene, BLAME_NONE, i, CAUSE_RESPONSE_TIMEOUT, 2 * SECOND, 2 * SECOND + TIMEOUT)
            ->upstream = i;
    add_state(scene, 2 * SECOND + 20 * MS, STATE_POOL_EXHAUSTED, "orders");
    add_case(scene, CAUSE_QUEUE_TIMEOUT, 2 * SECOND + 30 * MS, 2 * SECOND + 90 * MS);
    judge(scene);
    assert_int_equal(scene->cases[0].span, BLAME_NONE);
    assert_int_equal(scene->cases[0].class, BLAME_LIMIT);
}

/* An ejection says how many failures led to it. */
static void an_ejection_counts_its_own_failures(void **state)
{
    struct scene *scene = *state;
    for (int64_t i = 0; i < 5; i++)
        add_try(scene, BLAME_NONE, 0, CAUSE_RESPONSE_TIMEOUT, 2 * SECOND + i * MS,
                2 * SECOND + i * MS + TIMEOUT);
    add_state(scene, 2 * SECOND + 4 * MS + TIMEOUT, STATE_ENDPOINT_EJECTED, endpoints[0]);
    scene->states[0].value = 3;
    add_case(scene, CAUSE_NO_ENDPOINT, 7 * SECOND, 7 * SECOND);
    judge(scene);
    assert_int_equal(scene->cases[0].failures, 3);
}

/* Other gateways say that nobody could be asked, and nothing of what led to it. */
static void a_refusal_without_a_state_is_blamed_on_what_was_in_force(void **state)
{
    struct scene *scene = *state;
    char verdict[BLAME_VERDICT];
    add_span(scene, "shut", "refuse", 0, 2 * SECOND, 3 * SECOND);
    add_case(scene, CAUSE_NO_ENDPOINT, 2 * SECOND + 500 * MS, 2 * SECOND + 501 * MS);
    add_case(scene, CAUSE_NO_ENDPOINT, 7 * SECOND, 7 * SECOND + MS);
    judge(scene);
    assert_string_equal(blamed(scene, 0), "shut");
    blame_verdict(verdict, &scene->book, &scene->cases[0]);
    assert_non_null(strstr(verdict, "not recorded, during the injected refuse \"shut\""));
    assert_int_equal(scene->cases[1].class, BLAME_LIMIT);
}

/* The gateway has no record of it: only what was done to the gateway can be behind it. */
static void what_the_gateway_never_recorded_is_not_blamed_on_a_backend(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "one", "kill", 0, 2 * SECOND, 3 * SECOND);
    add_span(scene, "all", "kill", BLAME_EVERYWHERE, 4 * SECOND, 5 * SECOND);
    for (int64_t at = 2; at <= 4; at += 2) {
        struct blame_case *item = add_case(scene, CAUSE_NONE, at * SECOND, at * SECOND + 9 * MS);
        item->part = BLAME_LOST;
        item->recorded = false;
        item->error = CLIENT_ERROR_CONNECT;
    }
    judge(scene);
    assert_int_equal(scene->cases[0].class, BLAME_UNATTRIBUTED);
    assert_string_equal(blamed(scene, 1), "all");
}

/* A request that was tried twice met a pause at each endpoint. */
static void what_held_another_of_its_tries_is_named_too(void **state)
{
    struct scene *scene = *state;
    char verdict[BLAME_VERDICT];
    add_span(scene, "gc", "pause", 0, 2 * SECOND, 2 * SECOND + 300 * MS);
    add_span(scene, "swap", "pause", 1, 2 * SECOND, 2 * SECOND + 300 * MS);
    for (uint32_t i = 0; i < 2; i++)
        add_try(scene, 0, i, CAUSE_RESPONSE_TIMEOUT, 2 * SECOND + i * TIMEOUT,
                2 * SECOND + (i + 1) * TIMEOUT)
            ->number = (uint16_t)(i + 1);
    add_case(scene, CAUSE_RESPONSE_TIMEOUT, 2 * SECOND, 2 * SECOND + 2 * TIMEOUT);
    judge(scene);
    assert_string_equal(blamed(scene, 0), "swap");
    blame_verdict(verdict, &scene->book, &scene->cases[0]);
    assert_non_null(strstr(verdict, "another of its tries met the injected pause \"gc\""));
}

static void a_queue_is_traced_back_to_what_held_it_up(void **state)
{
    struct scene *scene = *state;
    add_span(scene, "gc", "pause", 1, 2 * SECOND, 2 * SECOND + 300 * MS);
    add_state(scene, 2 * SECOND + 100 * MS, STATE_POOL_EXHAUSTED, "orders");
    add_case(scene, CAUSE_QUEUE_TIMEOUT, 2 * SECOND + 110 * MS, 2 * SECOND + 210 * MS);
    add_case(scene, CAUSE_RATE_WAIT_LIMIT, 9 * SECOND, 9 * SECOND);
    judge(scene);
    assert_string_equal(blamed(scene, 0), "gc");
    assert_string_equal(blamed(scene, 1), "limit");
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pause_takes_the_blame_on_its_endpoint_alone),
        TEST(what_is_always_there_does_not_take_the_blame),
        TEST(a_fault_cannot_have_just_any_consequence),
        TEST(without_anything_recorded_the_backends_account_tells),
        TEST(a_fault_that_names_whom_it_touched_has_no_others),
        TEST(what_was_seen_from_outside_comes_last),
        TEST(a_race_without_a_fault_is_a_class_of_its_own),
        TEST(an_ejection_is_traced_back_to_what_failed_before_it),
        TEST(each_ejection_has_failures_of_its_own),
        TEST(a_state_of_another_upstream_refuses_nobody),
        TEST(a_breaker_is_traced_back_to_a_fault_that_names_whom_it_touched),
        TEST(a_queue_is_not_held_up_by_another_upstream),
        TEST(an_ejection_counts_its_own_failures),
        TEST(a_refusal_without_a_state_is_blamed_on_what_was_in_force),
        TEST(what_the_gateway_never_recorded_is_not_blamed_on_a_backend),
        TEST(what_held_another_of_its_tries_is_named_too),
        TEST(a_queue_is_traced_back_to_what_held_it_up),
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
