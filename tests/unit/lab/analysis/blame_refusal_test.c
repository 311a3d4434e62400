/* SPDX-License-Identifier: MIT */
#include "tests/unit/lab/analysis/blame_scene.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
